//! What an answer, or none, means for the request.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{Response, StatusCode};

use super::gzip::{gunzip, is_gzip};
use super::retry_after;

/// What becomes of a request that was answered with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Ok,
    /// Send it again; not before this, where the server said so.
    Retry(Option<Duration>),
    /// The same, and no other request would have done either: nobody is there behind the address, or it has too much to do.
    Away(Option<Duration>),
    /// The same request will never do.
    Reject,
}

/// The verdict of a status: 2xx is done; 408, 425, 429 and 5xx pass, of which 429, 502, 503 and 504 speak of the server alone; the
/// rest stays.
///
/// Redirects count as the rest: a client that does not follow them was pointed at the wrong address.
pub fn verdict(status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Ok,
        // Not implemented, HTTP version not supported: no later try will be answered otherwise.
        501 | 505 => Verdict::Reject,
        429 | 502 | 503 | 504 => Verdict::Away(retry_after(headers)),
        408 | 425 | 500..=599 => Verdict::Retry(retry_after(headers)),
        _ => Verdict::Reject,
    }
}

/// Reads the body of an answer up to `max` bytes; a longer one is cut there.
pub async fn body_within(mut response: Response, max: usize) -> Result<Bytes, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        let room = max - body.len();
        if chunk.len() >= room {
            body.extend_from_slice(&chunk[..room]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The same, of an answer that may be compressed by gzip: `max` is of what it becomes, too. The error says what is wrong.
pub(crate) async fn plain_body_within(response: Response, max: usize) -> Result<Bytes, String> {
    let coding = response.headers().get(CONTENT_ENCODING).map_or(&b""[..], |coding| coding.as_bytes());
    let told = String::from_utf8_lossy(coding).into_owned();
    let is_compressed = is_gzip(coding)
        .ok_or_else(|| format!("its answer is compressed by {told}, which nobody asked for"))?;
    let body = body_within(response, max).await.map_err(describe)?;
    // What was cut for its length is no whole gzip, and too long whatever it becomes.
    if !is_compressed || body.len() == max {
        return Ok(body);
    }
    gunzip(&body, max).map_err(|why| format!("its answer says it is gzip, and is not: {why}"))
}

/// An error with its causes on one line, without the address: it may hold a password or a token.
pub fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::HttpClient;

    #[test]
    fn a_status_passes_or_stays() {
        let verdict = |code: u16| verdict(StatusCode::from_u16(code).unwrap(), &HeaderMap::new());
        for code in [200, 201, 202, 204] {
            assert_eq!(verdict(code), Verdict::Ok, "{code}");
        }
        for code in [408, 425, 500, 507] {
            assert_eq!(verdict(code), Verdict::Retry(None), "{code}");
        }
        for code in [429, 502, 503, 504] {
            assert_eq!(verdict(code), Verdict::Away(None), "{code}");
        }
        for code in [301, 304, 400, 401, 403, 404, 409, 413, 415, 422, 501] {
            assert_eq!(verdict(code), Verdict::Reject, "{code}");
        }
    }

    #[tokio::test]
    async fn a_body_is_cut_and_an_error_does_not_show_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for length in [5, 100_000] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                assert_ne!(stream.read(&mut request).await.unwrap(), 0);
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                // The client may have had enough before the end.
                let _ = stream.write_all([head.as_bytes(), &vec![b'x'; length]].concat().as_slice()).await;
            }
        });
        let client = HttpClient::default().build().unwrap();
        for expected in [5, 1000] {
            let response = client.get(format!("http://{address}/")).send().await.unwrap();
            assert_eq!(body_within(response, 1000).await.unwrap().len(), expected);
        }
        server.await.unwrap();
        let error = client.get(format!("http://ann:s3cret@{address}/?token=t0ken")).send().await.unwrap_err();
        let text = describe(error);
        assert!(text.contains("refused"), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
    }
}
