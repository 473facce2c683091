use std::time::Duration;

use super::super::super::access::Access;
use super::super::super::listen::is_host_and_port;
use super::super::form::Form;
use super::super::remote::Limits;
use crate::http::server::{bearable, plain_path};
use crate::options::Options;

/// What can be said to a receiver of remote writes.
#[derive(Options, Debug, Clone)]
pub struct ReceiveOptions {
    /// The topic that samples are written to.
    #[option(importance = "high")]
    pub topic: String,
    /// Where writes are received, as HOST:PORT. Whoever can connect there can write, unless credentials are set.
    #[option(importance = "high", default = "127.0.0.1:9201", check = is_host_and_port)]
    pub listen: String,
    /// The path that writes are sent to.
    #[option(default = "/api/v1/write", check = plain_path)]
    pub path: String,
    /// Whether a record is one sample, or all samples of a series in one request.
    #[option(name = "record.form", default = "sample")]
    pub form: Form,
    /// Who may write.
    #[option(flatten)]
    pub access: Access,
    /// How long a sender waits for its samples to be stored before it is told to send them again. Prometheus itself waits 30 s.
    #[option(name = "ack.timeout.ms", default = 20_000, check = bearable)]
    pub patience: Duration,
    /// Connections at once. One more gets the place of whoever has sent no request for longest, and waits where all have.
    #[option(name = "connections.max", default = 256, range = 1..=65_536, importance = "low")]
    pub connections_max: usize,
    /// Requests at once; more are told to come again once they have waited for ack.timeout.ms.
    #[option(name = "requests.max", default = 64, range = 1..=4_096, importance = "low")]
    pub requests_max: usize,
    /// Bytes of a request as sent.
    #[option(name = "request.bytes.max", default = 4_194_304, range = 1..=268_435_456, importance = "low")]
    pub request_max: usize,
    /// Bytes of a request once it is decompressed.
    #[option(name = "request.decoded.bytes.max", default = 16_777_216, range = 1..=1_073_741_824, importance = "low")]
    pub decoded_max: usize,
    /// Samples of a request.
    #[option(name = "request.samples.max", default = 50_000, range = 1..=10_000_000, importance = "low")]
    pub samples_max: usize,
    /// Labels of a request, of all its series together.
    #[option(name = "request.labels.max", default = 500_000, range = 1..=100_000_000, importance = "low")]
    pub labels_max: usize,
}

impl ReceiveOptions {
    pub(super) fn limits(&self) -> Limits {
        // A series without a sample says nothing, so there is no use in more series than samples.
        Limits {
            bytes: self.decoded_max,
            series: self.samples_max,
            samples: self.samples_max,
            labels: self.labels_max,
        }
    }
}
