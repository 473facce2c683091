//! The sink `prometheus-remote-write`: writes series to Prometheus, VictoriaMetrics, Mimir, Thanos and others.

mod mapping;
mod options;
mod server;
mod shard;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use futures::future::try_join_all;

use self::server::{Answer, Server};
use self::shard::{Prepared, divide, requests};
use super::labels::{is_label, is_metric};
use super::series::Labels;
use crate::record::Record;
use crate::runtime::bisect::{Bisection, Verdict};
use crate::{About, ConnectError, Finding, Outcome, Replay, Sink, SinkContext, SinkTask, TaskError, Written};
pub use mapping::Mapping;
pub use options::{Names, OutOfOrder, SendOptions};

/// Writes remotely.
pub struct RemoteWriteSink;

#[async_trait]
impl Sink for RemoteWriteSink {
    type Options = SendOptions;

    const ABOUT: About = About {
        name: "prometheus-remote-write",
        aliases: &[],
        summary: "Writes series to Prometheus, VictoriaMetrics and whatever else takes remote writes (1.0).",
    };

    // The same sample at the same time is the same.
    const REPLAY: Replay = Replay::Upserts;

    async fn check(options: &SendOptions) -> Vec<Finding> {
        let server = match Server::new(options) {
            Ok(server) => server,
            Err(why) => return vec![Finding::wrong("options", why)],
        };
        // A request without a series is taken by all, and changes nothing.
        vec![match server.send(&[]).await {
            Answer::Taken => Finding::fine(&options.url, "takes remote writes"),
            Answer::Late(why) => Finding::warning(&options.url, why),
            Answer::Retry { why, .. } | Answer::Refused(why) | Answer::Closed(why) => {
                Finding::wrong(&options.url, why)
            }
        }]
    }

    async fn open(options: SendOptions, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        let server = Server::new(&options).map_err(ConnectError::Refused)?;
        Ok(Box::new(SendTask { server, options, connector: context.connector, passed_over: 0 }))
    }
}

/// Writes what it is given, a request per shard at a time.
struct SendTask {
    server: Server,
    options: SendOptions,
    connector: String,
    /// Samples that the server had newer ones of.
    passed_over: u64,
}

#[async_trait]
impl SinkTask for SendTask {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        let mut outcomes = vec![Outcome::Ok; records.len()];
        let mut prepared = Vec::new();
        for (at, record) in records.iter().enumerate() {
            match self.prepare(at, record) {
                Ok(found) => prepared.extend(found),
                Err(why) => outcomes[at] = Outcome::Reject { why },
            }
        }
        let shards = divide(prepared, self.options.shards);
        let sent = try_join_all(shards.iter().map(|shard| self.send(shard))).await?;
        let sent: Vec<(usize, Fate)> = sent.into_iter().flatten().collect();
        if let Some(away) = away(&sent) {
            return Err(away);
        }
        let mut passed_over = 0;
        for (record, fate) in sent {
            outcomes[record] = match fate {
                Fate::Is(outcome) => outcome,
                Fate::PassedOver(why) if passed_over == 0 => {
                    tracing::warn!(connector = self.connector, "a sample is passed over: {why}");
                    passed_over += 1;
                    Outcome::Ok
                }
                Fate::PassedOver(_) => {
                    passed_over += 1;
                    Outcome::Ok
                }
            };
        }
        if passed_over > 0 {
            self.passed_over += passed_over;
            let (now, all) = (passed_over, self.passed_over);
            tracing::warn!(
                connector = self.connector,
                now,
                all,
                "the server has newer samples of these series"
            );
        }
        Ok(Written::Each(outcomes))
    }
}

/// What became of a record.
enum Fate {
    Is(Outcome),
    /// The server has newer samples of its series.
    PassedOver(String),
}

/// What a server says that takes nothing: no record is to blame, and none is a dead letter however long that lasts.
fn away(sent: &[(usize, Fate)]) -> Option<TaskError> {
    let mut first = None;
    for (_, fate) in sent {
        let Fate::Is(Outcome::Retry { after, why }) = fate else { return None };
        first.get_or_insert_with(|| TaskError::Retry { after: *after, why: why.clone() });
    }
    first
}

impl SendTask {
    /// The series of a record, with the labels that all get; a tombstone has none, nor has a record without samples.
    fn prepare(&self, at: usize, record: &Record) -> Result<Option<Prepared>, String> {
        if record.value.value.is_null() {
            return Ok(None);
        }
        let mut series = self.options.mapping.series(record)?;
        series.labels =
            series.labels.with_defaults(&self.options.labels.0).map_err(|fault| fault.to_string())?;
        if self.options.names == Names::Legacy {
            check_names(&series.labels)?;
        }
        Ok(Some(Prepared { record: at, series }).filter(|one| !one.series.samples.is_empty()))
    }

    /// Sends a shard, request after request, and says what became of each record. What the server puts off holds up what follows,
    /// so that a series stays in order.
    async fn send(&self, shard: &[Prepared]) -> Result<Vec<(usize, Fate)>, TaskError> {
        let mut fates = Vec::new();
        let mut put_off = None;
        for request in requests(shard, self.options.samples_max) {
            let part = &shard[request];
            let sent = self.send_request(part, &mut put_off).await?;
            fates.extend(part.iter().map(|one| one.record).zip(sent));
        }
        Ok(fates)
    }

    /// Sends a request, and halves it where the server refuses it, until the records are found that it does not want.
    async fn send_request(
        &self,
        part: &[Prepared],
        put_off: &mut Option<Outcome>,
    ) -> Result<Vec<Fate>, TaskError> {
        let mut bisection = Bisection::new(part.len());
        let mut late = Vec::new();
        while put_off.is_none()
            && let Some(range) = bisection.next()
        {
            match self.server.send(&part[range.clone()]).await {
                Answer::Taken => bisection.written(),
                Answer::Refused(why) => bisection.rejected(&why),
                Answer::Late(why) => {
                    if range.len() == 1 && self.options.out_of_order == OutOfOrder::Count {
                        late.push(range.start);
                    }
                    bisection.rejected(&why);
                }
                Answer::Retry { after, why } => *put_off = Some(Outcome::Retry { after, why }),
                Answer::Closed(why) => return Err(TaskError::fatal(why)),
            }
        }
        let fate = |(at, verdict)| match verdict {
            Verdict::Reject { why } if late.binary_search(&at).is_ok() => Fate::PassedOver(why),
            Verdict::Reject { why } => Fate::Is(Outcome::Reject { why }),
            Verdict::Untried | Verdict::Retry { .. } => {
                let not_tried = || Outcome::Retry { after: None, why: "it was not tried".to_owned() };
                Fate::Is(put_off.clone().unwrap_or_else(not_tried))
            }
            Verdict::Ok => Fate::Is(Outcome::Ok),
        };
        Ok(bisection.into_verdicts().into_iter().enumerate().map(fate).collect())
    }
}

fn check_names(labels: &Labels) -> Result<(), String> {
    let wrong = labels.others().map(|(name, _)| name).find(|name| !is_label(name));
    let wrong = wrong.or(Some(labels.metric()).filter(|metric| !is_metric(metric)));
    wrong.map_or(Ok(()), |name| {
        Err(format!("{name:?} is no name that every server takes: see name.validation"))
    })
}
