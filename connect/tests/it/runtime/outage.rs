//! A cluster that goes away and comes back.

use millstream_broker::{Broker, BrokerConfig};
use millstream_connect::herder::{State, Worker};
use tempfile::TempDir;

use super::broker::unique;
use super::shelf::ShelfState;
use super::sink;
use super::worker::{OneTask, position_file};

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
