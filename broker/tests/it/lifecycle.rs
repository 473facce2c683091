//! Life and death of a broker: what survives, who may have the directory, who may start it.

use kafka_protocol::messages::{InitProducerIdRequest, MetadataRequest};
use millstream_broker::{Broker, BrokerConfig, BrokerError};

use crate::client::{Client, batch, records};

#[test]
fn topics_ids_configurations_records_and_producer_ids_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = || BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
    let producer_id = |client: &mut Client| {
        client.call(4, &InitProducerIdRequest::default().with_transactional_id(None)).producer_id.0
    };
    let broker = Broker::start_blocking(config()).unwrap();
    let mut client = Client::connect(&broker);
    let id = client.create_topic("a", 2, &[("max.message.bytes", "150")]);
    client.produce("a", 1, -1, batch(&["x"]));
    let first_producer = producer_id(&mut client);
    broker.close_blocking();

    let broker = Broker::start_blocking(config()).unwrap();
    let mut client = Client::connect(&broker);
    let topics = client.call(12, &MetadataRequest::default().with_topics(None)).topics;
    assert_eq!((topics.len(), topics[0].topic_id, topics[0].partitions.len()), (1, id, 2));
    assert_eq!(records(&client.fetch("a", 1, 0).records), [(0, "x".to_owned())]);
    assert_ne!(client.produce("a", 0, -1, batch(&[&"x".repeat(200)])).error_code, 0);
    assert!(producer_id(&mut client) > first_producer);
    broker.close_blocking();
}

#[test]
fn a_directory_serves_one_broker_and_one_node() {
    let directory = tempfile::tempdir().unwrap();
    let config = || BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
    let broker = Broker::start_blocking(config()).unwrap();
    assert!(Broker::start_blocking(config()).unwrap_err().to_string().contains("locked"));
    broker.close_blocking();
    let error = Broker::start_blocking(config().set("node.id", "2").unwrap()).unwrap_err();
    assert!(error.to_string().contains("node.id 1"), "{error}");
    Broker::start_blocking(config()).unwrap().close_blocking();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let error = Broker::start_blocking(BrokerConfig::ephemeral().listen(broker.bootstrap())).unwrap_err();
    assert!(matches!(error, BrokerError::Listen { .. }));
    assert!(error.to_string().contains(&broker.bootstrap()), "{error}");
    broker.close_blocking();
}

#[test]
fn it_starts_within_a_runtime_and_without_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let broker = Broker::start(BrokerConfig::ephemeral()).await.unwrap();
        broker.close().await;
    });
    futures::executor::block_on(async {
        let broker = Broker::start(BrokerConfig::ephemeral()).await.unwrap();
        Client::connect(&broker).create_topic("a", 1, &[]);
        broker.close().await;
    });
}

#[test]
fn a_dropped_broker_stops() {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 1, &[]);
    drop(broker);
    assert!(client.is_closed_by_broker());
}

#[test]
fn many_brokers_live_in_one_process() {
    let brokers: Vec<Broker> =
        (0..8).map(|_| Broker::start_blocking(BrokerConfig::ephemeral()).unwrap()).collect();
    for broker in &brokers {
        Client::connect(broker).create_topic("a", 1, &[]);
    }
    brokers.into_iter().for_each(Broker::close_blocking);
}
