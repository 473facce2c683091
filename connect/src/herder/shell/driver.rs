use super::super::machine::{Action, Event, Note, Write};
use super::super::{TaskEvent, TaskId};
use super::Shared;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the machine is told that time has passed.
const TICK: Duration = Duration::from_millis(100);
/// How long after something was read: what is free now may be this worker's, and whoever asked for it waits. What is written in
/// one go is read in one go, so not at once.
const SOON: Duration = Duration::from_millis(2);

/// Where records are read from and written to.
pub(super) enum Source {
    /// What is written is read at once.
    Memory { written: mpsc::Receiver<Write>, offset: i64, begun: bool },
    /// What the cluster's topics have, in order, and when all of it has been read.
    Topics(mpsc::Receiver<Event>),
}

impl Source {
    pub(super) fn memory(written: mpsc::Receiver<Write>) -> Self {
        Self::Memory { written, offset: 0, begun: false }
    }

    /// The next event; none when there will be no more.
    async fn next(&mut self) -> Option<Event> {
        match self {
            Self::Memory { begun, .. } if !*begun => {
                *begun = true;
                Some(Event::CaughtUp)
            }
            Self::Memory { written, offset, .. } => {
                let Write { topic, bytes, note } = written.recv().await?;
                *offset += 1;
                let (key, value) = (bytes.key, bytes.value.map(String::into_bytes));
                Some(Event::Read { topic, offset: *offset, key, value, note })
            }
            Self::Topics(events) => events.recv().await,
        }
    }
}

/// Takes every event, one after the other, and does what follows from it.
pub(super) struct Driver {
    shared: Arc<Shared>,
    source: Source,
    tasks: mpsc::Receiver<TaskEvent>,
    /// For what is begun here and ends later.
    later: mpsc::Sender<Event>,
    internal: mpsc::Receiver<Event>,
    /// What could not be written at once, in order: the driver must not wait for who waits for it.
    unwritten: VecDeque<Write>,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        source: Source,
        tasks: mpsc::Receiver<TaskEvent>,
        later: mpsc::Sender<Event>,
        internal: mpsc::Receiver<Event>,
    ) -> Self {
        Self { shared, source, tasks, later, internal, unwritten: VecDeque::new() }
    }

    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_soon = false;
        loop {
            let event = tokio::select! {
                biased;
                // What a task said before it stopped comes before that it has stopped.
                Some(event) = self.tasks.recv() => Event::Task(event),
                Some(event) = self.internal.recv() => event,
                _ = ticks.tick() => Event::Tick,
                event = self.source.next() => match event {
                    Some(event) => event,
                    None => return,
                },
            };
            match event {
                Event::Tick => is_soon = false,
                Event::Read { .. } | Event::CaughtUp if !is_soon => {
                    ticks.reset_after(SOON);
                    is_soon = true;
                }
                _ => {}
            }
            self.take(event).await;
        }
    }

    async fn take(&mut self, event: Event) {
        let actions = self.shared.machine.lock().handle(event, self.shared.now());
        for action in actions {
            self.act(action).await;
        }
        while let Some(write) = self.unwritten.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(write)) = self.shared.writes.try_send(write) {
                self.unwritten.push_front(write);
                break;
            }
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Produce(write) => self.unwritten.push_back(write),
            Action::Start(start) => self.shared.worker.start(start).await,
            Action::Pause(task, paused) => self.shared.worker.pause(&task, paused).await,
            Action::Stop(task) => self.stop(task),
            Action::Abort(task) => self.shared.worker.abort(&task),
            Action::Split { connector, version, config } => {
                let (worker, later) = (Arc::clone(&self.shared.worker), self.later.clone());
                tokio::spawn(async move {
                    let tasks = worker.split(&connector, &config).await;
                    // Nobody is there to hear it once the worker has ended.
                    let _ = later.send(Event::Split { connector, version, tasks }).await;
                });
            }
            Action::Answer(write, verdict) => {
                if let Some(waiting) = self.shared.waiting.lock().remove(&write) {
                    // It may have given up waiting.
                    let _ = waiting.send(verdict);
                }
            }
            Action::Level(namespace, level) => (self.shared.levels)(&namespace, &level),
            Action::Warn(what) => tracing::warn!("{what}"),
        }
    }

    fn stop(&self, task: TaskId) {
        let (worker, later) = (Arc::clone(&self.shared.worker), self.later.clone());
        tokio::spawn(async move {
            worker.stop(&task).await;
            let _ = later.send(Event::Stopped(task)).await;
        });
    }
}

impl Note {
    /// Headers that say it.
    pub(super) const EXPECTS: &'static str = "millstream.expects";
    /// See [`Self::EXPECTS`].
    pub(super) const WRITE: &'static str = "millstream.write";
}
