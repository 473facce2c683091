//! How a server is reached.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Client;

use super::super::access::Access;
use crate::http::HttpClient;
use crate::options::Options;

/// Who asks, whom to trust, and how long to wait.
#[derive(Options, Debug, Clone)]
pub struct ClientOptions {
    /// Who asks.
    #[option(flatten)]
    pub access: Access,
    /// A file of certificates (PEM): servers that these authorities vouch for are trusted instead of the system's.
    #[option(name = "tls.ca.file", importance = "low")]
    pub trusted: Option<PathBuf>,
    /// How long it may take to connect.
    #[option(name = "http.connect.timeout.ms", default = 5000, importance = "low")]
    pub connect_timeout: Duration,
    /// How long a request may take.
    #[option(name = "http.request.timeout.ms", default = 30_000, importance = "low")]
    pub request_timeout: Duration,
}

impl ClientOptions {
    /// The client, or why there can be none. Only what reads may follow redirects.
    pub(super) fn build(&self, follow_redirects: bool) -> Result<Client, String> {
        let client = HttpClient {
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            credentials: self.access.credentials(),
            trusted: self.trusted.clone(),
            follow_redirects,
            ..HttpClient::default()
        };
        client.build().map_err(|error| error.to_string())
    }
}
