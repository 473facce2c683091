//! Who asks, or may ask, over HTTP.

use crate::http::Credentials;
use crate::options::{Options, Secret};

/// Who asks, or may ask.
#[derive(Options, Debug, Clone)]
pub struct Access {
    /// The user of basic authentication.
    #[option(name = "auth.user", alias = "connection.user")]
    pub user: Option<String>,
    /// The password of basic authentication.
    #[option(name = "auth.password", alias = "connection.password")]
    pub password: Option<Secret>,
    /// The token of bearer authentication.
    #[option(name = "auth.token")]
    pub token: Option<Secret>,
}

impl Access {
    /// The same for an HTTP client or server.
    pub(super) fn credentials(&self) -> Credentials {
        let (password, token) = (self.password.as_ref(), self.token.as_ref());
        Credentials::of(self.user.as_deref(), password.map(Secret::expose), token.map(Secret::expose))
    }
}
