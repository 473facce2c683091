//! What is asked in, and what may be answered: JSON, as Kafka Connect's resources consume and produce nothing else.
//!
//! It is more than form. A page of any site may have a browser post texts and forms to a worker on the same machine, or a
//! body without a type, but not JSON: that it must ask for first, and is not allowed.

use super::error::ApiError;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What of an error's text is told, in bytes.
const TOLD_MAX: usize = 4_096;

/// Refuses what is said to be something else than JSON, and who wants something else.
pub(super) async fn in_json(request: Request, next: Next) -> Response {
    match refusal(request.headers(), request.body().is_end_stream()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap, is_bodiless: bool) -> Option<ApiError> {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    match kind.map(bare) {
        None if is_bodiless => {}
        Some(kind) if kind.eq_ignore_ascii_case("application/json") => {}
        Some(kind) if !kind.contains('/') => {
            return Some(ApiError::bad_request("The Content-Type is no media type: write application/json"));
        }
        _ => {
            return Some(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "HTTP 415 Unsupported Media Type",
            ));
        }
    }
    let is_wanted = |range: &str| {
        let ranges = ["", "*", "*/*", "application/*", "application/json"];
        ranges.iter().any(|known| known.eq_ignore_ascii_case(bare(range)))
    };
    let accepted = headers.get_all(ACCEPT).iter();
    let mut accepted = accepted.flat_map(|said| said.to_str().unwrap_or_default().split(',')).peekable();
    let is_acceptable = accepted.peek().is_none() || accepted.any(is_wanted);
    (!is_acceptable).then(|| ApiError::new(StatusCode::NOT_ACCEPTABLE, "HTTP 406 Not Acceptable"))
}

/// Without parameters.
fn bare(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// Answers what a path can be asked, which is what is told to whoever asks it anything else.
pub(super) async fn options(request: Request, next: Next) -> Response {
    let is_asked = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allowed = response.headers().get(ALLOW).and_then(|allow| allow.to_str().ok());
    let allowed = allowed.map_or_else(|| "OPTIONS".to_owned(), |allowed| format!("{allowed},OPTIONS"));
    if is_asked {
        response = ([(CONTENT_TYPE, "text/plain")], allowed.clone()).into_response();
    }
    allow(&mut response, &allowed);
    response
}

fn allow(response: &mut Response, methods: &str) {
    let name: HeaderName = ALLOW;
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(name, methods);
    }
}

/// Every error is JSON, also of what is refused before it comes to a handler.
pub(super) async fn errors_in_json(response: Response) -> Response {
    let status = response.status();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let said = axum::body::to_bytes(response.into_body(), TOLD_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let message = if said.is_empty() { format!("HTTP {status}") } else { said };
    ApiError::new(status, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(HeaderName, &'static str)], is_bodiless: bool) -> Option<u16> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        refusal(&headers, is_bodiless).map(|refusal| refusal.into_response().status().as_u16())
    }

    #[test]
    fn what_a_browser_posts_for_another_site_is_refused() {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            assert_eq!(answer(&[(CONTENT_TYPE, kind)], false), Some(415), "{kind}");
            assert_eq!(answer(&[(CONTENT_TYPE, kind)], true), Some(415), "{kind}");
        }
        assert_eq!(answer(&[], false), Some(415), "a body that nobody has named");
        assert_eq!(answer(&[(CONTENT_TYPE, "json")], false), Some(400));
    }

    #[test]
    fn json_is_taken_and_given() {
        assert_eq!(answer(&[], true), None);
        for kind in ["application/json", "Application/JSON ; charset=utf-8"] {
            assert_eq!(answer(&[(CONTENT_TYPE, kind)], false), None, "{kind}");
        }
        for accept in ["*/*", "text/html, application/*;q=0.5", "application/json", ""] {
            assert_eq!(answer(&[(ACCEPT, accept)], true), None, "{accept}");
        }
        assert_eq!(answer(&[(ACCEPT, "text/html"), (ACCEPT, "*/*")], true), None);
        assert_eq!(answer(&[(ACCEPT, "text/html, application/xml")], true), Some(406));
    }
}
