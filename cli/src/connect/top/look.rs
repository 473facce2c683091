//! A look at a worker, over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use millstream_connect::herder::{ConnectorStatus, TaskId};
use millstream_connect::http::{Credentials, HttpClient, body_within, describe};
use millstream_connect::runtime::{Standing, TaskStanding};
use reqwest::Client;
use serde::Deserialize;

/// An answer that is longer is not one of a worker.
const ANSWER_MAX: usize = 16 << 20;
/// A worker that does not answer in this time is told of.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    /// When, in seconds since 1970.
    pub(super) at: f64,
    /// Of the worker.
    pub(super) address: String,
    pub(super) memory_used: f64,
    pub(super) memory_limit: f64,
    pub(super) tasks: BTreeMap<TaskId, TaskStanding>,
    /// Those of the tasks that another worker runs: where.
    pub(super) elsewhere: BTreeMap<TaskId, String>,
    /// Connectors that have no tasks, and how they are.
    pub(super) without_tasks: BTreeMap<String, String>,
    /// Why nothing was seen.
    pub(super) failure: Option<String>,
}

/// Looks at a worker again and again: its own tasks are on its page of metrics, the others in the answers of its REST surface, where
/// it has one.
pub(super) struct Looker {
    client: Client,
    address: String,
}

#[derive(Deserialize)]
struct Expanded {
    status: ConnectorStatus,
}

impl Looker {
    pub(super) fn new(address: &str, user: Option<&str>) -> Result<Self> {
        let user = user.map(|user| user.split_once(':').context("--user takes NAME:PASSWORD")).transpose()?;
        let credentials = match user {
            Some((user, password)) => {
                Credentials::Basic { user: user.to_owned(), password: password.to_owned() }
            }
            None => Credentials::None,
        };
        let client = HttpClient { request_timeout: PATIENCE, credentials, ..HttpClient::default() };
        let scheme = if address.contains("://") { "" } else { "http://" };
        let address = format!("{scheme}{}", address.trim_end_matches('/'));
        Ok(Self { client: client.build()?, address })
    }

    /// What there is to be seen now; nothing, and why, where the worker does not answer.
    pub(super) async fn look(&self) -> Look {
        let mut look = Look { address: self.address.clone(), ..Look::default() };
        let seen = self.see(&mut look).await;
        look.failure = seen.err().map(|error| format!("{error:#}"));
        look.at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        look
    }

    async fn see(&self, look: &mut Look) -> Result<()> {
        let page = self.get("/metrics").await?;
        let statuses = self.get("/connectors?expand=status").await?;
        if page.is_none() && statuses.is_none() {
            bail!("it has neither /metrics nor /connectors: is it a worker?");
        }
        let page = page.map(|page| String::from_utf8(page).context("its page is no text")).transpose()?;
        let standing = Standing::read(page.as_deref().unwrap_or_default()).map_err(|why| anyhow!(why))?;
        (look.memory_used, look.memory_limit) = (standing.memory_used, standing.memory_limit);
        look.tasks = standing.tasks;
        let statuses: BTreeMap<String, Expanded> =
            statuses.map(|answer| serde_json::from_slice(&answer)).transpose()?.unwrap_or_default();
        for (name, Expanded { status }) in statuses {
            look.add(&name, status);
        }
        Ok(())
    }

    /// What lies there; `None`: there is nothing.
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let request = self.client.get(format!("{}{path}", self.address));
        let response = request.send().await.map_err(|error| anyhow!(describe(error)))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            401 => bail!("it asks who is there: say --user NAME:PASSWORD"),
            status => bail!("it answers {status} for {path}"),
        }
        let body = body_within(response, ANSWER_MAX).await.map_err(|error| anyhow!(describe(error)))?;
        Ok(Some(body.to_vec()))
    }
}

impl Look {
    /// What the cluster knows of a connector. Of its own tasks the worker knows better.
    fn add(&mut self, name: &str, status: ConnectorStatus) {
        if status.tasks.is_empty() {
            let why = status.connector.why.or(status.connector.trace).map(|why| format!(": {why}"));
            let state = state(&status.connector.state);
            self.without_tasks.insert(name.to_owned(), format!("{state}{}", why.unwrap_or_default()));
        }
        for task in status.tasks {
            let id = TaskId::new(name, task.id);
            if self.tasks.contains_key(&id) {
                continue;
            }
            let told = task.state;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
            let since = told.since.map_or(0.0, |since| since as f64 / 1e3);
            let standing = TaskStanding {
                state: state(&told.state),
                why: told.why.or(told.trace),
                since,
                ..TaskStanding::default()
            };
            self.elsewhere.insert(id.clone(), told.worker_id);
            self.tasks.insert(id, standing);
        }
    }
}

/// As the REST surface writes it.
fn state(state: &impl serde::Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
