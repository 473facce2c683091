//! Prometheus: targets scraped, remote writes received and sent.

mod exposition;
mod form;
mod labels;
mod receive;
mod remote;
mod scrape;
mod send;
mod series;

pub(crate) use exposition::{Exposition, Format, Reading};
pub use form::Form;
pub use labels::Pairs;
pub use receive::{ReceiveOptions, RemoteWriteSource};
pub use scrape::{PrometheusSource, ScrapeOptions};
pub use send::{Mapping, Names, OutOfOrder, RemoteWriteSink, SendOptions};
