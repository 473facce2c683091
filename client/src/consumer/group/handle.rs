//! The program's end of the group's task.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::shell::Shell;
use crate::consumer::shared::Shared;
use crate::runtime::{Runtime, TaskGuard};
use crate::{Error, Result};

/// Orders of the program that wait for the task.
const COMMANDS_MAX: usize = 16;

/// What a program subscribes to.
#[derive(Clone)]
pub(crate) enum Topics {
    Names(Vec<Arc<str>>),
    /// Every topic whose name it accepts.
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(names) => f.debug_tuple("Names").field(names).finish(),
            Self::Matching(_) => f.write_str("Matching"),
        }
    }
}

/// An order of the program.
pub(super) enum Command {
    Subscribe(Topics),
    Rejoin,
    /// Leaves, and waits for the next subscription.
    Unsubscribe,
    /// Leaves, or keeps its place; answers when that is done.
    Close {
        keep_place: bool,
        done: oneshot::Sender<()>,
    },
}

/// The program's end of the group's task.
#[derive(Debug)]
pub(crate) struct Group {
    commands: mpsc::Sender<Command>,
    _task: TaskGuard,
}

impl Group {
    pub(crate) fn start(shared: Arc<Shared>, runtime: &Runtime) -> Self {
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let task = runtime.spawn(Shell::new(shared, orders).run());
        Self { commands, _task: task }
    }

    pub(crate) fn subscribe(&self, topics: Topics) -> Result<()> {
        self.commands.try_send(Command::Subscribe(topics)).map_err(|_| busy())
    }

    pub(crate) fn rejoin(&self) -> Result<()> {
        self.commands.try_send(Command::Rejoin).map_err(|_| busy())
    }

    pub(crate) fn unsubscribe(&self) -> Result<()> {
        self.commands.try_send(Command::Unsubscribe).map_err(|_| busy())
    }

    pub(crate) async fn close(&self, keep_place: bool) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { keep_place, done }).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn busy() -> Error {
    Error::Misuse("more subscription changes than the group's task can take in; subscribe less often".into())
}
