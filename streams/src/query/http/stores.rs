//! State over HTTP, as JSON.
//!
//! ```text
//! GET /metrics                             what `Metrics::to_prometheus` writes
//! GET /stores                              [{"name": "counts", "approximate_count": 3}]
//! GET /stores/counts/whale                 {"key": "whale", "value": 1}
//! GET /stores/counts?from=a&to=b&limit=10  {"entries": [{"key": "a", "value": 1}], "complete": true}
//!
//! GET /stores/views/whale?from=0&to=60000  {"key": "whale", "windows": [{"start": 0, "end": 60000, "value": 1}]}
//! GET /stores/views?from=0&to=60000        {"entries": [{"key": "whale", "start": 0, "end": 60000, "value": 1}], "complete": true}
//! ```
//!
//! The last two are of a window store, `views`: `from` and `to` are starts of windows in milliseconds, both included. Where an
//! answer is not complete, `from=START&after=KEY` with the last entry's goes on behind it.
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

use super::super::served::{ServeError, ServedWindows, TextRange, TextSpan};
use super::super::{QueryError, Served};

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

pub(super) async fn one(
    State(stores): State<Stores>,
    Path((name, key)): Path<(String, String)>,
    query: Result<Query<RangeQuery>, QueryRejection>,
) -> Result<Response, ServeError> {
    match find(&stores, &name)? {
        Served::Entries(store) => Ok(match store.get(&key).await? {
            Some((key, value)) => Json(json!({ "key": key, "value": value })).into_response(),
            None => {
                failure(StatusCode::NOT_FOUND, "no_such_key", &format!("store {name:?} has no key {key:?}"))
            }
        }),
        Served::Windows(store) => match query.map_err(|rejection| rejection.body_text()) {
            Ok(Query(query)) => match query.starts() {
                Ok(starts) => {
                    let (key, windows) = store.of_key(&key, starts).await?;
                    Ok(Json(json!({ "key": key, "windows": windows })).into_response())
                }
                Err(text) => Ok(bad_query(&text)),
            },
            Err(text) => Ok(bad_query(&text)),
        },
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeQuery {
    from: Option<String>,
    to: Option<String>,
    /// Of window stores: the key to go on behind, in the windows that start at `from`.
    after: Option<String>,
    limit: Option<usize>,
}

impl RangeQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)
    }

    /// The bounds as starts of windows.
    fn starts(&self) -> Result<(Bound<i64>, Bound<i64>), String> {
        let bound = |text: &Option<String>| match text.as_ref().map(|text| text.parse()) {
            Some(Ok(start)) => Ok(Bound::Included(start)),
            Some(Err(_)) => {
                Err("windows are asked for by their starts, in milliseconds since 1970".to_owned())
            }
            None => Ok(Bound::Unbounded),
        };
        Ok((bound(&self.from)?, bound(&self.to)?))
    }
}

pub(super) async fn range(
    State(stores): State<Stores>,
    Path(name): Path<String>,
    query: Result<Query<RangeQuery>, QueryRejection>,
) -> Result<Response, ServeError> {
    // A misspelt bound would answer with the whole store.
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return Ok(bad_query(&rejection.body_text())),
    };
    let limit = query.limit();
    match find(&stores, &name)? {
        Served::Windows(store) => span(&**store, query).await,
        Served::Entries(_) if query.after.is_some() => Ok(bad_query("only window stores know `after`")),
        Served::Entries(store) => {
            let RangeQuery { from, to, .. } = query;
            let entries = store.range(TextRange { from, to, limit }).await?;
            let complete = entries.len() < limit;
            let entries = entries.into_iter().map(|(key, value)| json!({ "key": key, "value": value }));
            Ok(Json(json!({ "entries": entries.collect::<Value>(), "complete": complete })).into_response())
        }
    }
}

async fn span(store: &dyn ServedWindows, query: RangeQuery) -> Result<Response, ServeError> {
    let limit = query.limit();
    let (starts, after) = match (query.starts(), query.after) {
        (Err(text), _) => return Ok(bad_query(&text)),
        (Ok(starts), None) => (starts, None),
        (Ok(starts @ (Bound::Included(start), _)), Some(key)) => (starts, Some((start, key))),
        (Ok(_), Some(_)) => return Ok(bad_query("`after` goes on in the windows that start at `from`")),
    };
    let entries = store.of_all(TextSpan { starts, after, limit }).await?;
    let complete = entries.len() < limit;
    Ok(Json(json!({ "entries": entries, "complete": complete })).into_response())
}

fn bad_query(message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, "bad_query", message)
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
    use std::net::SocketAddr;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::{Server, router, serve};
    use super::*;
    use crate::query::served::ServedEntries;
    use crate::query::tests::owners;

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

        fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Value, Value)>, ServeError>> {
            let found = self.check().map(|()| "abcde".find(key).map(|at| (key.into(), at.into())));
            async move { found }.boxed()
        }

        fn range<'a>(&'a self, range: TextRange) -> BoxFuture<'a, Result<Vec<(Value, Value)>, ServeError>> {
            let from = range.from.unwrap_or_default();
            let to = range.to.unwrap_or("e".into());
            let letters = "abcde".chars().map(String::from).filter(|key| *key >= from && *key <= to);
            let entries = letters.take(range.limit).map(|key| (key.into(), 1.into())).collect();
            async move { Ok(entries) }.boxed()
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

    #[tokio::test]
    async fn answers_and_errors_are_json() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address;
        let stores = [true, false].map(|ready| Served::Entries(Box::new(Letters { ready })));
        let builder = crate::StreamsBuilder::new();
        builder.stream(crate::Topic::<String, String>::new("in")).for_each(|_, _| {});
        let topology = builder.build().unwrap();
        let router = router(Arc::new(stores.into()), owners(topology));
        let serving = tokio::spawn(serve(server, router));

        assert_eq!(ask(address, "/stores/letters/c").await, (200, json!({ "key": "c", "value": 2 })));
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
            ("/stores/letters?after=b", 400, "bad_query"),
            ("/", 404, "no_such_path"),
        ] {
            let (found, body) = ask(address, path).await;
            assert_eq!((found, body["error"].as_str()), (status, Some(code)), "{path}");
        }
        serving.abort();
    }
}
