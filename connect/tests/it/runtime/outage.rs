//! A cluster that goes away and comes back.

use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_connect::herder::{State, Worker};
use tempfile::TempDir;

use super::broker::{topic_of, unique};
use super::shelf::{Behaviour, ShelfState, Shut};
use super::sink;
use super::worker::{OneTask, eventually, position_file};

/// A broker that can be gone for a while.
struct Own {
    data: TempDir,
    address: String,
    broker: Option<Broker>,
}

impl Own {
    async fn start() -> Self {
        let mut own =
            Self { data: tempfile::tempdir().unwrap(), address: "127.0.0.1:0".to_owned(), broker: None };
        own.come().await;
        own
    }

    async fn come(&mut self) {
        let config = BrokerConfig::new(self.data.path()).listen(&self.address);
        let config = config.set("group.initial.rebalance.delay.ms", "0").unwrap();
        let broker = Broker::start(config).await.unwrap();
        self.address = broker.address().to_string();
        self.broker = Some(broker);
    }

    async fn go(&mut self) {
        self.broker.take().unwrap().close().await;
    }
}

async fn tells_that_the_cluster_is_gone(task: &OneTask, own: &mut Own) {
    task.until_state(State::Running).await;
    own.go().await;
    let why = task.until_state(State::Degraded).await.why.unwrap_or_default();
    assert!(why.starts_with("the cluster is waited for: ") && why.contains(&own.address), "{why}");
    own.come().await;
    task.until_state(State::Running).await;
}

#[tokio::test]
async fn a_source_tells_that_the_cluster_is_gone_and_goes_on_when_it_is_back() {
    let (mut own, topic, dir) = (Own::start().await, unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "1000000"),
        ("lines.pause.ms", "20"),
    ];
    let worker = [("bootstrap.servers", &*own.address.clone())];
    let task = OneTask::start_with(&topic, &pairs, position_file(&dir), &worker).await;
    task.until("a line", |metrics| metrics.records_written > 0).await;
    tells_that_the_cluster_is_gone(&task, &mut own).await;
    let before = task.metrics().records_written;
    task.until("more lines", |metrics| metrics.records_written > before).await;
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn a_sink_tells_that_the_cluster_is_gone_and_goes_on_when_it_is_back() {
    let (mut own, dir, name) = (Own::start().await, tempfile::tempdir().unwrap(), unique("shelf"));
    let bootstrap = own.address.clone();
    let write = async |value: &str| {
        let producer = millstream_client::Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
        let record = millstream_client::ProducerRecord::to("texts").value(value);
        drop(producer.send(record).await.unwrap());
        producer.close().await.unwrap();
    };
    write("before").await;
    let worker = [("bootstrap.servers", &*bootstrap)];
    let pairs = sink::pairs("texts", &name);
    let task = OneTask::start_with(&name, &pairs, position_file(&dir), &worker).await;
    let shelf = ShelfState::named(&name);
    task.until("a text", |_| shelf.texts().len() == 1).await;
    tells_that_the_cluster_is_gone(&task, &mut own).await;
    write("after").await;
    task.until("the next text", |_| shelf.texts().len() == 2).await;
    task.runner.stop(&task.id).await;
}

fn shut(name: &str, shut: Option<Shut>) {
    sink::behave(&ShelfState::named(name), Behaviour { shut, ..Behaviour::default() });
}

/// Time in which a task that is not to wait would have failed, by the settings of the tests.
const IMPATIENT: (&str, &str) = ("task.restart.timeout.ms", "1");

#[tokio::test]
async fn a_target_that_is_away_when_a_task_begins_is_waited_for_as_by_one_that_runs() {
    let topic = topic_of("texts", 1, sink::numbered(0, 10)).await;
    for away in [Shut::AtOpen, Shut::Assigned] {
        let (name, dir) = (unique("shelf"), tempfile::tempdir().unwrap());
        shut(&name, Some(away));
        let pairs = [&sink::pairs(&topic, &name)[..], &[("errors.retry.delay.max.ms", "300")]].concat();
        let task = OneTask::start_with(&name, &pairs, position_file(&dir), &[IMPATIENT]).await;
        let since = task.until_state(State::Degraded).await.since_ms;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told = task.metrics();
        assert_eq!((told.state, told.why.as_deref()), (State::Degraded, Some("nobody opens")), "{away:?}");
        assert_eq!(told.since_ms, since, "it is told all the while: {away:?}");
        shut(&name, None);
        task.until_state(State::Running).await;
        let shelf = ShelfState::named(&name);
        eventually("all texts", async || shelf.texts().len() == 10).await;
        task.runner.stop(&task.id).await;
    }
}

#[tokio::test]
async fn a_target_that_is_away_for_too_long_halts_a_task_and_one_that_refuses_it_fails_it() {
    let topic = topic_of("texts", 1, sink::numbered(0, 10)).await;
    for (shut_so, state, why) in [
        (Shut::AtOpen, State::Halted, "errors.retry.timeout is over: nobody opens"),
        (Shut::Refusing, State::Failed, "not to you"),
    ] {
        let (name, dir) = (unique("shelf"), tempfile::tempdir().unwrap());
        shut(&name, Some(shut_so));
        let pairs = [&sink::pairs(&topic, &name)[..], &[("errors.retry.timeout", "500")]].concat();
        let task = OneTask::start_with(&name, &pairs, position_file(&dir), &[IMPATIENT]).await;
        assert_eq!(task.until_state(state).await.why.as_deref(), Some(why));
        task.runner.stop(&task.id).await;
    }
}
