//! State over HTTP, as JSON.
//!
//! ```text
//! GET /metrics                             what `Metrics::to_prometheus` writes
//! GET /stores                              [{"name": "counts", "approximate_count": 3}]
//! GET /stores/counts/whale                 {"key": "whale", "value": 1}
//! GET /stores/counts?from=a&to=b&limit=10  {"entries": [{"key": "a", "value": 1}], "complete": true}
//! GET /stores/counts?prefix=wh             the keys that begin with these bytes
//! GET /stores/counts?reverse=true&after=b  the last first, behind b
//!
//! GET /stores/views/whale?from=0&to=60000  {"key": "whale", "windows": [{"start": 0, "end": 60000, "value": 1}], "complete": true}
//! GET /stores/views?from=0&to=60000        {"entries": [{"key": "whale", "start": 0, "end": 60000, "value": 1}], "complete": true}
//! ```
//!
//! The last two are of a window store, `views`: `from` and `to` are starts of windows in milliseconds, both included.
//!
//! Any instance answers for all. Where an answer is not complete, `after=KEY` with the last entry's goes on behind it; in a window
//! store `from=START&after=KEY`, or `to=START&after=KEY` if reversed; in the windows of one key `after=START`. `position=true` adds how far the tasks had come that have
//! answered, `{"position": {"topic": {"0": 17}}}`: the first offset that the answer knows nothing of. `stale_ok=100` has a standby
//! answer if need be that is at most so many records behind; then `{"behind": {"records": 3, "ms": 20}}` says
//! how many it was, and how long ago it was last known to have everything (`null`: never yet).
//!
//! Errors are `{"error": "rebalancing", "message": "what to do"}` with a status that fits.

use std::ops::Bound;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::served::{ServeError, TextRange, TextSpan};
use super::super::{Answer, QueryError, Served, Staleness};

/// Entries of a range unless the request says how many.
const DEFAULT_LIMIT: usize = 100;

/// Entries that one response may have; a client goes on behind the last key.
const MAX_LIMIT: usize = 10_000;

pub(super) type Stores = Arc<Vec<Served>>;

pub(super) async fn list(State(stores): State<Stores>) -> Result<Json<Value>, ServeError> {
    let mut listed = Vec::new();
    for store in stores.iter() {
        let approximate_count = store.approximate_count().await?;
        listed.push(json!({ "name": store.name(), "approximate_count": approximate_count }));
    }
    Ok(Json(listed.into()))
}

type Parameters = Result<Query<Form>, QueryRejection>;

pub(super) async fn one(
    State(stores): State<Stores>,
    Path((name, key)): Path<(String, String)>,
    query: Parameters,
) -> Result<Response, ServeError> {
    let form = Form::of(query)?;
    Ok(match find(&stores, &name)? {
        Served::Entries(store) => {
            let mut answer = store.get(&key, form.stale_ok).await?;
            match answer.value.take().map(entry_json) {
                Some(value) => form.shown(answer.map(|_| value)).into_response(),
                None => {
                    let message = format!("store {name:?} has no key {key:?}");
                    failure(StatusCode::NOT_FOUND, "no_such_key", &message)
                }
            }
        }
        Served::Windows(store) => {
            let windows = store.of_key(&key, form.span_of_key()?).await?;
            let complete = !windows.cut && windows.value.1.len() < form.limit();
            let body = |(key, windows)| json!({ "key": key, "windows": windows, "complete": complete });
            form.shown(windows.map(body)).into_response()
        }
    })
}

pub(super) async fn range(
    State(stores): State<Stores>,
    Path(name): Path<String>,
    query: Parameters,
) -> Result<Json<Value>, ServeError> {
    let form = Form::of(query)?;
    let entries = match find(&stores, &name)? {
        Served::Windows(store) => store.of_all(form.span()?).await?,
        Served::Entries(store) => {
            let entries = store.range(form.range()?).await?;
            entries.map(|entries| entries.into_iter().map(entry_json).collect())
        }
    };
    let complete = !entries.cut && entries.value.len() < form.limit();
    Ok(form.shown(entries.map(|entries| json!({ "entries": entries, "complete": complete }))))
}

fn entry_json((key, value): (Value, Value)) -> Value {
    json!({ "key": key, "value": value })
}

/// What a URL may ask for. A misspelt name is refused: it would answer with the whole store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    from: Option<String>,
    to: Option<String>,
    prefix: Option<String>,
    after: Option<String>,
    #[serde(default)]
    reverse: bool,
    limit: Option<usize>,
    #[serde(default)]
    position: bool,
    stale_ok: Option<u64>,
}

impl Form {
    fn of(query: Parameters) -> Result<Self, ServeError> {
        let Query(form) = query.map_err(|rejection| ServeError::Form(rejection.body_text()))?;
        Ok(form)
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)
    }

    fn range(&self) -> Result<TextRange, ServeError> {
        let Self { from, to, prefix, after, reverse, stale_ok, .. } = self;
        if prefix.is_some() && (from.is_some() || to.is_some()) {
            return Err(ServeError::Form("either `prefix`, or `from` and `to`".to_owned()));
        }
        Ok(TextRange {
            from: from.clone(),
            to: to.clone(),
            prefix: prefix.clone(),
            after: after.clone(),
            reverse: *reverse,
            limit: self.limit(),
            stale: *stale_ok,
        })
    }

    fn span(&self) -> Result<TextSpan, ServeError> {
        let Self { after, reverse, stale_ok, .. } = self;
        let starts = self.starts()?;
        let after = match (after, if *reverse { starts.1 } else { starts.0 }) {
            (None, _) => None,
            (Some(key), Bound::Included(start)) => Some((start, key.clone())),
            (Some(_), _) => {
                let text = "`after` goes on in the windows that start at `from`, or at `to` if reversed";
                return Err(ServeError::Form(text.to_owned()));
            }
        };
        Ok(TextSpan { starts, after, reverse: *reverse, limit: self.limit(), stale: *stale_ok })
    }

    /// A span of the windows of one key: `after` is a start.
    fn span_of_key(&self) -> Result<TextSpan, ServeError> {
        let (mut from, mut to) = self.starts()?;
        let after = self.after.as_deref().map(start).transpose()?;
        match after {
            Some(after) if self.reverse && !matches!(to, Bound::Included(to) if to < after) => {
                to = Bound::Excluded(after);
            }
            Some(after) if !self.reverse && !matches!(from, Bound::Included(from) if from > after) => {
                from = Bound::Excluded(after);
            }
            Some(_) | None => {}
        }
        let (reverse, stale) = (self.reverse, self.stale_ok);
        Ok(TextSpan { starts: (from, to), after: None, reverse, limit: self.limit(), stale })
    }

    /// The bounds as starts of windows.
    fn starts(&self) -> Result<(Bound<i64>, Bound<i64>), ServeError> {
        if self.prefix.is_some() {
            return Err(ServeError::Form("only key-value stores know `prefix`".to_owned()));
        }
        let bound = |text: &Option<String>| match text {
            Some(text) => start(text).map(Bound::Included),
            None => Ok(Bound::Unbounded),
        };
        Ok((bound(&self.from)?, bound(&self.to)?))
    }

    /// An answer as JSON, with what it stands for.
    fn shown(&self, answer: Answer<Value>) -> Json<Value> {
        let Answer { value: mut body, position, staleness, .. } = answer;
        if self.position {
            let mut topics = serde_json::Map::new();
            for (partition, offset) in position.iter() {
                let topic = topics.entry(&*partition.topic).or_insert_with(|| json!({}));
                topic[partition.partition.to_string()] = offset.into();
            }
            body["position"] = topics.into();
        }
        if let Some(Staleness { records, age }) = staleness {
            let ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            body["behind"] = json!({ "records": records, "ms": ms });
        }
        Json(body)
    }
}

fn start(text: &str) -> Result<i64, ServeError> {
    let mistake = "windows are asked for by their starts, in milliseconds since 1970";
    text.parse().map_err(|_| ServeError::Form(mistake.to_owned()))
}

fn find<'a>(stores: &'a Stores, name: &str) -> Result<&'a Served, QueryError> {
    let found = stores.iter().find(|store| store.name() == name);
    found.ok_or_else(|| {
        let served = stores.iter().map(|store| store.name().to_owned());
        QueryError::unknown(name, served.collect())
    })
}

impl IntoResponse for ServeError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Query(error) => (status(error), error.code()),
            Self::Form(_) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Json(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"),
            Self::Key { .. } => (StatusCode::BAD_REQUEST, "bad_key"),
        };
        failure(status, code, &self.to_string())
    }
}

fn status(error: &QueryError) -> StatusCode {
    match error {
        QueryError::UnknownStore { .. } => StatusCode::NOT_FOUND,
        QueryError::NotHere { .. } => StatusCode::MISDIRECTED_REQUEST,
        QueryError::Rebalancing { .. } | QueryError::Unreachable { .. } | QueryError::Stopped => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        QueryError::OtherTypes { .. }
        | QueryError::NoPartition { .. }
        | QueryError::Failed { .. }
        | QueryError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(super) fn failure(status: StatusCode, code: &str, message: &str) -> Response {
    let body = Json(json!({ "error": code, "message": message }));
    match status {
        StatusCode::SERVICE_UNAVAILABLE => (status, [(header::RETRY_AFTER, "1")], body).into_response(),
        _ => (status, body).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::net::SocketAddr;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::{router, serve};
    use super::*;
    use crate::query::served::{Asked, ServedEntries};
    use crate::query::tests::owners;
    use crate::runtime::TopicPartition;
    use millstream_http::Server;

    /// A store of the keys a to e, ready or not.
    struct Letters {
        ready: bool,
    }

    impl Letters {
        fn check(&self) -> Result<(), ServeError> {
            if self.ready { Ok(()) } else { Err(QueryError::Rebalancing { store: "letters".into() }.into()) }
        }
    }

    impl ServedEntries for Letters {
        fn name(&self) -> &str {
            if self.ready { "letters" } else { "restoring" }
        }

        fn get<'a>(&'a self, key: &'a str, stale: Option<u64>) -> Asked<'a, Option<(Value, Value)>> {
            let found = self.check().map(|()| Answer {
                value: "abcde".find(key).map(|at| (key.into(), at.into())),
                position: [(TopicPartition::new("in", 1), 17)].into_iter().collect(),
                staleness: stale.map(|records| Staleness { records, age: Some(Duration::from_millis(20)) }),
                ..Answer::default()
            });
            async move { found }.boxed()
        }

        fn range(&self, range: TextRange) -> Asked<'_, Vec<(Value, Value)>> {
            let from = range.from.unwrap_or_default();
            let to = range.to.unwrap_or("e".into());
            let letters = "abcde".chars().map(String::from).filter(|key| *key >= from && *key <= to);
            let entries = letters.take(range.limit).map(|key| (key.into(), 1.into())).collect();
            async move { Ok(Answer { value: entries, ..Answer::default() }) }.boxed()
        }

        fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>> {
            async { Ok(5) }.boxed()
        }
    }

    async fn ask(address: SocketAddr, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    #[test]
    fn the_windows_of_a_key_go_on_behind_a_start() {
        let starts = |uri: &str| {
            let query = Query::try_from_uri(&uri.parse().unwrap());
            let span = Form::of(query).unwrap().span_of_key().ok()?;
            Some((span.starts, span.limit))
        };
        use Bound::{Excluded, Included, Unbounded};
        assert_eq!(starts("/?after=7&limit=2"), Some(((Excluded(7), Unbounded), 2)));
        assert_eq!(starts("/?from=3&after=7&to=9"), Some(((Excluded(7), Included(9)), DEFAULT_LIMIT)));
        assert_eq!(starts("/?from=8&after=7"), Some(((Included(8), Unbounded), DEFAULT_LIMIT)));
        let reversed = Some(((Included(3), Excluded(7)), DEFAULT_LIMIT));
        assert_eq!(starts("/?from=3&to=9&after=7&reverse=true"), reversed);
        assert_eq!(starts("/?from=3"), Some(((Included(3), Unbounded), DEFAULT_LIMIT)));
        assert_eq!(starts("/?after=noon"), None);
    }

    #[tokio::test]
    async fn answers_and_errors_are_json() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address();
        let stores = [true, false].map(|ready| Served::Entries(Box::new(Letters { ready })));
        let builder = crate::StreamsBuilder::new();
        builder.stream(crate::Topic::<String, String>::new("in")).for_each(|_, _| {});
        let topology = builder.build().unwrap();
        let router = router(Arc::new(stores.into()), owners(topology));
        let serving = tokio::spawn(serve(server, router));

        assert_eq!(ask(address, "/stores/letters/c").await, (200, json!({ "key": "c", "value": 2 })));
        let noted = ask(address, "/stores/letters/a?position=true&stale_ok=3").await.1;
        let expected = json!({ "key": "a", "value": 0, "position": { "in": { "1": 17 } }, "behind": { "records": 3, "ms": 20 } });
        assert_eq!(noted, expected);
        let (status, body) = ask(address, "/stores/letters?from=b&limit=2").await;
        let entries = json!([{ "key": "b", "value": 1 }, { "key": "c", "value": 1 }]);
        assert_eq!((status, &body["entries"], &body["complete"]), (200, &entries, &json!(false)));
        assert_eq!(ask(address, "/stores").await.1[0], json!({ "name": "letters", "approximate_count": 5 }));
        for (path, status, code) in [
            ("/stores/none/c", 404, "unknown_store"),
            ("/stores/letters/z", 404, "no_such_key"),
            ("/stores/restoring/c", 503, "rebalancing"),
            ("/stores/letters?form=b", 400, "bad_query"),
            ("/stores/letters?limit=few", 400, "bad_query"),
            ("/stores/letters?prefix=b&to=c", 400, "bad_query"),
            ("/", 404, "no_such_path"),
        ] {
            let (found, body) = ask(address, path).await;
            assert_eq!((found, body["error"].as_str()), (status, Some(code)), "{path}");
        }
        serving.abort();
    }
}
