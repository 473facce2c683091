//! Whole-system tests: our broker before clients that we did not write, and before `kill -9`.

mod connect;
mod daemon;
mod etl;
mod java;
mod kafka_python;
mod kcat;
mod kill;
mod library;
mod monitoring;
mod opensearch;
mod oracle;
mod skew;
mod streams;
