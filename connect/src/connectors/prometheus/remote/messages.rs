//! The messages of remote write 1.0, by their field numbers (Prometheus's `prompb/remote.proto` and `types.proto`).

use prost::Message;

/// What one request carries.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
}

/// Samples of one series, oldest first.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Point>,
    /// Native histograms, which have no form here: they are counted.
    #[prost(message, repeated, tag = "4")]
    pub(crate) histograms: Vec<()>,
}

/// One label; the metric's name is that of `__name__`. Bytes, since a label that is no UTF-8 is a fault of its series alone.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// One sample.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Point {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}
