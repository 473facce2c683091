//! PostgreSQL: rows from records, and records from rows.

mod check;
mod column;
mod connection;
mod copy;
mod error;
mod names;
mod offsets;
mod options;
mod plan;
mod reading;
mod row;
mod sink;
mod source;
mod table;
mod write;

pub use options::{Connection, PostgresSinkOptions, PostgresSourceOptions};
pub use sink::PostgresSink;
pub use source::PostgresSource;
