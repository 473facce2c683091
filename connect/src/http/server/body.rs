//! What a request brings: read as far as it may go, and refused at once where it says that it goes further.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::timeout;

use crate::http::gzip::{gunzip, is_gzip};

/// How much of a body that is not wanted is read and forgotten behind the answer, and for how long: a client that sends all before it
/// reads would find its connection cut instead of the answer.
const UNWANTED_BYTES_MAX: usize = 16 << 20;
const UNWANTED_TIME_MAX: Duration = Duration::from_secs(2);

/// How far a body may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes, as sent and as they are once they are decompressed.
    pub(crate) bytes: usize,
    /// How long it may take to arrive.
    pub(crate) patience: Duration,
}

impl Bounds {
    /// The whole body, or the answer that it gets instead.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
        if body.size_hint().lower() > self.bytes as u64 {
            return Err(turn_away(headers, body, too_long()));
        }
        let mut chunks = body.into_data_stream();
        let mut whole = Vec::new();
        let all = async {
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
                if whole.len() + chunk.len() > self.bytes {
                    return Err(too_long());
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(())
        };
        match timeout(self.patience, all).await {
            Ok(Ok(())) => Ok(whole.into()),
            Ok(Err(answer)) => Err(turn_away(headers, Body::from_stream(chunks), answer)),
            Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive").into_response()),
        }
    }

    /// The same of a body that may be compressed by gzip.
    pub(crate) async fn read_plain(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = codings.next().map_or(&b""[..], |coding| coding.as_bytes());
        let Some(is_compressed) = is_gzip(coding).filter(|_| codings.next().is_none()) else {
            let why = "the body may be as it is, or compressed by gzip";
            let answer = (StatusCode::UNSUPPORTED_MEDIA_TYPE, [(ACCEPT_ENCODING, "gzip")], why);
            return Err(turn_away(headers, body, answer.into_response()));
        };
        let body = self.read(headers, body).await?;
        if !is_compressed {
            return Ok(body);
        }
        match gunzip(&body, self.bytes.saturating_add(1)) {
            Ok(plain) if plain.len() > self.bytes => Err(too_long()),
            Ok(plain) => Ok(plain),
            Err(why) => Err((StatusCode::BAD_REQUEST, format!("the body is no gzip: {why}")).into_response()),
        }
    }
}

fn too_long() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, "longer than request.bytes.max").into_response()
}

/// Answers a request whose body is not wanted, or not all of it, so that its client comes to read the answer.
pub(crate) fn turn_away(headers: &HeaderMap, body: Body, answer: Response) -> Response {
    // Who asks before it sends would be told to go on.
    if !headers.contains_key(EXPECT) && !body.is_end_stream() {
        let forget = async move {
            let (mut chunks, mut left) = (body.into_data_stream(), UNWANTED_BYTES_MAX);
            while let Some(Ok(chunk)) = chunks.next().await
                && chunk.len() <= left
            {
                left -= chunk.len();
            }
        };
        tokio::spawn(timeout(UNWANTED_TIME_MAX, forget));
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const BOUNDS: Bounds = Bounds { bytes: 1_000, patience: Duration::from_secs(60) };

    async fn read(coding: &'static str, body: Vec<u8>) -> Result<Bytes, StatusCode> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
        BOUNDS.read_plain(&headers, body.into()).await.map_err(|answer| answer.status())
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_compressed_body_is_bounded_by_what_it_becomes() {
        assert_eq!(read("identity", b"{}".to_vec()).await.unwrap(), "{}");
        assert_eq!(read("gzip", gzip(&[b'x'; 1_000])).await.unwrap(), "x".repeat(1_000));
        assert_eq!(read("gzip", [gzip(b"a"), gzip(b"b")].concat()).await.unwrap(), "ab");
        assert_eq!(read("gzip", gzip(&vec![0; 900_000])).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(read("gzip", b"{}".to_vec()).await, Err(StatusCode::BAD_REQUEST));
        assert_eq!(read("gzip", gzip(b"cut")[..12].to_vec()).await, Err(StatusCode::BAD_REQUEST));
        assert_eq!(read("br", Vec::new()).await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(read("gzip, gzip", Vec::new()).await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }

    #[tokio::test]
    async fn what_says_that_it_is_too_long_is_not_waited_for() {
        let mut endless = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let late = Bounds { patience: Duration::from_millis(1), ..BOUNDS };
        let status = async |bounds: Bounds, body| {
            bounds
                .read(&HeaderMap::new(), body)
                .await
                .map(|body| body.len())
                .map_err(|answer| answer.status())
        };
        assert_eq!(status(late, std::mem::take(&mut endless)).await, Err(StatusCode::REQUEST_TIMEOUT));
        assert_eq!(status(BOUNDS, vec![0; 1_000].into()).await, Ok(1_000));
        assert_eq!(status(BOUNDS, vec![0; 1_001].into()).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        let chunks = [vec![0; 600], vec![0; 600]].map(Ok::<_, std::io::Error>);
        let unsaid = Body::from_stream(futures::stream::iter(chunks));
        assert_eq!(status(BOUNDS, unsaid).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
