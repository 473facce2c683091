//! What every connector can be told, whatever it connects (Kafka's `ConnectorConfig`, `SourceConnectorConfig`, `SinkConnectorConfig`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::backoff::RetryBudget;
use super::topics;
use crate::options::{Choice, Definition, Fault, Options};
use crate::registry::{Plugin, Registry};

/// What a connector's name becomes the name of its dead letters' topic with.
const DEAD_LETTERS: &str = ".dlq";

/// Of sources and sinks. Names below `transforms.`, `predicates.`, `key.converter.` and the like are those of what they configure.
#[derive(Options, Clone, Debug)]
pub struct ConnectorOptions {
    /// Globally unique name to use for this connector.
    #[option(importance = "high", group = "Common", check = is_name)]
    pub name: String,
    /// Name or alias of the class for this connector: ours (file-source), or that of a connector for Kafka Connect in Java.
    #[option(name = "connector.class", importance = "high", group = "Common")]
    pub class: String,
    /// Maximum number of tasks to use for this connector.
    #[option(name = "tasks.max", default = 1, range = 1..=1024, importance = "high", group = "Common")]
    pub tasks_max: u32,
    /// Whether to fail where a connector makes more tasks than tasks.max. Accepted; ours never do.
    #[option(name = "tasks.max.enforce", default = true, importance = "low", group = "Common")]
    pub tasks_max_enforce: bool,
    /// Converter class for keys; the worker's without it: key.converter.… then says more to that, for this connector.
    #[option(name = "key.converter", importance = "low", group = "Common")]
    pub key_converter: Option<String>,
    /// Converter class for values; the worker's without it: value.converter.… then says more to that, for this connector.
    #[option(name = "value.converter", importance = "low", group = "Common")]
    pub value_converter: Option<String>,
    /// Converter class for headers; the worker's without it: header.converter.… then says more to that, for this connector.
    #[option(name = "header.converter", importance = "low", group = "Common")]
    pub header_converter: Option<String>,
    /// Aliases for the transformations to be applied to records.
    #[option(default = "", importance = "low", group = "Transforms")]
    pub transforms: Vec<String>,
    /// Aliases for the predicates used by transformations.
    #[option(default = "", importance = "low", group = "Predicates")]
    pub predicates: Vec<String>,
    /// What a change of a secret's source does: restart or none. Accepted; secrets are read when a task starts.
    #[option(name = "config.action.reload", default = "restart", importance = "low", group = "Common")]
    pub config_action_reload: Reload,
    /// How failures are met.
    #[option(flatten)]
    pub errors: ErrorOptions,
}

fn is_topic(name: &Option<String>) -> Result<(), String> {
    let name = name.as_deref().unwrap_or_default().trim();
    if name.is_empty() { Ok(()) } else { topics::is_name(name) }
}

/// In Kafka Connect's words: a connector without a name has no path in the REST API, so it could not be deleted.
#[expect(clippy::ptr_arg, reason = "a check takes what the option is")]
fn is_name(name: &String) -> Result<(), String> {
    let control: Vec<String> =
        name.chars().filter(|c| c.is_control()).map(|c| u32::from(c).to_string()).collect();
    match (name.is_empty(), control.is_empty()) {
        (true, _) => Err("String may not be empty".to_owned()),
        (_, true) => Ok(()),
        _ => Err(format!(
            "String may not contain control sequences but had the following ASCII chars: {}",
            control.join(", ")
        )),
    }
}

/// What a change of a secret's source does.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Nothing.
    None,
    /// The connector is restarted.
    Restart,
}

/// How failures are met. Dead letters are on: a bad record goes to a topic of its own, and the task goes on.
#[derive(Options, Clone, Debug)]
#[options(check = ErrorOptions::agree)]
pub struct ErrorOptions {
    /// How long a failed operation is tried again, in ms; 0 is not at all, -1 for ever. Without it, a record that its target asks to
    /// send again while it takes others, or that it answers with a failure of its own (408, 425, 500), is tried for 10 minutes and
    /// then is a dead letter; a target that is away or takes nothing at all (no answer, 429, 502, 503, 504) is tried for ever, which
    /// the status shows as DEGRADED. With it, such a target halts the task once the time is over.
    #[option(name = "errors.retry.timeout", group = "Error Handling")]
    pub retry_timeout_ms: Option<i64>,
    /// The longest pause between attempts.
    #[option(name = "errors.retry.delay.max.ms", default = 60000, group = "Error Handling")]
    pub retry_delay_max: Duration,
    /// `all`: records that fail are dead letters, or are dropped where those are off. `none`: the first ends the task. `all` where
    /// nothing is said; Kafka Connect has `none`.
    #[option(name = "errors.tolerance", default = "all", group = "Error Handling")]
    pub tolerance: Tolerance,
    /// Whether each failure is logged.
    #[option(name = "errors.log.enable", default = false, group = "Error Handling")]
    pub log: bool,
    /// Whether the log has the records themselves.
    #[option(name = "errors.log.include.messages", default = false, group = "Error Handling")]
    pub log_messages: bool,
    /// The topic for records that fail; without it the connector's name and `.dlq`, with a `_` for each character that no topic's
    /// name has; empty: there is none.
    #[option(name = "errors.deadletterqueue.topic.name", group = "Error Handling", check = is_topic)]
    pub dead_letter_topic: Option<String>,
    /// Replication factor of that topic if it has to be made; the broker's default without it.
    #[option(name = "errors.deadletterqueue.topic.replication.factor", group = "Error Handling")]
    pub dead_letter_replication: Option<i16>,
    /// Whether dead letters tell in headers where they come from and what went wrong.
    #[option(
        name = "errors.deadletterqueue.context.headers.enable",
        default = true,
        group = "Error Handling"
    )]
    pub dead_letter_context: bool,
    /// The task is halted when more than this many percent of the last records fail, in conversion or beyond it; 100 never does.
    #[option(name = "errors.brake.percent", default = 50, range = 0..=100, group = "Error Handling")]
    pub brake_percent: u32,
    /// How many records the brake looks at; 0 is no brake.
    #[option(name = "errors.brake.window", default = 1000, range = 0..=1_000_000, group = "Error Handling")]
    pub brake_window: usize,
}

/// What happens to a task at a record that fails.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// It fails.
    None,
    /// It goes on.
    All,
}

/// How long a single record is tried where nothing is said.
const RECORD_RETRY: Duration = Duration::from_secs(600);

impl ErrorOptions {
    fn agree(&self) -> Result<(), Fault> {
        let name = "errors.retry.timeout";
        match self.retry_timeout_ms {
            Some(ms) if ms < -1 => {
                Err(Fault::invalid(name, &ms.to_string(), "must be -1 (for ever), 0 (not at all) or more"))
            }
            _ => Ok(()),
        }
    }

    /// For a record that its target asks to send again.
    pub(crate) fn record_budget(&self) -> RetryBudget {
        self.budget(Some(RECORD_RETRY))
    }

    /// For a target that takes nothing.
    pub(crate) fn target_budget(&self) -> RetryBudget {
        self.budget(None)
    }

    fn budget(&self, unsaid: Option<Duration>) -> RetryBudget {
        let timeout = match self.retry_timeout_ms {
            None => unsaid,
            Some(ms) => u64::try_from(ms).ok().map(Duration::from_millis),
        };
        RetryBudget { timeout, delay_max: self.retry_delay_max }
    }

    /// Where a connector's dead letters go.
    pub(crate) fn dead_letters(&self, connector: &str) -> Option<String> {
        let topic = self
            .dead_letter_topic
            .as_ref()
            .map_or_else(|| topics::name_like(connector, DEAD_LETTERS), |topic| topic.trim().to_owned());
        (!topic.is_empty()).then_some(topic)
    }
}

/// Of sinks.
#[derive(Options, Clone, Debug)]
#[options(check = SinkOptions::agree)]
pub struct SinkOptions {
    /// List of topics to consume, separated by commas.
    #[option(default = "", importance = "high", group = "Common")]
    pub topics: Vec<String>,
    /// Regular expression giving topics to consume: a topic is read if its whole name matches.
    #[option(name = "topics.regex", default = "", importance = "high", group = "Common")]
    pub topics_regex: String,
    /// Records that are handed to the target at once, at most.
    #[option(name = "sink.batch.records", default = 2000, range = 1..=100_000, group = "Common")]
    pub batch_records: usize,
}

impl SinkOptions {
    fn agree(&self) -> Result<(), Fault> {
        match (self.topics.is_empty(), self.topics_regex.is_empty()) {
            (true, true) => Err(Fault::new("topics", "Must configure one of topics or topics.regex")),
            (false, false) => Err(Fault::new(
                "topics",
                "topics and topics.regex are mutually exclusive options, but both are set.",
            )),
            _ => Ok(()),
        }
    }
}

/// Of sources.
#[derive(Options, Clone, Debug)]
pub struct SourceOptions {
    /// Groups of rules for topics that have to be made; those of the group `default` always count.
    #[option(name = "topic.creation.groups", default = "", importance = "low", group = "Topic Creation")]
    pub creation_groups: Vec<String>,
    /// Permission for exactly-once. Accepted as `requested` only: the runtime does not write positions in transactions yet.
    #[option(name = "exactly.once.support", default = "requested", group = "Exactly Once Support")]
    pub exactly_once: ExactlyOnce,
}

/// What is asked of a source.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnce {
    /// Exactly once if it can be had.
    Requested,
}

/// What can be said to a connector, its own options last, as Kafka Connect's validation has them.
pub(crate) fn all_of(plugin: Plugin<'_>) -> Vec<Definition> {
    let mut all = ConnectorOptions::definitions();
    all.extend(match plugin {
        Plugin::Source(_) => SourceOptions::definitions(),
        Plugin::Sink(_) => SinkOptions::definitions(),
    });
    all.extend(plugin.definitions());
    all
}

/// The same of the connector that a configuration names; nothing where that is unknown.
pub(crate) fn all_of_named(registry: &Registry, config: &BTreeMap<String, String>) -> Vec<Definition> {
    let plugin = config.get("connector.class").and_then(|class| registry.find(class).ok());
    plugin.map(all_of).unwrap_or_default()
}
