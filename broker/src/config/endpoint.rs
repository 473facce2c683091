//! Listener addresses as Kafka writes them.

use crate::config::ConfigError;

/// A host and a port out of `listeners` or `advertised.listeners`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Empty where every interface is meant.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// The PLAINTEXT endpoint of a list of listeners. A CONTROLLER listener has no use here and is passed over.
    pub(crate) fn plaintext(name: &str, listeners: &str) -> Result<Self, ConfigError> {
        let invalid = |reason: &str| ConfigError::Invalid {
            name: name.to_owned(),
            value: listeners.to_owned(),
            reason: reason.to_owned(),
        };
        for listener in listeners.split(',').map(str::trim) {
            let (protocol, address) =
                listener.split_once("://").ok_or_else(|| invalid("must be PLAINTEXT://host:port"))?;
            match protocol {
                "PLAINTEXT" => return Self::parse(address).ok_or_else(|| invalid("no host:port")),
                "CONTROLLER" => {}
                _ => return Err(invalid("only PLAINTEXT listeners are served")),
            }
        }
        Err(invalid("there is no PLAINTEXT listener"))
    }

    fn parse(address: &str) -> Option<Self> {
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }

    /// Whether it names every interface rather than one address.
    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_names_numbers_and_none() {
        let endpoint = |text| Endpoint::plaintext("listeners", text).map(|e| (e.host, e.port));
        assert_eq!(endpoint("PLAINTEXT://localhost:9092"), Ok(("localhost".to_owned(), 9092)));
        assert_eq!(endpoint("PLAINTEXT://[::1]:1"), Ok(("::1".to_owned(), 1)));
        assert_eq!(endpoint("CONTROLLER://:9093,PLAINTEXT://:9092"), Ok((String::new(), 9092)));
        assert!(endpoint("SSL://:9093").is_err());
        assert!(endpoint("PLAINTEXT://localhost").is_err());
    }
}
