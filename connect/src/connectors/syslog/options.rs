use super::framing::Framing;
use super::message::{Format, Zone};
use crate::connectors::listen::is_host_and_port;
use crate::options::{Choice, Options};

/// What can be said to a receiver of syslog.
#[derive(Options, Debug, Clone)]
pub struct SyslogOptions {
    /// The topic that messages are written to.
    #[option(importance = "high")]
    pub topic: String,
    /// Where messages are received, as HOST:PORT. Whoever can send there can write.
    #[option(importance = "high", default = "127.0.0.1:5514", check = is_host_and_port)]
    pub listen: String,
    /// How messages come: `udp`, `tcp`, or `both` on the same port.
    #[option(default = "both")]
    pub protocol: Protocol,
    /// How the messages of a TCP connection are divided (RFC 6587): `octet-counting`, `newline`, or `auto`, as each begins.
    #[option(default = "auto")]
    pub framing: Framing,
    /// How messages are written: `rfc3164`, `rfc5424`, or `auto`, either way.
    #[option(default = "auto")]
    pub format: Format,
    /// Where senders are whose times say no zone (RFC 3164): `local`, `UTC`, or an offset as +02:00.
    #[option(default = "local")]
    pub timezone: Zone,
    /// What a record is keyed with, so that what is alike stays in order: the `host` of the message (or who sent it, where it says
    /// none), the `peer` that sent it, or `none`.
    #[option(default = "host")]
    pub key: Key,
    /// The topic of what is no message of syslog, as a topic of dead letters. It goes to `topic` otherwise. It is marked
    /// `"raw": true` in either case.
    #[option(name = "unparsed.topic")]
    pub unparsed_topic: Option<String>,
    /// Bytes of a message. What is longer is cut and marked `"truncated": true`.
    #[option(name = "message.bytes.max", default = 65_536, range = 480..=1_048_576)]
    pub message_max: usize,
    /// TCP connections at once. One more gets the place of one that has sent no message in ten seconds, and is closed where all have.
    #[option(name = "connections.max", default = 256, range = 1..=65_536)]
    pub connections_max: usize,
    /// Bytes of messages that wait to be taken. Behind that, TCP senders wait; what comes by UDP is lost, as UDP has it, and the log tells how much.
    #[option(name = "queue.bytes.max", default = 8_388_608, range = 1_048_576..=1_073_741_824, importance = "low")]
    pub queue_max: usize,
    /// Bytes of UDP messages that the system keeps until they are read. The system's own limit counts (`net.core.rmem_max`).
    #[option(name = "receive.buffer.bytes", default = 4_194_304, range = 4_096..=1_073_741_824, importance = "low")]
    pub receive_buffer: usize,
}

/// How messages come.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One a datagram.
    Udp,
    /// In a stream.
    Tcp,
    /// Either way.
    Both,
}

/// What a record is keyed with.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The host that the message names.
    Host,
    /// The address that sent it.
    Peer,
    /// Nothing.
    None,
}
