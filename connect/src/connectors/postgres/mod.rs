//! PostgreSQL: rows from records, and records from rows.

mod address;
mod binary;
mod check;
mod column;
mod connection;
mod copy;
mod error;
mod fence;
mod kind;
mod names;
mod numeric;
mod offsets;
mod options;
mod places;
mod plan;
mod reading;
mod refused;
mod row;
mod silence;
mod sink;
mod sound;
mod source;
mod staging;
mod statement;
mod table;
mod tables;
mod tls;
mod write;

pub use options::{Connection, PostgresSinkOptions, PostgresSourceOptions};
pub use sink::PostgresSink;
pub use source::PostgresSource;
