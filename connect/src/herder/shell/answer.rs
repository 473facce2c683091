//! A running worker, asked.

use super::super::machine::{Machine, Movable, Verdict, Write};
use super::super::{
    ActiveTopics, Answer, Config, ConnectorInfo, ConnectorOffsets, ConnectorStatus, Created, Herder,
    HerderError, RestartRequest, State, TargetState, TaskId, TaskInfo, TaskStatus,
};
use super::{POLL, Shared, WRITE_TIMEOUT};
use async_trait::async_trait;
use std::time::Instant;
use tokio::sync::oneshot;

/// Kafka Connect's answers to changed offsets.
const ALTERED: &str = "The offsets for this connector have been altered successfully";
const RESET: &str = "The offsets for this connector have been reset successfully";

impl Shared {
    /// Writes, and waits until the machine has read it back.
    pub(super) async fn write_and_wait(&self, mut write: Write) -> Answer<Verdict> {
        let id: u64 = rand::random();
        write.note.write = Some(id);
        let (told, waits) = oneshot::channel();
        self.waiting.lock().insert(id, told);
        let written = async {
            let closed = |_| HerderError::Failed("The worker is shutting down".to_owned());
            self.writes.send(write).await.map_err(|error| closed(error.to_string()))?;
            waits.await.map_err(|error| closed(error.to_string()))
        };
        let answer = tokio::time::timeout(WRITE_TIMEOUT, written).await;
        self.waiting.lock().remove(&id);
        answer.unwrap_or_else(|_| {
            let why = "Request timed out. What was written has not come back from the cluster's topics yet";
            Err(HerderError::Failed(why.to_owned()))
        })
    }

    /// One after the other; the first that does not count ends it.
    async fn write_all(&self, writes: Vec<Write>) -> Answer<()> {
        for write in writes {
            if self.write_and_wait(write).await? == Verdict::Refused {
                let why = "Cannot complete request momentarily due to stale configuration (typically caused by a \
                           concurrent config change)";
                return Err(HerderError::Conflict(why.to_owned()));
            }
        }
        Ok(())
    }

    /// Waits until nobody else moves the positions of a connector that is stopped.
    async fn stopped(&self, connector: &str) -> Answer<Config> {
        let begun = Instant::now();
        loop {
            let movable = self.machine.lock().may_move_positions(connector, self.now())?;
            match movable {
                Movable::Now(config) => return Ok(config),
                Movable::NotYet(why) if begun.elapsed() > WRITE_TIMEOUT => {
                    return Err(HerderError::Failed(format!(
                        "The offsets of connector {connector} have not been changed, because its tasks haven't stopped \
                         completely yet: {why}. The request can be repeated"
                    )));
                }
                Movable::NotYet(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn config_of(&self, connector: &str) -> Answer<Config> {
        Ok(self.machine.lock().info(connector, |config| self.worker.kind(config))?.config)
    }
}

#[async_trait]
impl Herder for Shared {
    fn cluster_id(&self) -> String {
        self.cluster_id.clone()
    }

    fn ready(&self) -> bool {
        self.machine.lock().is_ready()
    }

    async fn health(&self) -> Answer<()> {
        while !self.ready() {
            tokio::time::sleep(POLL).await;
        }
        let trouble = self.machine.lock().trouble(self.now());
        trouble.map_or(Ok(()), |why| Err(HerderError::Unavailable(why)))
    }

    async fn connectors(&self) -> Answer<Vec<String>> {
        Ok(self.machine.lock().names())
    }

    async fn info(&self, connector: &str) -> Answer<ConnectorInfo> {
        self.machine.lock().info(connector, |config| self.worker.kind(config))
    }

    async fn put_config(
        &self,
        connector: &str,
        config: Config,
        initial: Option<TargetState>,
        replace: bool,
    ) -> Answer<Created<ConnectorInfo>> {
        let (writes, created) = self.machine.lock().put_config(connector, config, initial, replace)?;
        self.write_all(writes).await?;
        Ok(Created { created, result: self.info(connector).await? })
    }

    async fn delete(&self, connector: &str) -> Answer<()> {
        let writes = self.machine.lock().delete(connector)?;
        self.write_all(writes).await
    }

    async fn status(&self, connector: &str) -> Answer<ConnectorStatus> {
        self.machine.lock().state_of(connector, self.now(), |config| self.worker.kind(config))
    }

    async fn tasks(&self, connector: &str) -> Answer<Vec<TaskInfo>> {
        self.machine.lock().task_infos(connector)
    }

    async fn task_status(&self, task: &TaskId) -> Answer<TaskStatus> {
        self.machine.lock().task_state_of(task, self.now())
    }

    async fn restart(&self, request: RestartRequest) -> Answer<ConnectorStatus> {
        let write = self.machine.lock().ask_restart(&request)?;
        let before = self.status(&request.connector).await?;
        self.write_all(vec![write]).await?;
        Ok(restarting(before, &request))
    }

    async fn restart_task(&self, task: &TaskId) -> Answer<()> {
        let write = self.machine.lock().ask_task_restart(task)?;
        self.write_all(vec![write]).await
    }

    async fn set_target(&self, connector: &str, target: TargetState) -> Answer<()> {
        let writes = self.machine.lock().set_target(connector, target)?;
        self.write_all(writes).await
    }

    async fn offsets(&self, connector: &str) -> Answer<ConnectorOffsets> {
        let config = self.config_of(connector)?;
        self.worker.offsets(connector, &config).await.map_err(HerderError::Failed)
    }

    async fn alter_offsets(&self, connector: &str, offsets: ConnectorOffsets) -> Answer<String> {
        let config = self.stopped(connector).await?;
        self.worker.alter_offsets(connector, &config, offsets).await?;
        Ok(ALTERED.to_owned())
    }

    async fn reset_offsets(&self, connector: &str) -> Answer<String> {
        let config = self.stopped(connector).await?;
        self.worker.reset_offsets(connector, &config).await.map_err(HerderError::Failed)?;
        Ok(RESET.to_owned())
    }

    async fn topics(&self, connector: &str) -> Answer<ActiveTopics> {
        Ok(ActiveTopics { topics: self.machine.lock().topics_of(connector) })
    }

    async fn reset_topics(&self, connector: &str) -> Answer<()> {
        let writes = self.machine.lock().forget_topics(connector);
        self.write_all(writes).await
    }

    async fn set_cluster_level(&self, namespace: &str, level: &str) -> Answer<()> {
        self.write_all(vec![Machine::cluster_level(namespace, level)]).await
    }
}

/// The states that a restart leads to, as Kafka Connect's plan of it has them.
fn restarting(mut status: ConnectorStatus, request: &RestartRequest) -> ConnectorStatus {
    let is_concerned = |state: State| !request.only_failed || state == State::Failed;
    if is_concerned(status.connector.state) {
        status.connector.state = State::Restarting;
    }
    if request.include_tasks {
        for task in status.tasks.iter_mut().filter(|task| is_concerned(task.state.state)) {
            task.state.state = State::Restarting;
        }
    }
    status
}
