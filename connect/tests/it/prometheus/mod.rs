//! Prometheus, VictoriaMetrics and a node exporter, as Debian has them.

mod scrape;
mod servers;
