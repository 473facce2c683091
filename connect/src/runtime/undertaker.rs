//! What happens when a record is given up: the log, the brake, the dead letter, or the end of the task.

use millstream_client::Delivery;

use super::RunError;
use super::brake::Brake;
use super::dead_letter::{Address, Corpse, DeadLetters};
use super::environment::Environment;
use super::failure::Failure;
use super::meter::Meter;
use super::options::Tolerance;

/// Which part of its way a record has done, or failed on. Each has a brake of its own, that is told of records in their order: what
/// was fetched and does not convert is known long before what was fetched with it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// Until it is handed on: conversion and transforms.
    In,
    /// From then on: what the broker or the target says.
    Out,
}

/// Deals with the records of one task that are given up.
#[derive(Debug)]
pub(crate) struct Undertaker {
    /// By leg.
    brakes: [Brake; 2],
    /// Opened with the first record that needs it.
    letters: Option<DeadLetters>,
    /// Where dead letters go; `None`: records are dropped.
    topic: Option<String>,
}

impl Undertaker {
    pub(crate) fn new(environment: &Environment) -> Self {
        let errors = &environment.options.errors;
        Self {
            brakes: [(); 2].map(|()| Brake::new(errors.brake_percent, errors.brake_window)),
            letters: None,
            topic: errors.dead_letters(&environment.id.connector),
        }
    }

    /// So many records went well on a leg.
    pub(crate) fn passed(&mut self, leg: Leg, records: usize) {
        self.brakes[leg as usize].passed(records);
    }

    /// A record is given up on a leg. The delivery of its dead letter, if it has one.
    ///
    /// # Errors
    /// No failure is tolerated, or no more of them; or the dead letter cannot be sent.
    pub(crate) async fn bury(
        &mut self,
        environment: &Environment,
        leg: Leg,
        corpse: Corpse<'_>,
        from: &Address,
        failure: &Failure,
    ) -> Result<Option<Delivery>, RunError> {
        let errors = &environment.options.errors;
        let meter = &environment.reporter.meter;
        let failure = &failure.behind(&environment.reporter.veil());
        Meter::add(&meter.failed, 1);
        if errors.log {
            log(environment, corpse, from, failure);
        }
        if errors.tolerance == Tolerance::None {
            let what = described(from);
            return Err(RunError::Fatal(format!(
                "Tolerance exceeded in error handler: {what} failed in {}: {}",
                failure.stage.as_str(),
                failure.message
            )));
        }
        let brake = &mut self.brakes[leg as usize];
        if brake.failed() {
            return Err(RunError::Halted(format!("{}; the last: {}", brake.reason(), failure.message)));
        }
        let Some(topic) = &self.topic else { return Ok(None) };
        let letters = match &self.letters {
            Some(letters) => letters,
            None => {
                let (replication, context) = (errors.dead_letter_replication, errors.dead_letter_context);
                let opened = DeadLetters::open(
                    &environment.clients,
                    topic.clone(),
                    replication,
                    &environment.id,
                    context,
                )
                .await?;
                environment.reporter.topic(&topic.as_str().into()).await;
                self.letters.insert(opened)
            }
        };
        let delivery = letters.send(corpse, from, failure).await?;
        Meter::add(&meter.dead_letters, 1);
        Ok(Some(delivery))
    }
}

fn described(from: &Address) -> String {
    match (from.partition, from.offset) {
        (Some(partition), Some(offset)) => format!("the record {}-{partition}@{offset}", from.topic),
        _ => format!("a record for topic {}", from.topic),
    }
}

fn log(environment: &Environment, corpse: Corpse<'_>, from: &Address, failure: &Failure) {
    let (task, what, stage, why) =
        (&environment.id, described(from), failure.stage.as_str(), &failure.message);
    if environment.options.errors.log_messages {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (key, value) = (text(corpse.key), text(corpse.value));
        tracing::error!(%task, what, stage, why, ?key, ?value, "a record failed");
    } else {
        tracing::error!(%task, what, stage, why, "a record failed");
    }
}
