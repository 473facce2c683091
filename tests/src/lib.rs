//! What the whole-system tests share: a broker to test, foreign clients to judge it with, child processes under control.

pub mod cluster;
pub mod daemon;
pub mod etl;
pub mod interrupt;
pub mod java;
pub mod kafka;
pub mod kcat;
pub mod opensearch;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod python;
pub mod server;
pub mod skip;
pub mod topics;

/// The program of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
