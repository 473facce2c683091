//! What is scraped.

use reqwest::Url;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Its label `instance`: host and port.
    pub(super) instance: String,
}

impl Target {
    /// `HOST:PORT`, which gets `http://` and `path`, or a whole URL.
    pub(super) fn parse(text: &str, path: &str) -> Result<Self, String> {
        // A URL's host may follow any number of slashes: an address without one would take the path for it.
        if text.is_empty() || text.starts_with('/') {
            return Err(format!("{text:?} has no host"));
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}{path}") };
        let url = Url::parse(&whole).map_err(|error| format!("{text} is no address: {error}"))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(format!("{text} is no address of http or https"));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(format!("{text} has no host"));
        };
        Ok(Self { instance: format!("{host}:{port}"), url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_its_port_or_a_url() {
        for (text, url, instance) in [
            ("node:9100", "http://node:9100/metrics", "node:9100"),
            ("[::1]:9100", "http://[::1]:9100/metrics", "[::1]:9100"),
            ("node", "http://node/metrics", "node:80"),
            ("https://node/probe?x=1", "https://node/probe?x=1", "node:443"),
        ] {
            let target = Target::parse(text, "/metrics").unwrap();
            assert_eq!((target.url.as_str(), target.instance.as_str()), (url, instance), "{text}");
        }
        for text in ["", "/metrics", "ftp://node/x", "node:port"] {
            assert!(Target::parse(text, "/metrics").is_err(), "{text}");
        }
    }
}
