use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use millstream_connect::data::{Map, SchemaAndValue};
use millstream_connect::{Origin, Outcome, Record, SinkTask, TaskError, TimestampType, Written};

use crate::http_server::{HttpServer, Reply, Request};
use crate::open;

fn record(offset: i64, key: &str, value: impl Into<SchemaAndValue>) -> Record {
    let timestamp_type = TimestampType::CreateTime;
    let origin = Origin { topic: "orders".into(), partition: 0, offset, timestamp_type };
    let record = Record::new("orders".into(), value).key(SchemaAndValue::string(key));
    Record { origin: Some(origin), ..record }
}

fn numbered(n: i64) -> Record {
    record(n, &format!("k{}", n % 7), SchemaAndValue::schemaless(Map::new().with("n", n)))
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    /// The numbers that were taken, in order.
    taken: Vec<i64>,
}

/// A server that takes what `fault` lets pass, given the number of the request.
struct Server {
    server: HttpServer,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    async fn start(fault: impl Fn(usize, &Request) -> Option<Reply> + Send + Sync + 'static) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let kept = seen.clone();
        let server = HttpServer::start(move |request| {
            let mut seen = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let nth = seen.requests.len();
            seen.requests.push(request.clone());
            let reply = fault(nth, request);
            // What is cut after it was taken is taken.
            if reply.as_ref().is_none_or(|reply| matches!(reply, Reply::Half(_))) {
                let text = String::from_utf8_lossy(&request.body);
                let numbers =
                    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<i64>().ok());
                seen.taken.extend(numbers);
            }
            reply.unwrap_or(Reply::status(204, ""))
        });
        Ok(Self { server: server.await?, seen })
    }

    async fn sink(&self, path: &str, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
        let url = self.server.url(path);
        let given = [("url", &*url), ("retry.backoff.ms", "1"), ("http.request.timeout.ms", "500")];
        open::sink("http", &[&given[..], options].concat()).await
    }

    fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tokio::test]
async fn a_record_is_a_request_with_its_places_filled_in() -> Result<()> {
    let server = Server::start(|_, _| None).await?;
    let options = [
        ("request.method", "put"),
        ("body.template", "{\"order\": \"${key}\", \"n\": ${value:/n}}"),
        ("headers", "X-Shop: berlin | X-Day: sunday"),
        ("auth.token", "t0ken"),
        ("behavior.on.null.values", "delete"),
    ];
    let mut sink = server.sink("/${topic}/${key}", &options).await?;
    let tombstone = record(2, "a b", SchemaAndValue::NULL);
    assert_eq!(sink.write(&[numbered(1), tombstone]).await?, Written::All);
    server.seen(|seen| {
        let [put, delete] = &seen.requests[..] else { panic!("{:?}", seen.requests) };
        assert_eq!(
            (&*put.method, &*put.path, &*put.body),
            ("PUT", "/orders/k1", &br#"{"order": "k1", "n": 1}"#[..])
        );
        assert_eq!((&*delete.method, &*delete.path, delete.body.len()), ("DELETE", "/orders/a%20b", 0));
        let said =
            ["x-shop", "x-day", "authorization", "content-type"].map(|name| put.headers[name].as_str());
        assert_eq!(said, ["berlin", "sunday", "Bearer t0ken", "application/json"]);
    });
    Ok(())
}

/// As after a crash, or where somebody else was first.
#[tokio::test]
async fn what_has_gone_already_is_deleted() -> Result<()> {
    let server =
        Server::start(|_, request| (request.method == "DELETE").then(|| Reply::status(404, ""))).await?;
    let mut sink = server.sink("/${topic}/${key}", &[("behavior.on.null.values", "delete")]).await?;
    assert_eq!(sink.write(&[record(1, "a", SchemaAndValue::NULL)]).await?, Written::All);
    Ok(())
}

/// A key is a name in the path, and never the way to another path.
#[tokio::test]
async fn a_key_that_leads_elsewhere_is_refused_alone() -> Result<()> {
    let server = Server::start(|_, _| None).await?;
    let mut sink = server.sink("/${topic}/${key}", &[("behavior.on.null.values", "delete")]).await?;
    let keys = ["..", "ok", ".", ""];
    let records = keys.map(|key| record(1, key, SchemaAndValue::NULL));
    let Written::Each(outcomes) = sink.write(&records).await? else { panic!("not all can be sent") };
    let refused: Vec<bool> =
        outcomes.iter().map(|outcome| matches!(outcome, Outcome::Reject { .. })).collect();
    assert_eq!(refused, [true, false, true, true], "{outcomes:?}");
    server.seen(|seen| {
        let paths: Vec<&str> = seen.requests.iter().map(|request| &*request.path).collect();
        assert_eq!(paths, ["/orders/ok"]);
    });
    Ok(())
}

#[tokio::test]
async fn whatever_goes_wrong_records_arrive_and_those_of_a_key_in_order() -> Result<()> {
    let server = Server::start(|nth, _| match nth % 9 {
        0 => Some(Reply::status(429, "").header("retry-after", "0")),
        2 => Some(Reply::Cut),
        4 => Some(Reply::status(503, "")),
        6 => Some(Reply::Half(Vec::new())),
        // Once: each costs its time-out.
        7 if nth == 7 => Some(Reply::Hang),
        _ => None,
    })
    .await?;
    let mut sink = server.sink("/", &[("max.in.flight.requests", "4"), ("max.retries", "50")]).await?;
    let records: Vec<Record> = (0..100).map(numbered).collect();
    assert_eq!(sink.write(&records).await?, Written::All);
    server.seen(|seen| {
        let mut by_key: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for n in &seen.taken {
            by_key.entry(n % 7).or_default().push(*n);
        }
        for (key, mut numbers) in by_key {
            numbers.dedup();
            let expected: Vec<i64> = (0..100).filter(|n| n % 7 == key).collect();
            assert_eq!(numbers, expected, "key {key}");
        }
    });
    Ok(())
}

#[tokio::test]
async fn some_at_once_are_a_list_and_the_bad_one_is_found() -> Result<()> {
    let bad = |request: &Request| String::from_utf8_lossy(&request.body).contains("13");
    let server = Server::start(move |_, request| bad(request).then(|| Reply::status(422, "no 13"))).await?;
    let mut sink = server.sink("/", &[("batch.max.size", "8")]).await?;
    let records: Vec<Record> = (0..20).map(numbered).collect();
    let Written::Each(outcomes) = sink.write(&records).await? else { panic!("13 is taken") };
    assert_eq!(outcomes[13], Outcome::Reject { why: "status 422: no 13".into() });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Ok).count(), 19);
    server.seen(|seen| {
        let first = serde_json::from_slice::<serde_json::Value>(&seen.requests[0].body);
        assert_eq!(first.unwrap().as_array().map(Vec::len), Some(8));
        let mut taken = seen.taken.clone();
        taken.sort_unstable();
        assert_eq!(taken, (0..20).filter(|n| *n != 13).collect::<Vec<_>>());
    });
    Ok(())
}

#[tokio::test]
async fn lines_are_a_matter_of_separators_and_text_is_sent_as_it_is() -> Result<()> {
    let server = Server::start(|_, _| None).await?;
    let lines = [
        ("batch.max.size", "10"),
        ("batch.prefix", ""),
        ("batch.separator", "\\n"),
        ("batch.suffix", "\\n"),
        ("content.type", "application/x-ndjson"),
    ];
    let texts =
        [record(0, "a", SchemaAndValue::string("first")), record(1, "b", SchemaAndValue::string("second"))];
    assert_eq!(server.sink("/", &lines).await?.write(&texts).await?, Written::All);
    assert_eq!(server.sink("/", &[]).await?.write(&texts[..1]).await?, Written::All);
    server.seen(|seen| {
        assert_eq!(seen.requests[0].body, b"first\nsecond\n");
        assert_eq!(seen.requests[0].headers["content-type"], "application/x-ndjson");
        assert_eq!(seen.requests[1].body, b"first");
        assert_eq!(seen.requests[1].headers["content-type"], "text/plain; charset=utf-8");
    });
    Ok(())
}

#[tokio::test]
async fn what_the_server_asks_for_is_handed_on_and_a_refusal_of_who_asks_is_fatal() -> Result<()> {
    let server = Server::start(|nth, _| {
        Some(if nth == 0 {
            Reply::status(429, "").header("retry-after", "120")
        } else {
            Reply::status(401, "")
        })
    })
    .await?;
    let mut sink = server.sink("/", &[("retry.timeout.ms", "1000")]).await?;
    let error = sink.write(&[numbered(1)]).await.unwrap_err();
    assert!(
        matches!(error, TaskError::Retry { after: Some(after), .. } if after == Duration::from_secs(120))
    );
    let error = sink.write(&[numbered(1)]).await.unwrap_err();
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains("auth.token")), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_fails_at_a_record_is_not_one_that_is_away() -> Result<()> {
    let server = Server::start(|_, request| {
        let fails = request.body.windows(3).any(|three| three == b"500");
        Some(Reply::status(if fails { 500 } else { 503 }, ""))
    })
    .await?;
    let mut sink = server.sink("/", &[("max.retries", "1"), ("retry.backoff.ms", "1")]).await?;
    let Written::Each(outcomes) = sink.write(&[numbered(500)]).await? else { panic!("taken") };
    assert!(matches!(outcomes[0], Outcome::Retry { .. }), "{outcomes:?}");
    let error = sink.write(&[numbered(1)]).await.unwrap_err();
    assert!(matches!(&error, TaskError::Retry { why, .. } if why.contains("503")), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() -> Result<()> {
    for (options, about) in [
        (&[("url", "http://h/${key}"), ("batch.max.size", "2")][..], "batch.max.size=1"),
        (&[("url", "http://h/"), ("batch.max.size", "2"), ("behavior.on.null.values", "delete")], "DELETE"),
        (&[("url", "http://h/${id}")], "filled in"),
        (&[("url", "http://h/"), ("headers", "s3cret")], "Name: value"),
    ] {
        let error =
            open::sink("http", options).await.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains(about), "{options:?}: {error}");
    }
    Ok(())
}
