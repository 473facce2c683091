//! How queries are answered over HTTP, and what they may cost.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use millstream_http::{Limits, Server};
use tokio::time::timeout;

use super::stores::failure;

/// How long a request may take once its head is there, its body and the answer included.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Serves until the future is dropped, which ends the connections too.
pub(crate) async fn serve(server: Server, router: Router) {
    server.serve(Limits::default(), bounded(ANSWER_MAX, router)).await;
}

/// With an answer for what is not there, and for what takes too long.
fn bounded(answer_max: Duration, router: Router) -> Router {
    router
        .fallback(async || failure(StatusCode::NOT_FOUND, "no_such_path", "try GET /stores"))
        .method_not_allowed_fallback(async || {
            failure(StatusCode::METHOD_NOT_ALLOWED, "read_only", "stores are read with GET")
        })
        .layer(middleware::from_fn(move |request, next| in_time(answer_max, request, next)))
}

async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    let late =
        |_| failure(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request or its answer took too long");
    timeout(limit, next.run(request)).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let router = Router::new().route("/", post(async |body: Bytes| body));
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address();
        let limits = Limits { head: Duration::from_millis(200), ..Limits::default() };
        tokio::spawn(server.serve(limits, bounded(Duration::from_millis(200), router)));
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").await.unwrap();
        let mut answer = [0; 12];
        slow.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 408");
    }
}
