//! The HTTP side of queries: a server of its own, or a router in the user's; JSON for people and programs, bytes for the other
//! instances.

mod instances;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use tokio::net::TcpListener;

use super::peers::PATH;
use super::{Owners, Served};

/// Bytes of a question that another instance asks: a few keys, and the numbers of the tasks.
const MAX_QUESTION: usize = 4 << 20;

/// A listening server, not serving yet.
pub(crate) struct Server {
    listener: TcpListener,
    /// Where it listens; the port is real even where 0 was asked for.
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn bind(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(server: Server, router: Router) -> std::io::Result<()> {
    let Server { listener, .. } = server;
    let router = router
        .fallback(async || stores::failure(StatusCode::NOT_FOUND, "no_such_path", "try GET /stores"))
        .method_not_allowed_fallback(async || {
            stores::failure(StatusCode::METHOD_NOT_ALLOWED, "read_only", "stores are read with GET")
        });
    axum::serve(listener, router).await
}

/// What answers for an application: the stores that are shown as JSON, and what other instances ask.
pub(crate) fn router(served: Arc<Vec<Served>>, owners: Owners) -> Router {
    let stores = Router::new()
        .route("/stores", get(stores::list))
        .route("/stores/{name}", get(stores::range))
        .route("/stores/{name}/{key}", get(stores::one))
        .with_state(served);
    let instances = Router::new()
        .route(PATH, post(instances::answer))
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .with_state(instances::Door::new(owners));
    stores.merge(instances)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::Request;
    use http_body_util::{BodyExt, Full};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;

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
        let url = format!("http://{}{PATH}", server.address);
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
}
