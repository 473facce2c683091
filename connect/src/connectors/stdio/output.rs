use std::io::{self, Write};

use async_trait::async_trait;

use crate::about::About;
use crate::connectors::line::{self, Format};
use crate::error::{ConnectError, TaskError};
use crate::options::Options;
use crate::record::Record;
use crate::sink::{Replay, Sink, SinkContext, SinkTask, Written};

/// What can be said to [`StdoutSink`].
#[derive(Options, Clone, Debug)]
pub struct StdoutOptions {
    /// What a line is: the value's text, the value as JSON, or a JSON object of topic, partition, offset, timestamp, key, headers
    /// and value.
    #[option(default = "lines", importance = "high")]
    format: Format,
}

/// Prints records to the worker's standard output, a line each.
pub struct StdoutSink;

#[async_trait]
impl Sink for StdoutSink {
    type Options = StdoutOptions;

    const ABOUT: About = About {
        name: "stdout",
        aliases: &[],
        summary: "Prints records to the worker's standard output, a line each.",
    };

    const REPLAY: Replay = Replay::Appends;

    async fn open(options: StdoutOptions, _context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        Ok(Box::new(PrintTask { format: options.format, to: io::stdout }))
    }
}

struct PrintTask<F> {
    format: Format,
    to: F,
}

#[async_trait]
impl<F: Fn() -> W + Send + Sync, W: Write + Send + 'static> SinkTask for PrintTask<F> {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        let mut lines = Vec::new();
        records.iter().for_each(|record| line::append(&mut lines, record, self.format));
        let mut to = (self.to)();
        // A pipe whose reader is slow holds up this thread, and no other task.
        let written =
            tokio::task::spawn_blocking(move || to.write_all(&lines).and_then(|()| to.flush())).await;
        match written.map_err(io::Error::other).flatten() {
            Ok(()) => Ok(Written::All),
            Err(why) => Err(TaskError::fatal(format!("standard output cannot be written to: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::data::SchemaAndValue;

    #[tokio::test]
    async fn records_are_lines_and_a_closed_pipe_ends_the_task() {
        let (mut input, output) = io::pipe().unwrap();
        let mut task = PrintTask { format: Format::Lines, to: move || output.try_clone().unwrap() };
        let records: Vec<Record> =
            ["a", "b"].iter().map(|text| Record::new("t".into(), SchemaAndValue::string(*text))).collect();
        assert_eq!(task.write(&records).await, Ok(Written::All));
        let mut read = [0; 4];
        input.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"a\nb\n");
        drop(input);
        assert!(matches!(task.write(&records).await, Err(TaskError::Fatal { .. })));
    }
}
