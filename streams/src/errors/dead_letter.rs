//! Dead letters, as KIP-1034 has them: the record as it was read, and in its headers why it is here.

use std::error::Error;
use std::fmt::Write;

use super::{Failed, Stage};
use crate::processor::Headers;
use crate::task::Failure;

/// The header with the name of the error: Kafka's has that of the exception's class.
pub const EXCEPTION: &str = "__streams.errors.exception";
/// The header with what the error says.
pub const MESSAGE: &str = "__streams.errors.message";
/// The header with all that is known of the place and the causes, a line each.
pub const STACKTRACE: &str = "__streams.errors.stacktrace";
/// The header with the topic that the record was read from; null where there was none.
pub const TOPIC: &str = "__streams.errors.topic";
/// The header with the partition, in digits; -1 where there was none.
pub const PARTITION: &str = "__streams.errors.partition";
/// The header with the offset, in digits; -1 where there was none.
pub const OFFSET: &str = "__streams.errors.offset";

/// The headers of a dead letter: the record's own, and six of Kafka's behind them, in its order.
pub(crate) fn headers(failed: &Failed<'_>) -> Headers {
    let mut headers = failed.record.headers.clone();
    let mut text = |name, value: Option<String>| headers.push(name, value.map(String::into_bytes));
    text(EXCEPTION, Some(class(failed).to_owned()));
    text(MESSAGE, Some(message(failed.failure)));
    text(STACKTRACE, Some(trace(failed)));
    text(TOPIC, failed.topic().map(str::to_owned));
    text(PARTITION, Some(failed.partition().unwrap_or(-1).to_string()));
    text(OFFSET, Some(failed.offset().unwrap_or(-1).to_string()));
    headers
}

/// How often the record with these headers has become a dead letter; 0: it is none.
pub(crate) fn generation(headers: &Headers) -> usize {
    headers.iter().filter(|header| header.name == EXCEPTION).count()
}

fn class(failed: &Failed<'_>) -> &'static str {
    match (failed.failure, failed.stage) {
        (Failure::Panic(_), _) => "millstream::Panic",
        (_, Stage::Decode) => "millstream::DecodeError",
        (_, Stage::Process) => "millstream::ProcessError",
        (_, Stage::Produce) => "millstream::ProduceError",
    }
}

/// Of a panic only what the program said.
fn message(failure: &Failure) -> String {
    match failure {
        Failure::Panic(text) => text.clone(),
        other => other.to_string(),
    }
}

fn trace(failed: &Failed<'_>) -> String {
    let mut trace = failed.to_string();
    let mut cause = failed.failure.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(trace, "\ncaused by: {error}");
        cause = error.source();
    }
    trace
}
