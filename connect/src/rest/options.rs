use super::auth::same;
use crate::config::Secrets;
use crate::herder::Config;
use crate::host::host_name;
use crate::options::{Fault, Given, Options, Secret};
use std::net::SocketAddr;

/// What may stand before HOST:PORT, in any case.
const SCHEME: &str = "http://";

/// What can be said of a worker's REST surface (Kafka's `RestServerConfig`).
#[derive(Options, Clone, Debug)]
#[options(check = RestOptions::agree)]
pub struct RestOptions {
    /// Where it listens, as http://HOST:PORT; port 0 takes a free one. Other than loopback only with rest.users.
    #[option(default = "http://127.0.0.1:8083", importance = "high")]
    pub listeners: String,
    /// Who may ask: NAME:PASSWORD, separated by commas; a reference to a secret, as ${file:/etc/connect/users:users}. Everybody
    /// on this machine without it.
    #[option(name = "rest.users", importance = "medium")]
    pub users: Option<Secret>,
    /// What this machine is called; statuses name workers so. Where it listens without it, or, where that is an address which
    /// every machine has, the machine's own name.
    #[option(name = "rest.advertised.host.name", importance = "low")]
    pub advertised_host: Option<String>,
    /// The port under which statuses name this worker; the one that it listens on without it.
    #[option(name = "rest.advertised.port", importance = "low")]
    pub advertised_port: Option<u16>,
    /// What this worker is called, as HOST:PORT, instead of rest.advertised.host.name and rest.advertised.port.
    #[option(name = "rest.advertised.address", importance = "low")]
    pub advertised: Option<String>,
    /// The only connectors that may be made by request, by name or class; without it all, and where other machines can ask,
    /// all but those that run programs (exec). Those in files of this machine may always be.
    #[option(name = "connectors.allowed", importance = "medium")]
    pub allowed: Option<Vec<String>>,
    /// Connectors that may not be made by request, by name or class.
    #[option(name = "connectors.denied", default = "", importance = "medium")]
    pub denied: Vec<String>,
    /// Whether the topics that connectors use are tracked.
    #[option(name = "topic.tracking.enable", default = true, importance = "low")]
    pub topic_tracking: bool,
    /// Whether the tracked topics may be forgotten by request.
    #[option(name = "topic.tracking.allow.reset", default = true, importance = "low")]
    pub topic_tracking_reset: bool,
}

impl RestOptions {
    /// What a worker's settings say of it; references to secrets are resolved.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(settings: &Config) -> Result<Self, Vec<Fault>> {
        let own: Vec<&str> = Self::definitions().iter().map(|definition| definition.name).collect();
        let said = settings.iter().filter(|(name, _)| own.contains(&name.as_str()));
        let said: Config = said.map(|(name, value)| (name.clone(), value.clone())).collect();
        let resolved = Secrets { allowed_paths: Vec::new() }.resolve(&said);
        let resolved = resolved.map_err(|error| vec![Fault::new("rest.users", error.to_string())])?;
        Self::read(&Given::new(&resolved))
    }

    /// What statuses call a worker that listens at `address`. An address that every machine has names none of them.
    #[must_use]
    pub fn worker_id(&self, address: SocketAddr) -> String {
        if let Some(advertised) = &self.advertised {
            return advertised.clone();
        }
        let port = self.advertised_port.unwrap_or(address.port());
        let is_everybodys = address.ip().is_loopback() || address.ip().is_unspecified();
        match &self.advertised_host {
            Some(host) => format!("{host}:{port}"),
            None if is_everybodys => format!("{}:{port}", host_name()),
            None => SocketAddr::new(address.ip(), port).to_string(),
        }
    }

    /// `HOST:PORT` to listen on.
    #[must_use]
    pub fn address(&self) -> &str {
        let said = self.listeners.trim();
        let address = match said.split_at_checked(SCHEME.len()) {
            Some((scheme, address)) if scheme.eq_ignore_ascii_case(SCHEME) => address,
            _ => said,
        };
        address.trim_end_matches('/')
    }

    fn agree(&self) -> Result<(), Fault> {
        let refuse = |why: String| Err(Fault::new("listeners", why));
        let listeners = &self.listeners;
        if listeners.contains(',') || self.address().contains("://") || !self.address().contains(':') {
            return refuse(format!(
                "listeners={listeners} is not one http://HOST:PORT, as http://127.0.0.1:8083"
            ));
        }
        if !self.is_loopback() && !self.asks_who_is_there() {
            return refuse(format!(
                "listeners={listeners} could be reached from other machines, by anybody: write rest.users=NAME:PASSWORD \
                 (or a reference to a secret), or listeners=http://127.0.0.1:8083"
            ));
        }
        if let Some(users) = &self.users
            && users.expose().split(',').any(|user| {
                user.trim().split_once(':').is_none_or(|(name, word)| name.is_empty() || word.is_empty())
            })
        {
            return Err(Fault::new("rest.users", "rest.users must be NAME:PASSWORD, separated by commas"));
        }
        Ok(())
    }

    /// Whether only programs of this machine can ask.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.address().rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn asks_who_is_there(&self) -> bool {
        self.users.is_some()
    }

    /// Whether this is the name and the password of somebody.
    pub(super) fn knows(&self, who: &str) -> bool {
        let users = self.users.as_ref().map_or("", Secret::expose);
        // All are compared, so that nobody learns from the time it takes which there are.
        users.split(',').fold(false, |known, user| known | same(user.trim(), who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read(pairs: &[(&str, &str)]) -> Result<RestOptions, String> {
        let given: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        RestOptions::read(&Given::new(&given)).map_err(|faults| faults[0].to_string())
    }

    #[test]
    fn nobody_listens_to_other_machines_without_asking_who_is_there() {
        for loopback in [
            "http://127.0.0.1:0",
            "HTTP://127.0.0.1:0",
            "http://localhost:8083/",
            "http://[::1]:8083",
            "127.0.0.9:1",
        ] {
            assert!(read(&[("listeners", loopback)]).is_ok(), "{loopback}");
        }
        for open in ["http://0.0.0.0:8083", "http://:8083", "http://[::]:1", "http://worker.example:8083"] {
            assert!(read(&[("listeners", open)]).unwrap_err().contains("rest.users=NAME:PASSWORD"), "{open}");
            assert!(read(&[("listeners", open), ("rest.users", "me:secret")]).is_ok(), "{open}");
        }
        for (name, value) in [
            ("listeners", "https://127.0.0.1:1"),
            ("listeners", "HTTPS://127.0.0.1:1"),
            ("listeners", "127.0.0.1"),
            ("rest.users", "me"),
        ] {
            let fault = read(&[(name, value)]).unwrap_err();
            assert!(!fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn a_worker_is_not_called_what_every_worker_is_called() {
        let id = |pairs: &[(&str, &str)], address: &str| {
            let users = [("rest.users", "me:secret")];
            read(&[&users[..], pairs].concat()).unwrap().worker_id(address.parse().unwrap())
        };
        let host = host_name();
        for everybodys in ["127.0.0.1:8083", "0.0.0.0:8083", "[::1]:8083", "[::]:8083"] {
            assert_eq!(id(&[], everybodys), format!("{host}:8083"), "{everybodys}");
        }
        assert_eq!(id(&[], "10.1.2.3:8083"), "10.1.2.3:8083");
        assert_eq!(id(&[("rest.advertised.port", "80")], "[fe80::1]:8083"), "[fe80::1]:80");
        let name = ("rest.advertised.host.name", "worker-1");
        assert_eq!(id(&[name], "127.0.0.1:8083"), "worker-1:8083");
        assert_eq!(id(&[name, ("rest.advertised.address", "a:1")], "127.0.0.1:8083"), "a:1");
    }

    #[test]
    fn names_and_passwords_are_known_whole() {
        let options = read(&[("rest.users", "me:secret, you:other")]).unwrap();
        assert!(options.knows("me:secret") && options.knows("you:other"));
        for who in ["me:secre", "me:secrets", "me", "", "me:other", "me:secret, you:other"] {
            assert!(!options.knows(who), "{who}");
        }
    }
}
