//! The HTTP side of queries: a server of its own, or a router in the user's; JSON for people and programs, bytes for the other
//! instances.

mod instances;
mod server;
mod stores;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

pub(crate) use server::serve;

use super::peers::PATH;
use super::{Owners, Served};

/// Bytes of a question that another instance asks: a few keys, and the numbers of the tasks.
const MAX_QUESTION: usize = 4 << 20;

/// Requests for stores that are answered at the same time; others wait. Each may take the memory of its answer, and asks other
/// instances, so that these have room of their own.
const AT_ONCE: usize = 64;

/// What answers for an application: the stores that are shown as JSON, and what other instances ask.
pub(crate) fn router(served: Arc<Vec<Served>>, owners: Owners) -> Router {
    let stores = Router::new()
        .route("/stores", get(stores::list))
        .route("/stores/{name}", get(stores::range))
        .route("/stores/{name}/{key}", get(stores::one))
        .layer(middleware::from_fn_with_state(Arc::new(Semaphore::new(AT_ONCE)), in_turn))
        .with_state(served);
    let instances = Router::new()
        .route(PATH, post(instances::answer))
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .with_state(instances::Door::new(owners));
    stores.merge(instances)
}

/// Waits until there is room.
async fn in_turn(State(room): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    // Nobody closes it.
    let _permit = room.acquire().await;
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    use axum::body::Bytes;
    use axum::http::Request;
    use http_body_util::{BodyExt, Full};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use millstream_http::Server;

    use super::*;
    use crate::query::owners::Question;
    use crate::query::{tests::owners, wire};
    use crate::store::chunk::{Page, Read};

    #[tokio::test]
    async fn whoever_knocks_with_nonsense_is_told_so() {
        let builder = crate::StreamsBuilder::new();
        let grouped = builder.stream(crate::Topic::<String, i64>::new("in")).group_by_key();
        let _counts = grouped.count("counts");
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", server.address());
        let serving = tokio::spawn(serve(server, router(Arc::default(), owners(builder.build().unwrap()))));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let knock = async |body: Vec<u8>| {
            let request = Request::post(&url).body(Full::new(Bytes::from(body))).unwrap();
            let response = client.request(request).await.unwrap();
            (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
        };
        let question = |application: &str, store: &str, part| {
            let page = Page { after: None, reverse: false, limit: usize::MAX };
            let tasks = Some(vec![0]);
            let question =
                Question { store: store.into(), part, tasks, stale: None, read: Read::Count, page };
            wire::encode_request(application, &question)
        };
        assert_eq!(knock(Vec::new()).await.0, 400);
        assert_eq!(knock(vec![1; 1_000]).await.0, 400);
        assert_eq!(knock(vec![0; MAX_QUESTION + 1]).await.0, 413);
        for (asked, code) in [
            (question("other", "counts", 0), "not_here"),
            (question("app", "count", 0), "unknown_store"),
            (question("app", "counts", 7), "unknown_store"),
            (question("app", "counts", 0), "not_here"),
        ] {
            let (status, reply) = knock(asked).await;
            let refused = wire::decode_reply(&reply, "", "counts").unwrap().unwrap_err();
            assert_eq!((status, refused.code()), (200, code));
        }
        serving.abort();
    }

    #[tokio::test]
    async fn no_more_are_answered_at_once_than_there_is_room_for() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (inside, seen) = (Arc::clone(&now), Arc::clone(&most));
        let slow = move || async move {
            seen.fetch_max(inside.fetch_add(1, Relaxed) + 1, Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            inside.fetch_sub(1, Relaxed);
        };
        let room = Arc::new(Semaphore::new(2));
        let router = Router::new().route("/", get(slow)).layer(middleware::from_fn_with_state(room, in_turn));
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", server.address());
        let serving = tokio::spawn(serve(server, router));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let ask = || client.request(Request::get(&url).body(Full::new(Bytes::new())).unwrap());
        let answers = futures::future::join_all((0..8).map(|_| ask())).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().status().is_success()));
        assert_eq!((most.load(Relaxed), now.load(Relaxed)), (2, 0));
        serving.abort();
    }
}
