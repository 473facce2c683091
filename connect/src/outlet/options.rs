//! What can be said of a sink that ends a topology, besides its own options.

use std::collections::BTreeMap;

use crate::options::{Fault, Given, Options, unknown};
use crate::runtime::{ErrorOptions, RetryBudget};
use crate::sink::Sink;

/// How records are handed to the sink, and how many wait.
#[derive(Options, Clone, Debug)]
struct Flow {
    /// Records that are handed to the target at once, at most.
    #[option(name = "sink.batch.records", default = 2000, range = 1..=100_000)]
    batch_records: usize,
    /// Bytes of records, about, that the tasks of an instance hold together and that are not safe with the target yet. Beyond them
    /// tasks rest.
    #[option(name = "sink.buffer.bytes", default = 33_554_432, range = 1..=1_099_511_627_776)]
    buffer_bytes: usize,
}

/// The rules under which a task writes.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) batch_records: usize,
    pub(super) buffer_bytes: usize,
    /// For a record that is to be tried again.
    pub(super) record_budget: RetryBudget,
    /// For a target that takes nothing.
    pub(super) target_budget: RetryBudget,
    pub(super) brake_percent: u32,
    pub(super) brake_window: usize,
}

/// What a connector is told that here is said in another place.
const ELSEWHERE: [(&str, &str); 7] = [
    ("errors.deadletterqueue.", "dead letters are the application's: `.dead_letters(\"TOPIC\")`"),
    ("errors.tolerance", "an error policy says so: `.on_error(...)`"),
    ("errors.log.", "what fails is logged always"),
    ("topics", "the stream is what it writes"),
    ("transforms", "`map`, `filter` and the like come before it"),
    ("key.converter", "keys come as types: `Serialize` says what they become"),
    ("value.converter", "values come as types: `Serialize` says what they become"),
];

impl Rules {
    pub(super) fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        let given = Given::new(config);
        let (flow, errors) = (Flow::read(&given), ErrorOptions::read(&given));
        let (flow, errors) = match (flow, errors) {
            (Ok(flow), Ok(errors)) => (flow, errors),
            (flow, errors) => {
                let faults = flow.err().into_iter().chain(errors.err()).flatten();
                return Err(faults.collect());
            }
        };
        Ok(Self {
            batch_records: flow.batch_records,
            buffer_bytes: flow.buffer_bytes,
            record_budget: errors.record_budget(),
            target_budget: errors.target_budget(),
            brake_percent: errors.brake_percent,
            brake_window: errors.brake_window,
        })
    }
}

/// All that is wrong.
pub(super) fn faults<S: Sink>(config: &BTreeMap<String, String>) -> Vec<Fault> {
    let elsewhere = |name: &str| ELSEWHERE.iter().find(|(prefix, _)| name.starts_with(prefix));
    let given = Given::new(config);
    let mut faults = match S::Options::read(&given) {
        Ok(options) => S::at_the_end_of_a_topology(&options).err().into_iter().collect(),
        Err(faults) => faults,
    };
    faults.extend(Rules::read(config).err().unwrap_or_default());
    let mut known = S::Options::definitions();
    known.extend(Flow::definitions());
    known.extend(ErrorOptions::definitions().into_iter().filter(|known| elsewhere(known.name).is_none()));
    let is_own = |name: &str| known.iter().any(|known| known.name == name || known.aliases.contains(&name));
    let misplaced = |name: &str| elsewhere(name).filter(|_| !is_own(name));
    for name in config.keys() {
        faults.extend(
            misplaced(name)
                .map(|(_, instead)| Fault::new(name, format!("{name} has no place here: {instead}"))),
        );
    }
    faults.extend(unknown(&given, &known, |name| misplaced(name).is_some()));
    faults
}
