//! The life of a task: attempt after attempt, until it is told to stop or must not go on.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use super::RunError;
use super::backoff::{Attempts, RetryBudget};
use super::clients::Clients;
use super::conversion::Conversion;
use super::environment::{Control, Environment, Reporter, changed};
use super::options::{ConnectorOptions, ErrorOptions};
use super::sink::SinkRun;
use super::source::SourceRun;
use super::validate::strange_references;
use super::worker::Shared;
use crate::herder::{State, TaskStart};
use crate::options::{Fault, Given, Options};
use crate::registry::Plugin;
use crate::sink::SinkContext;
use crate::source::{Share, SourceContext};

/// A run of so long is a success: what ends it afterwards is a new failure.
const STEADY: Duration = Duration::from_secs(60);
/// A run that gave its target up in time has so long to leave its group.
const LEAVING: Duration = Duration::from_secs(2);
/// The longest pause before a task is started again.
const RESTART_MAX: Duration = Duration::from_secs(60);

/// A task and what it needs to be started, again and again.
pub(super) struct TaskLife {
    pub(super) shared: Arc<Shared>,
    pub(super) start: TaskStart,
    pub(super) reporter: Reporter,
}

impl TaskLife {
    /// Lives until it is told to stop.
    pub(super) async fn live(self, mut control: watch::Receiver<Control>) {
        let restarts =
            RetryBudget { timeout: Some(self.shared.options.restart_timeout), delay_max: RESTART_MAX };
        // Of a target that is away, or of what else ends a run: the one uses up nothing of the other.
        let mut attempts: Option<(bool, Attempts)> = None;
        for fault in strange_references(&self.start.config) {
            tracing::warn!(task = %self.start.id, "{fault}");
        }
        loop {
            let begun = Instant::now();
            let Some(outcome) = self.supervised(&control).await else { return };
            let Err(error) = outcome else { return };
            let now = Instant::now();
            if now - begun > STEADY {
                attempts = None;
            }
            let is_away = matches!(error, RunError::Away(_));
            attempts = attempts.filter(|(was_away, _)| *was_away == is_away);
            let (_, attempts) = attempts.get_or_insert_with(|| (is_away, Attempts::begin(now)));
            let budget = if is_away { self.patience() } else { restarts };
            let again = if error.may_pass() {
                budget.next(attempts, Duration::ZERO, now, rand::random())
            } else {
                None
            };
            let (state, why) = standing(&error, again.map(|at| at - now));
            self.reporter.state(state, Some(&why)).await;
            let told = match again {
                Some(at) => tokio::select! {
                    now = changed(&mut control) => now,
                    () = sleep_until(at.into()) => *control.borrow(),
                },
                None => changed(&mut control).await,
            };
            if told.stop {
                return;
            }
        }
    }

    /// How long a target that is away is waited for: as by a task that runs.
    fn patience(&self) -> RetryBudget {
        let unread = RetryBudget { timeout: None, delay_max: RESTART_MAX };
        ErrorOptions::read(&Given::new(&self.start.config)).map_or(unread, |options| options.target_budget())
    }

    /// One attempt, which ends `graceful` after it was told to at the latest. `None`: it was told to, and did not end by then.
    async fn supervised(&self, control: &watch::Receiver<Control>) -> Option<Result<(), RunError>> {
        let attempt = AssertUnwindSafe(self.attempt(control.clone())).catch_unwind();
        let graceful = self.shared.options.graceful + LEAVING;
        let mut told = control.clone();
        let too_late = async {
            let _ = told.wait_for(|control| control.stop).await;
            sleep(graceful).await;
        };
        tokio::select! {
            outcome = attempt => Some(outcome.unwrap_or_else(|panic| Err(RunError::Fatal(panicked(&*panic))))),
            () = too_late => {
                tracing::warn!(task = %self.start.id, ?graceful, "the task did not end in time and was ended; what it had not finished comes again");
                None
            }
        }
    }

    async fn attempt(&self, control: watch::Receiver<Control>) -> Result<(), RunError> {
        let shared = &self.shared;
        *self.reporter.veil.lock() = shared.veil(&self.start.config).worn();
        let secret = |error: crate::config::SecretError| RunError::Fatal(error.to_string());
        let config = shared.secrets.resolve(&self.start.config).map_err(secret)?;
        let worker = shared.secrets.resolve(&shared.settings).map_err(secret)?;
        let refused = shared.options.override_policy.faults(&config);
        if !refused.is_empty() {
            return Err(RunError::Config(refused));
        }
        let environment = self.environment(config, &worker)?;
        let class = &environment.options.class;
        let find = |fault: Fault| RunError::Config(vec![fault]);
        match shared.registry.find(class).map_err(find)? {
            Plugin::Source(source) => {
                let context = SourceContext {
                    connector: self.start.id.connector.clone(),
                    task: usize::try_from(self.start.id.task).unwrap_or_default(),
                    tasks: self.start.tasks,
                    share: self.share(),
                    positions: shared.positions.load(&self.start.id.connector).await?,
                };
                let mut task = source.open(&environment.config, context).await?;
                let run = SourceRun::open(environment, Arc::clone(&shared.positions)).await?;
                run.run(&mut *task, control).await?;
                task.close().await;
            }
            Plugin::Sink(sink) => {
                let context = SinkContext {
                    connector: self.start.id.connector.clone(),
                    task: usize::try_from(self.start.id.task).unwrap_or_default(),
                    ends_topology: false,
                };
                let mut task = sink.open(&environment.config, context).await?;
                SinkRun::open(environment, control).await?.run(&mut *task).await?;
                task.close().await;
            }
        }
        Ok(())
    }

    fn environment(
        &self,
        config: BTreeMap<String, String>,
        worker: &BTreeMap<String, String>,
    ) -> Result<Environment, RunError> {
        let options = ConnectorOptions::read(&Given::new(&config)).map_err(RunError::Config)?;
        let clients = Clients::new(&super::clients::inherited(worker), &config, self.start.id.to_string());
        let shared = &self.shared.options;
        Ok(Environment {
            id: self.start.id.clone(),
            conversion: Conversion::read(&config, worker).map_err(RunError::Config)?,
            config,
            options,
            clients,
            reporter: self.reporter.clone(),
            memory: self.shared.memory.clone(),
            flush_interval: shared.flush_interval,
            graceful: shared.graceful,
            creates_topics: shared.creates_topics,
            ends: self.shared.ends,
        })
    }

    /// What the connector's own division of work added for this task.
    fn share(&self) -> Share {
        let own =
            self.start.config.iter().filter(|(name, value)| self.start.connector.get(*name) != Some(value));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// What is told of a task whose run has ended like this, and which is tried again after a while, or not.
fn standing(error: &RunError, again: Option<Duration>) -> (State, String) {
    match (error, again) {
        (RunError::Away(why), Some(_)) => (State::Degraded, why.clone()),
        (RunError::Away(why), None) => (State::Halted, format!("errors.retry.timeout is over: {why}")),
        (RunError::Halted(why), None) => (State::Halted, why.clone()),
        (error, Some(wait)) => {
            (State::Restarting, format!("{error}; tried again in {:.1} s", wait.as_secs_f64()))
        }
        (error, None) => (State::Failed, error.to_string()),
    }
}

pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("the task panicked, which is a bug: {text}")
}
