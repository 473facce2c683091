//! The bytes of remote write 1.0: a protobuf message as one block of snappy.

mod messages;
#[cfg(test)]
mod tests;
mod walk;

use prost::Message;
use thiserror::Error;

use self::messages::{Label, Point, TimeSeries, WriteRequest};
use super::series::{LabelFault, Labels, Sample};
pub(crate) use walk::Limits;

/// No element of a snappy block makes more of a byte than this (64 bytes of a copy of three), so that a length which
/// claims more is a lie.
const SNAPPY_RATIO_MAX: usize = 22;

/// A series, and some of its samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// As sent: the protocol wants the oldest first.
    pub(crate) samples: Vec<Sample>,
}

/// Why a request is not taken; sent again, it will not be taken either.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("the body is no block of snappy: {0}")]
    Snappy(#[from] snap::Error),
    #[error("the body claims {claimed} bytes where it can hold {possible} at most")]
    Claim { claimed: usize, possible: usize },
    #[error("{bytes} bytes once decompressed, and at most {max} are taken: send fewer samples at once")]
    TooLarge { bytes: usize, max: usize },
    #[error("more than {max} {what} in one request: send fewer samples at once")]
    TooMany { what: &'static str, max: usize },
    #[error("the body is no WriteRequest of remote write 1.0: {0}")]
    Message(prost::DecodeError),
    #[error("the body is no WriteRequest of remote write 1.0: a field ends behind its message")]
    Short,
    #[error("native histograms are not supported: set send_native_histograms to false")]
    Histograms,
    #[error("{0}")]
    Labels(#[from] LabelFault),
}

impl Refusal {
    fn message(error: prost::DecodeError) -> Self {
        Self::Message(error)
    }
}

/// The series of a request's body, in its order.
pub(crate) fn decode(body: &[u8], limits: &Limits) -> Result<Vec<Series>, Refusal> {
    let request = decompress(body, limits.bytes)?;
    if walk::walk(&request, limits)?.histograms > 0 {
        return Err(Refusal::Histograms);
    }
    let request = WriteRequest::decode(request.as_slice()).map_err(Refusal::message)?;
    request.timeseries.into_iter().map(Series::try_from).collect()
}

fn decompress(body: &[u8], max: usize) -> Result<Vec<u8>, Refusal> {
    let claimed = snap::raw::decompress_len(body)?;
    if claimed > max {
        return Err(Refusal::TooLarge { bytes: claimed, max });
    }
    let possible = body.len().saturating_mul(SNAPPY_RATIO_MAX);
    if claimed > possible {
        return Err(Refusal::Claim { claimed, possible });
    }
    Ok(snap::raw::Decoder::new().decompress_vec(body)?)
}

/// The body of a request with these series.
pub(crate) fn encode(series: impl IntoIterator<Item = Series>) -> Result<Vec<u8>, snap::Error> {
    let request = WriteRequest { timeseries: series.into_iter().map(TimeSeries::from).collect() };
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
}

impl TryFrom<TimeSeries> for Series {
    type Error = Refusal;

    fn try_from(series: TimeSeries) -> Result<Self, Refusal> {
        let labels = series.labels.into_iter().map(|label| (label.name, label.value)).collect();
        let samples =
            series.samples.into_iter().map(|point| Sample { timestamp: point.timestamp, value: point.value });
        Ok(Self { labels: Labels::new(labels)?, samples: samples.collect() })
    }
}

impl From<Series> for TimeSeries {
    fn from(series: Series) -> Self {
        let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
        let point = |sample: &Sample| Point { value: sample.value, timestamp: sample.timestamp };
        Self {
            labels: series.labels.iter().map(label).collect(),
            samples: series.samples.iter().map(point).collect(),
        }
    }
}
