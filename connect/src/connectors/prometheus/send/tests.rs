//! The sink before a server that answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::super::form;
use super::super::remote::{Limits, Series, decode};
use super::super::series::{NAME, Sample};
use super::*;
use crate::http::server::HttpServer;
use crate::options::{Given, Options};

const LIMITS: Limits = Limits { bytes: 1 << 20, series: 1_000, samples: 1_000, labels: 10_000 };

type Sent = Arc<Mutex<Vec<Vec<Series>>>>;
type Say = dyn Fn(&[Series], usize) -> (u16, &'static str) + Send + Sync;

/// A server that answers what `say` makes of the request and of its number; it keeps what it was sent.
struct Scripted {
    server: HttpServer,
    sent: Sent,
}

impl Scripted {
    async fn start(say: impl Fn(&[Series], usize) -> (u16, &'static str) + Send + Sync + 'static) -> Self {
        let (sent, say): (Sent, Arc<Say>) = (Arc::default(), Arc::new(say));
        let kept = sent.clone();
        let answer = move |headers: HeaderMap, body: Bytes| async move {
            assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
            assert_eq!(
                (&headers["content-encoding"], &headers["content-type"]),
                (&"snappy".parse().unwrap(), &"application/x-protobuf".parse().unwrap())
            );
            let series = decode(&body, &LIMITS).unwrap().series;
            let mut kept = kept.lock().unwrap();
            kept.push(series);
            let (code, said) = say(&kept[kept.len() - 1], kept.len());
            (StatusCode::from_u16(code).unwrap(), [("retry-after", "7")], said)
        };
        let server =
            HttpServer::start("127.0.0.1:0", 16, Router::new().route("/w", post(answer))).await.unwrap();
        Self { server, sent }
    }

    async fn sink(&self, options: &[(&str, &str)]) -> Box<dyn SinkTask> {
        let url = format!("http://{}/w", self.server.address());
        let all = [("url", url.as_str()), ("shards", "1")].into_iter().chain(options.iter().copied());
        let given = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let options = SendOptions::read(&Given::new(&given)).unwrap();
        RemoteWriteSink::open(options, SinkContext::default()).await.unwrap()
    }

    /// Metrics and times of each request.
    fn sent(&self) -> Vec<Vec<(String, Vec<i64>)>> {
        let one = |series: &Series| {
            let times = series.samples.iter().map(|sample| sample.timestamp).collect();
            (series.labels.metric().to_owned(), times)
        };
        self.sent.lock().unwrap().iter().map(|request| request.iter().map(one).collect()).collect()
    }
}

fn record(metric: &str, timestamp: i64) -> Record {
    let labels = Labels::new(vec![(NAME.to_owned(), metric.to_owned())]).unwrap();
    let mut out = Vec::new();
    let series = Series { labels, samples: vec![Sample { timestamp, value: 1.0 }] };
    form::records(&"t".into(), series, form::Form::Sample, i64::MAX, &mut out);
    out.remove(0)
}

async fn written(sink: &mut Box<dyn SinkTask>, records: &[Record]) -> Vec<Outcome> {
    match sink.write(records).await.unwrap() {
        Written::Each(outcomes) => outcomes,
        Written::All => panic!("it answers for each"),
    }
}

fn rejected(outcomes: &[Outcome]) -> Vec<usize> {
    let is_rejected = |at: &usize| matches!(outcomes[*at], Outcome::Reject { .. });
    (0..outcomes.len()).filter(is_rejected).collect()
}

#[tokio::test]
async fn a_request_has_each_series_once_and_no_more_samples_than_may_be() {
    let server = Scripted::start(|_, _| (204, "")).await;
    let mut sink = server.sink(&[("max.samples.per.send", "3")]).await;
    let records = [record("a", 2), record("b", 1), record("a", 1), record("a", 3)];
    assert_eq!(written(&mut sink, &records).await, vec![Outcome::Ok; 4]);
    let (a, b) = (("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1]));
    assert_eq!(server.sent(), [vec![a, b], vec![("a".to_owned(), vec![3])]]);
}

#[tokio::test]
async fn only_what_is_refused_is_rejected() {
    let bad = |series: &Series| series.labels.metric().starts_with("bad");
    let server = Scripted::start(move |request, _| match request.iter().any(bad) {
        true => (400, "I do not like it"),
        false => (200, ""),
    })
    .await;
    let mut sink = server.sink(&[]).await;
    let names = ["a", "bad_1", "b", "c", "d", "bad_2", "e"];
    let records: Vec<Record> = names.iter().map(|name| record(name, 1)).collect();
    let outcomes = written(&mut sink, &records).await;
    assert_eq!(rejected(&outcomes), [1, 5]);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Ok).count(), 5);
    let why = Outcome::Reject { why: "the server answers 400 Bad Request: I do not like it".to_owned() };
    assert_eq!(outcomes[5], why);
}

#[tokio::test]
async fn what_is_put_off_holds_up_what_follows_and_comes_again() {
    let server = Scripted::start(|_, number| if number == 2 { (429, "slowly") } else { (204, "") }).await;
    let mut sink = server.sink(&[("max.samples.per.send", "1")]).await;
    let records = [record("a", 1), record("a", 2), record("a", 3)];
    let outcomes = written(&mut sink, &records).await;
    let why = "the server answers 429 Too Many Requests: slowly".to_owned();
    let again = Outcome::Retry { after: Some(Duration::from_secs(7)), why };
    assert_eq!(outcomes, [Outcome::Ok, again.clone(), again]);
    assert_eq!(server.sent().len(), 2, "the third is not tried before the second");
    assert_eq!(written(&mut sink, &records[1..]).await, [Outcome::Ok, Outcome::Ok]);
}

#[tokio::test]
async fn no_sample_is_to_blame_for_a_server_that_takes_none() {
    let server = Scripted::start(|_, number| if number < 3 { (503, "away") } else { (204, "") }).await;
    let mut sink = server.sink(&[]).await;
    let records = [record("a", 1), record("b", 2)];
    for _ in 0..2 {
        let error = sink.write(&records).await.unwrap_err();
        assert!(matches!(&error, TaskError::Retry { why, .. } if why.contains("503")), "{error:?}");
    }
    assert_eq!(written(&mut sink, &records).await, [Outcome::Ok, Outcome::Ok]);
}

#[tokio::test]
async fn what_comes_too_late_is_counted_or_rejected() {
    let late = |series: &Series| series.samples.iter().any(|sample| sample.timestamp < 10);
    let say = move |request: &[Series], _| match request.iter().any(late) {
        true => (400, "out of order sample"),
        false => (204, ""),
    };
    let server = Scripted::start(say).await;
    let records = [record("a", 10), record("a", 9), record("b", 11), record("b", 8)];
    let mut counting = server.sink(&[]).await;
    assert_eq!(written(&mut counting, &records).await, vec![Outcome::Ok; 4]);
    let mut rejecting = server.sink(&[("out.of.order", "reject")]).await;
    assert_eq!(rejected(&written(&mut rejecting, &records).await), [1, 3]);
}

#[tokio::test]
async fn a_wrong_address_is_no_record_s_fault() {
    let server = Scripted::start(|_, _| (401, "who are you?")).await;
    let mut sink = server.sink(&[]).await;
    let why = sink.write(&[record("a", 1)]).await.unwrap_err();
    assert!(matches!(&why, TaskError::Fatal { why } if why.contains("auth.*")), "{why:?}");
}

#[tokio::test]
async fn what_is_no_series_is_rejected_before_it_is_sent() {
    let server = Scripted::start(|_, _| (204, "")).await;
    let mut sink = server.sink(&[("labels", "zone=eu")]).await;
    let tombstone = Record::new("t".into(), crate::data::SchemaAndValue::NULL);
    let text = Record::new("t".into(), crate::data::SchemaAndValue::string("no series"));
    let outcomes = written(&mut sink, &[tombstone, text, record("my.metric", 1), record("ns:m", 1)]).await;
    assert_eq!((rejected(&outcomes), server.sent().len()), (vec![1, 2], 1));
    assert_eq!(server.sent.lock().unwrap()[0][0].labels.to_string(), r#"ns:m{zone="eu"}"#);
    let mut lenient = server.sink(&[("name.validation", "utf8")]).await;
    assert_eq!(written(&mut lenient, &[record("my.metric", 1)]).await, [Outcome::Ok]);
}

#[tokio::test]
async fn shards_send_at_once_and_keep_their_series() {
    let server = Scripted::start(|_, _| (204, "")).await;
    let mut sink = server.sink(&[("shards", "4"), ("max.samples.per.send", "5")]).await;
    let records: Vec<Record> = (0..200).map(|at| record(&format!("m{}", at % 20), at / 20)).collect();
    assert_eq!(written(&mut sink, &records).await, vec![Outcome::Ok; 200]);
    let mut newest = std::collections::BTreeMap::new();
    for (metric, times) in server.sent().into_iter().flatten() {
        for time in times {
            assert!(
                newest.insert(metric.clone(), time).is_none_or(|before| before < time),
                "{metric} at {time}"
            );
        }
    }
    assert_eq!(newest.len(), 20);
    assert!(newest.values().all(|newest| *newest == 9));
}
