//! Prometheus: targets scraped, remote writes received and sent.

mod exposition;
mod form;
mod labels;
mod remote;
mod scrape;
mod series;

pub use form::Form;
pub use labels::Pairs;
pub use scrape::{PrometheusSource, ScrapeOptions};
