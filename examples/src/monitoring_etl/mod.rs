//! The monitoring ETL: a web server's log in, clean requests, counts by minute, live health and alerts out.
//!
//! ```text
//! access-log ──► parse ──► enrich ──┬──► requests                          documents, one each
//!                  │      services  ├──► by service and status, a minute ──► roll-ups, each once when its minute closes
//!                  ▼                ├──► by service ──► HEALTH               what is asked of the running program
//!            access-log-unparsed    └──► by service, a minute ──► alerts
//! ```

pub mod access_log;
mod model;
mod paths;
mod topology;

pub use model::{Alert, Health, Request, Rollup, Slice, Unparsed};
pub use paths::{PATHS, paths};
pub use topology::{
    ALERTS, HEALTH, LATE, LINES, MINUTES, Pace, REQUESTS, ROLLUPS, SERVICES, UNPARSED, topology,
};
