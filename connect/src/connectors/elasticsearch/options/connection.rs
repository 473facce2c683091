use std::path::PathBuf;
use std::time::Duration;

use crate::http::{Credentials, HttpClient};
use crate::options::{Choice, Fault, Options, Secret};

/// Where the server is, and who asks.
#[derive(Options, Clone, Debug)]
#[options(check = agree)]
pub struct ConnectionOptions {
    /// Addresses of the server's nodes, as `http://host:9200`; the next is asked where one cannot be reached.
    #[option(name = "connection.url", importance = "high", check = addresses)]
    pub urls: Vec<String>,
    /// The user.
    #[option(name = "connection.username")]
    pub user: Option<String>,
    /// The user's password.
    #[option(name = "connection.password")]
    pub password: Option<Secret>,
    /// An API key, instead of a user: what the server gave as `encoded`.
    #[option(name = "connection.api.key")]
    pub api_key: Option<Secret>,
    /// A file of certificates (PEM): servers that these authorities vouch for are trusted instead of the system's.
    #[option(name = "connection.ca.file", importance = "low")]
    pub trusted: Option<PathBuf>,
    /// Whether what is sent is compressed (gzip).
    #[option(name = "connection.compression", default = false, importance = "low")]
    pub compressed: bool,
    /// How long it may take to connect.
    #[option(name = "connection.timeout.ms", default = 5000, importance = "low")]
    pub connect_timeout: Duration,
    /// How long the server may take to answer.
    #[option(name = "read.timeout.ms", default = 30_000, importance = "low")]
    pub request_timeout: Duration,
    /// After how long an unused connection is closed.
    #[option(name = "max.connection.idle.time.ms", default = 60_000, importance = "low")]
    pub idle: Duration,
    /// The host of a proxy to go through.
    #[option(name = "proxy.host", default = "", importance = "low")]
    pub proxy_host: String,
    /// Its port.
    #[option(name = "proxy.port", default = 8080, importance = "low")]
    pub proxy_port: u16,
    /// The user of the proxy.
    #[option(name = "proxy.username", default = "", importance = "low")]
    pub proxy_user: String,
    /// That user's password.
    #[option(name = "proxy.password", importance = "low")]
    pub proxy_password: Option<Secret>,
    /// `ssl` demands that every address begins with `https://`.
    #[option(name = "elastic.security.protocol", default = "plaintext", importance = "low")]
    pub protocol: Protocol,
}

/// Whether TLS is demanded.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// As the addresses say.
    Plaintext,
    /// Yes.
    Ssl,
}

fn addresses(urls: &[String]) -> Result<(), String> {
    let wrong = urls.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://"));
    match (urls.is_empty(), wrong) {
        (true, _) => Err("at least one address is needed, as http://localhost:9200".to_owned()),
        (_, Some(url)) => Err(format!("{url} is no address: write http://host:9200 or https://host:9200")),
        _ => Ok(()),
    }
}

fn agree(options: &ConnectionOptions) -> Result<(), Fault> {
    if options.protocol == Protocol::Ssl && options.urls.iter().any(|url| url.starts_with("http://")) {
        let why = "every address of connection.url must begin with https:// then";
        return Err(Fault::invalid("elastic.security.protocol", "ssl", why));
    }
    if options.api_key.is_some() && options.user.is_some() {
        let why = "connection.api.key and connection.username are two ways to say who asks: leave one out";
        return Err(Fault::new("connection.api.key", why));
    }
    Ok(())
}

impl ConnectionOptions {
    /// The client that they describe.
    pub fn client(&self) -> HttpClient {
        let credentials = match &self.api_key {
            Some(key) => Credentials::Header(format!("ApiKey {}", key.expose())),
            None => {
                // Half a credential is none, as Confluent's sink has it.
                let user = self.user.as_deref().filter(|_| self.password.is_some());
                Credentials::of(user, self.password.as_ref().map(Secret::expose), None)
            }
        };
        HttpClient {
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            idle_timeout: self.idle,
            credentials,
            trusted: self.trusted.clone(),
            proxy: self.proxy(),
            follow_redirects: false,
        }
    }

    fn proxy(&self) -> Option<String> {
        if self.proxy_host.is_empty() {
            return None;
        }
        let user = match (&*self.proxy_user, &self.proxy_password) {
            ("", _) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(password)) => format!("{user}:{}@", password.expose()),
        };
        Some(format!("http://{user}{}:{}", self.proxy_host, self.proxy_port))
    }
}
