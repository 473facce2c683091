//! HTTP clients: every connector that speaks HTTP builds its client here, so that time-outs, credentials and trust are
//! one matter.

mod answer;
mod gzip;
pub(crate) mod requests;
mod retry_after;
pub(crate) mod server;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, redirect};

pub(crate) use answer::plain_body_within;
pub use answer::{Verdict, body_within, describe, verdict};
pub use retry_after::retry_after;

/// How many redirects a client that follows them follows.
const REDIRECTS_MAX: usize = 5;
const USER_AGENT: &str = concat!("millstream/", env!("CARGO_PKG_VERSION"));

/// What a client is built of.
#[derive(Debug, Clone)]
pub struct HttpClient {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long a request may take, from its first byte sent to the last byte of its answer read: a server that
    /// accepts and then hangs costs no more than this.
    pub request_timeout: Duration,
    /// After how long an unused connection is closed.
    pub idle_timeout: Duration,
    /// Sent with every request, and dropped where a redirect leads to another host.
    pub credentials: Credentials,
    /// A file of certificates (PEM): these authorities are trusted instead of the system's.
    pub trusted: Option<PathBuf>,
    /// `http://[USER:PASSWORD@]HOST:PORT` to go through. The environment's proxies are not looked at: what a connector
    /// does is in its configuration.
    pub proxy: Option<String>,
    /// Whether redirects are followed. A redirected POST becomes a GET and loses its body, so only what reads may.
    pub follow_redirects: bool,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            // Before most servers and balancers close it from their side.
            idle_timeout: Duration::from_secs(30),
            credentials: Credentials::None,
            trusted: None,
            proxy: None,
            follow_redirects: false,
        }
    }
}

/// Who a client says it is. Shown nowhere: `Debug` leaves the secret out.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// RFC 7617.
    Basic {
        /// The user, which may hold no colon.
        user: String,
        /// The user's secret.
        password: String,
    },
    /// RFC 6750: `Authorization: Bearer TOKEN`.
    Bearer(String),
    /// An `Authorization` header of another scheme, whole, such as `ApiKey ...`.
    Header(String),
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of trusted authorities cannot be read.
    #[error("{path} (trusted certificates) cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds no certificate.
    #[error("{0} holds no certificate: give a PEM file with the authority that signed the server's")]
    NoCertificate(PathBuf),
    /// The credentials cannot be written as a header.
    #[error("the credentials hold characters that no HTTP header can carry (a line end, perhaps)")]
    Credentials,
    /// Whatever else the library minds.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl HttpClient {
    /// Builds the client. It keeps its connections, so one is made per task and shared by all its requests.
    pub fn build(&self) -> Result<Client, HttpError> {
        // Fails where a provider is installed already, which is then the program's own choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Some(path) = &self.trusted else {
            // A machine without any authorities can still speak plain HTTP: the first https:// address fails by name.
            return self.with_authorities(None).or_else(|_| self.with_authorities(Some(Vec::new())));
        };
        let pem =
            std::fs::read(path).map_err(|source| HttpError::Unreadable { path: path.clone(), source })?;
        let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if authorities.is_empty() {
            return Err(HttpError::NoCertificate(path.clone()));
        }
        self.with_authorities(Some(authorities))
    }

    fn with_authorities(&self, authorities: Option<Vec<Certificate>>) -> Result<Client, HttpError> {
        let redirects = match self.follow_redirects {
            true => redirect::Policy::limited(REDIRECTS_MAX),
            false => redirect::Policy::none(),
        };
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout)
            .pool_idle_timeout(self.idle_timeout)
            .redirect(redirects)
            .default_headers(self.credentials.headers()?)
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|error| HttpError::Client(describe(error)))?;
            builder = builder.proxy(proxy);
        }
        if let Some(authorities) = authorities {
            builder = builder.tls_certs_only(authorities);
        }
        builder.build().map_err(|error| HttpError::Client(describe(error)))
    }
}

impl Credentials {
    /// Basic where there is a user, Bearer where there is a token; `None` of both is nobody.
    pub fn of(user: Option<&str>, password: Option<&str>, token: Option<&str>) -> Self {
        match (user, token) {
            (_, Some(token)) => Self::Bearer(token.to_owned()),
            (Some(user), None) => {
                Self::Basic { user: user.to_owned(), password: password.unwrap_or_default().to_owned() }
            }
            (None, None) => Self::None,
        }
    }

    pub(crate) fn headers(&self) -> Result<HeaderMap, HttpError> {
        let text = match self {
            Self::None => return Ok(HeaderMap::new()),
            Self::Basic { user, password } => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Header(whole) => whole.clone(),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| HttpError::Credentials)?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Header(_) => "Header",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header_and_are_never_shown() {
        let basic = Credentials::of(Some("ann"), Some("s3cret"), None);
        assert_eq!(basic.headers().unwrap()[AUTHORIZATION], "Basic YW5uOnMzY3JldA==");
        let bearer = Credentials::of(None, None, Some("t0ken"));
        assert_eq!(bearer.headers().unwrap()[AUTHORIZATION], "Bearer t0ken");
        assert!(Credentials::of(None, Some("x"), None).headers().unwrap().is_empty());
        for shown in [format!("{basic:?}"), format!("{:?}", basic.headers().unwrap()), format!("{bearer:?}")]
        {
            assert!(
                !shown.contains("s3cret") && !shown.contains("t0ken") && !shown.contains("YW5u"),
                "{shown}"
            );
        }
        assert!(matches!(Credentials::Bearer("a\nb".into()).headers(), Err(HttpError::Credentials)));
    }

    #[test]
    fn authorities_are_read_or_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let missing = HttpClient { trusted: Some(folder.path().join("none.pem")), ..HttpClient::default() };
        assert!(missing.build().unwrap_err().to_string().contains("none.pem"));
        let path = folder.path().join("empty.pem");
        std::fs::write(&path, "no certificate\n").unwrap();
        let empty = HttpClient { trusted: Some(path), ..HttpClient::default() };
        assert!(matches!(empty.build(), Err(HttpError::NoCertificate(_))));
        HttpClient::default().build().unwrap();
        HttpClient::default().with_authorities(Some(Vec::new())).unwrap();
    }
}
