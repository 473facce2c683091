//! Groups from outside: members on their own connections, operators, offsets, and those who mean no good.

mod admin;
mod hostile;
mod member;
mod membership;
mod metrics;
mod offsets;

use millstream_broker::{Broker, BrokerConfig};

use crate::client::Client;

const REBALANCE_IN_PROGRESS: i16 = 27;
const UNKNOWN_MEMBER_ID: i16 = 25;
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// A broker whose groups do not wait for members that might still start, with a topic of two partitions.
fn start() -> (Broker, Client) {
    let config = BrokerConfig::ephemeral();
    let config = config.set("group.initial.rebalance.delay.ms", "0").unwrap();
    let broker = Broker::start_blocking(config.set("group.min.session.timeout.ms", "100").unwrap()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("topic", 2, &[]);
    (broker, client)
}
