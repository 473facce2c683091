//! The settings that every client has.

use std::time::Duration;

use super::Key;
use super::parse::{INT, int_in, list, millis, millis_in};
use crate::error::ConfigError;

/// What producer, consumer and admin have in common. Defaults are Kafka's, but for the socket buffers, which are left
/// to the operating system (Kafka's 32 to 128 KiB stop its tuning and cost half the throughput of a fast link).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// `bootstrap.servers`: `host:port` of any brokers of the cluster.
    pub bootstrap_servers: Vec<String>,
    /// `client.id`: a name for the broker's logs and quotas.
    pub client_id: String,
    /// `client.rack`: lets a consumer read from a near replica.
    pub client_rack: String,
    /// `request.timeout.ms` (30 s): an unanswered request after this ends its connection.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms` (60 s): the limit of one call, its retries included.
    pub default_api_timeout: Duration,
    /// `retry.backoff.ms` (100 ms): the wait before the first repetition.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms` (1 s): the longest wait between repetitions.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms` (50 ms): the wait before the first reconnection.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms` (1 s): the longest wait between reconnections.
    pub reconnect_backoff_max: Duration,
    /// `metadata.max.age.ms` (5 min): metadata is refreshed at least this often.
    pub metadata_max_age: Duration,
    /// `metadata.max.idle.ms` (5 min): a topic that was not used for this long is no longer refreshed.
    pub metadata_max_idle: Duration,
    /// `socket.connection.setup.timeout.ms` (10 s): the limit of one attempt to connect.
    pub connection_setup_timeout: Duration,
    /// `connections.max.idle.ms` (9 min): a connection that was silent for this long is closed.
    pub connections_max_idle: Duration,
    /// `send.buffer.bytes` (-1: the operating system's choice).
    pub send_buffer_bytes: i32,
    /// `receive.buffer.bytes` (-1: the operating system's choice).
    pub receive_buffer_bytes: i32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: Vec::new(),
            client_id: "millstream".to_owned(),
            client_rack: String::new(),
            request_timeout: Duration::from_secs(30),
            default_api_timeout: Duration::from_secs(60),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            metadata_max_idle: Duration::from_secs(300),
            connection_setup_timeout: Duration::from_secs(10),
            connections_max_idle: Duration::from_secs(540),
            send_buffer_bytes: -1,
            receive_buffer_bytes: -1,
        }
    }
}

impl ClientConfig {
    /// Refuses a configuration that cannot reach any broker.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.bootstrap_servers.is_empty() {
            return Err(ConfigError::Missing {
                name: "bootstrap.servers",
                hint: "give host:port of a broker",
            });
        }
        for server in &self.bootstrap_servers {
            split_address(server)?;
        }
        Ok(())
    }
}

/// `host:port`, where an IPv6 host stands in brackets.
pub(crate) fn split_address(address: &str) -> Result<(&str, u16), ConfigError> {
    split(address).map_err(|reason| ConfigError::Invalid {
        name: "bootstrap.servers".to_owned(),
        value: address.to_owned(),
        reason,
    })
}

/// The same, or what to write instead. What stands before `//`, a listener's name or its protocol, does not count.
fn split(address: &str) -> Result<(&str, u16), String> {
    let bare = address.rsplit("//").next().unwrap_or(address);
    let (host, port) = bare.rsplit_once(':').unwrap_or((bare, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    match port.parse() {
        Ok(port @ 1..) if is_host => Ok((host, port)),
        _ => {
            let host = if is_host { host } else { "localhost" };
            Err(format!("{address} is no host:port: write it as {host}:9092, with the port of the broker"))
        }
    }
}

/// Addresses of brokers, each looked at before anything is asked of it.
fn addresses(text: &str) -> Result<Vec<String>, String> {
    let addresses = list(text);
    addresses.iter().try_for_each(|address| split(address).map(drop))?;
    Ok(addresses)
}

/// The effective names.
pub(crate) const COMMON: &[Key<ClientConfig>] = &[
    Key { name: "bootstrap.servers", set: |c, v| set(&mut c.bootstrap_servers, addresses(v)) },
    Key { name: "client.id", set: |c, v| set(&mut c.client_id, Ok(v.to_owned())) },
    Key { name: "client.rack", set: |c, v| set(&mut c.client_rack, Ok(v.to_owned())) },
    Key { name: "request.timeout.ms", set: |c, v| set(&mut c.request_timeout, millis_in(v, INT)) },
    Key { name: "default.api.timeout.ms", set: |c, v| set(&mut c.default_api_timeout, millis_in(v, INT)) },
    Key { name: "retry.backoff.ms", set: |c, v| set(&mut c.retry_backoff, millis(v)) },
    Key { name: "retry.backoff.max.ms", set: |c, v| set(&mut c.retry_backoff_max, millis(v)) },
    Key { name: "reconnect.backoff.ms", set: |c, v| set(&mut c.reconnect_backoff, millis(v)) },
    Key { name: "reconnect.backoff.max.ms", set: |c, v| set(&mut c.reconnect_backoff_max, millis(v)) },
    Key { name: "metadata.max.age.ms", set: |c, v| set(&mut c.metadata_max_age, millis(v)) },
    Key {
        name: "metadata.max.idle.ms",
        set: |c, v| set(&mut c.metadata_max_idle, millis_in(v, 5_000..=i64::MAX as u64)),
    },
    Key {
        name: "socket.connection.setup.timeout.ms",
        set: |c, v| set(&mut c.connection_setup_timeout, millis(v)),
    },
    Key {
        name: "socket.connection.setup.timeout.max.ms",
        set: |c, v| millis(v).map(|max| c.connection_setup_timeout = c.connection_setup_timeout.min(max)),
    },
    Key { name: "connections.max.idle.ms", set: |c, v| set(&mut c.connections_max_idle, millis(v)) },
    Key { name: "send.buffer.bytes", set: |c, v| set(&mut c.send_buffer_bytes, int_in(v, -1..=i32::MAX)) },
    Key {
        name: "receive.buffer.bytes",
        set: |c, v| set(&mut c.receive_buffer_bytes, int_in(v, -1..=i32::MAX)),
    },
    Key { name: "security.protocol", set: |_, v| plaintext_only(v) },
];

/// Stores a parsed value.
pub(crate) fn set<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

fn plaintext_only(value: &str) -> Result<(), String> {
    if value.eq_ignore_ascii_case("PLAINTEXT") {
        return Ok(());
    }
    Err("this client speaks PLAINTEXT only so far; use a plaintext listener".to_owned())
}
