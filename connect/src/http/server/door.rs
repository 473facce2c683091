//! Who may send.

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::{Credentials, HttpError};

/// Lets in whoever brings the credentials; everybody, where there are none.
#[derive(Clone)]
pub(crate) struct Door {
    /// The whole `Authorization` header.
    expected: Option<Vec<u8>>,
}

impl Door {
    /// A door with one lock.
    pub(crate) fn new(credentials: &Credentials) -> Result<Self, HttpError> {
        let headers = credentials.headers()?;
        Ok(Self { expected: headers.get(AUTHORIZATION).map(|value| value.as_bytes().to_vec()) })
    }

    /// Whether a request with these headers may pass. Takes as long for one wrong header as for another of its length.
    pub(crate) fn opens(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.expected else { return true };
        let brought = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let differing = expected.iter().zip(brought).fold(0, |all, (one, other)| all | (one ^ other));
        expected.len() == brought.len() && std::hint::black_box(differing) == 0
    }

    /// What is answered to whoever may not pass: how to say who one is (RFC 9110, 15.5.2).
    pub(crate) fn challenge(&self) -> Response {
        let is_basic = self.expected.as_ref().is_some_and(|expected| expected.starts_with(b"Basic "));
        let scheme = if is_basic { "Basic realm=\"millstream\"" } else { "Bearer" };
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, scheme)]).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_credentials_open() {
        let header = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        let door = Door::new(&Credentials::of(Some("ann"), Some("s3cret"), None)).unwrap();
        assert!(door.opens(&header("Basic YW5uOnMzY3JldA==")));
        for wrong in
            ["Basic YW5uOnMzY3JldB==", "Basic YW5uOnMzY3JldA", "Basic YW5uOnMzY3JldA===", "Bearer x", ""]
        {
            assert!(!door.opens(&header(wrong)), "{wrong}");
        }
        assert!(!door.opens(&HeaderMap::new()));
        assert!(Door::new(&Credentials::None).unwrap().opens(&HeaderMap::new()));
        let asked = |door: &Door| door.challenge().headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        let bearer = Door::new(&Credentials::Bearer("t".to_owned())).unwrap();
        assert_eq!([asked(&door), asked(&bearer)], ["Basic realm=\"millstream\"", "Bearer"]);
    }
}
