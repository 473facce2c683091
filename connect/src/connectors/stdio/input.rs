use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::about::About;
use crate::connectors::line_reader::read_lines;
use crate::data::SchemaAndValue;
use crate::error::{ConnectError, TaskError};
use crate::options::Options;
use crate::record::Record;
use crate::source::{Source, SourceBatch, SourceContext, SourceTask};

/// How many batches wait to be polled.
const WAITING_BATCHES: usize = 2;

/// What can be said to [`StdinSource`].
#[derive(Options, Clone, Debug)]
pub struct StdinOptions {
    /// The topic to write to.
    #[option(importance = "high")]
    topic: String,
    /// The longest record. A longer line goes out in pieces.
    #[option(name = "line.max.bytes", default = 1_000_000, range = 16..=100_000_000, importance = "low")]
    line_max_bytes: usize,
}

/// Writes each line of standard input to a topic, and ends with it. There is no position: what was read is gone.
pub struct StdinSource;

#[async_trait]
impl Source for StdinSource {
    type Options = StdinOptions;

    const ABOUT: About = About {
        name: "stdin",
        aliases: &[],
        summary: "Writes each line of the worker's standard input to a topic, until it ends.",
    };

    /// What was read is gone.
    const KEEPS_POSITIONS: bool = false;

    async fn open(
        options: StdinOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        if context.task > 0 {
            let why = "there is one standard input: set tasks.max=1";
            return Err(ConnectError::Refused(why.to_owned()));
        }
        Ok(Box::new(LinesTask::start(io::stdin(), &options)?))
    }
}

/// Hands over what a thread reads, since nothing else can wait for a pipe of any kind. The thread ends with its input, or
/// with the process.
struct LinesTask {
    batches: mpsc::Receiver<io::Result<SourceBatch>>,
}

impl LinesTask {
    fn start(input: impl Read + Send + 'static, options: &StdinOptions) -> Result<Self, ConnectError> {
        let (sender, batches) = mpsc::channel(WAITING_BATCHES);
        let topic: Arc<str> = options.topic.as_str().into();
        let max_bytes = options.line_max_bytes;
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || {
                let ended = read_lines(
                    input,
                    max_bytes,
                    |text| SchemaAndValue::string(text),
                    |records| {
                        let records =
                            records.into_iter().map(|line| Record::new(topic.clone(), line)).collect();
                        sender.blocking_send(Ok(SourceBatch { records, ..SourceBatch::default() })).is_ok()
                    },
                );
                if let Err(why) = ended {
                    // Whoever would hear of it may be gone.
                    let _ = sender.blocking_send(Err(why));
                }
            })
            .map_err(|why| ConnectError::Refused(format!("no thread can be started to read: {why}")))?;
        Ok(Self { batches })
    }
}

#[async_trait]
impl SourceTask for LinesTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        let polled = self.batches.recv().await.transpose();
        polled.map_err(|why| TaskError::fatal(format!("standard input cannot be read: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn lines_come_as_they_are_written_and_end_with_their_input() {
        let (input, mut output) = io::pipe().unwrap();
        let options = StdinOptions { topic: "t".to_owned(), line_max_bytes: 16 };
        let mut task = LinesTask::start(input, &options).unwrap();
        let mut next = async |written: &[u8]| {
            output.write_all(written).unwrap();
            let batch = task.poll().await.unwrap().unwrap();
            batch.records.iter().map(|one| one.value.value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(next(b"one\r\ntwo\nth").await, ["one", "two"]);
        assert_eq!(next(b"ree\n").await, ["three"]);
        assert_eq!(next(b"more than sixteen\nlast").await, ["more than sixtee", "n"]);
        drop(output);
        let last = task.poll().await.unwrap().unwrap();
        assert_eq!(last.records[0].value.value.as_str(), Some("last"));
        assert!(task.poll().await.unwrap().is_none());
    }
}
