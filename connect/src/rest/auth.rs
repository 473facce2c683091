//! Who may ask: HTTP's basic authentication, as Kafka Connect's `BasicAuthSecurityRestExtension` has it.

use super::RestOptions;
use super::error::ApiError;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

pub(super) async fn asked(options: Arc<RestOptions>, request: Request, next: Next) -> Response {
    let said = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    if !options.asks_who_is_there() || said.and_then(credentials).is_some_and(|who| options.knows(&who)) {
        return next.run(request).await;
    }
    let refused = ApiError::new(StatusCode::UNAUTHORIZED, "User cannot access the resource.");
    let mut response = refused.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"connect\""));
    response
}

/// `name:password` of a header.
fn credentials(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest.trim()).ok())??;
    String::from_utf8(bytes).ok()
}

/// Takes as long for texts that differ at once as for those that differ at their ends.
pub(super) fn same(a: &str, b: &str) -> bool {
    let differing = a.bytes().zip(b.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    a.len() == b.len() && differing == 0
}
