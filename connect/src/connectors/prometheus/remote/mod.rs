//! The bytes of remote write 1.0: a protobuf message as one block of snappy.

mod messages;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::string::FromUtf8Error;

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
}

/// What is read of a request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    /// In the request's order.
    pub(crate) series: Vec<Series>,
    /// What it has besides, where that is anything.
    pub(crate) left_out: Option<LeftOut>,
}

/// What of a request is not taken, while the rest is: sent again, it will not be taken either.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LeftOut {
    /// Samples of series that are none.
    samples: usize,
    /// Native histograms.
    histograms: usize,
    /// What is wrong with the first of these series.
    why: Option<SeriesFault>,
}

/// What is wrong with a series.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum SeriesFault {
    #[error("{0}")]
    Labels(#[from] LabelFault),
    #[error("a label is no UTF-8")]
    NoText(#[from] FromUtf8Error),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rest is stored, but not ")?;
        if let Some(why) = &self.why {
            write!(f, "{} samples of series that are none ({why})", self.samples)?;
        }
        if self.histograms > 0 {
            let and = if self.why.is_some() { " and " } else { "" };
            let n = self.histograms;
            write!(
                f,
                "{and}{n} native histograms, which are not supported: set send_native_histograms to false"
            )?;
        }
        Ok(())
    }
}

impl Refusal {
    fn message(error: prost::DecodeError) -> Self {
        Self::Message(error)
    }
}

/// What a request's body holds. A series that is none leaves the others be: who sent them will not send them again.
pub(crate) fn decode(body: &[u8], limits: &Limits) -> Result<Decoded, Refusal> {
    let request = decompress(body, limits.bytes)?;
    walk::walk(&request, limits)?;
    let request = WriteRequest::decode(request.as_slice()).map_err(Refusal::message)?;
    let mut left_out = LeftOut::default();
    let mut series = Vec::with_capacity(request.timeseries.len());
    for one in request.timeseries {
        left_out.histograms += one.histograms.len();
        let samples = one.samples.len();
        match Series::try_from(one) {
            Ok(one) => series.push(one),
            Err(why) => {
                left_out.samples += samples;
                left_out.why.get_or_insert(why);
            }
        }
    }
    let left_out = Some(left_out).filter(|left_out| *left_out != LeftOut::default());
    Ok(Decoded { series, left_out })
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
    type Error = SeriesFault;

    fn try_from(series: TimeSeries) -> Result<Self, SeriesFault> {
        let texts = series
            .labels
            .into_iter()
            .map(|label| Ok((String::from_utf8(label.name)?, String::from_utf8(label.value)?)));
        let labels = texts.collect::<Result<_, FromUtf8Error>>()?;
        let samples =
            series.samples.into_iter().map(|point| Sample { timestamp: point.timestamp, value: point.value });
        Ok(Self { labels: Labels::new(labels)?, samples: samples.collect() })
    }
}

impl From<Series> for TimeSeries {
    fn from(series: Series) -> Self {
        let label = |(name, value): (&str, &str)| Label { name: name.into(), value: value.into() };
        let point = |sample: &Sample| Point { value: sample.value, timestamp: sample.timestamp };
        Self {
            labels: series.labels.iter().map(label).collect(),
            samples: series.samples.iter().map(point).collect(),
            histograms: Vec::new(),
        }
    }
}
