//! Prometheus, VictoriaMetrics and a node exporter, as Debian has them.

mod page;
mod receive;
mod scrape;
mod send;
pub(crate) mod servers;
