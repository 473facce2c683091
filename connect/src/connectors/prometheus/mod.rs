//! Prometheus: targets scraped, remote writes received and sent.

mod exposition;
mod remote;
mod series;
