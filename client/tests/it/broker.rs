//! The broker under test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Admin, NewTopic};
use tokio::sync::OnceCell;

static NEXT: AtomicU32 = AtomicU32::new(0);
/// One broker for all tests: each has topics and groups of its own.
static BROKER: OnceCell<Broker> = OnceCell::const_new();

/// Where to connect to.
pub(crate) async fn bootstrap() -> String {
    if let Ok(peer) = std::env::var("MILLSTREAM_PEER_BOOTSTRAP") {
        return peer;
    }
    let config = BrokerConfig::ephemeral().set("group.initial.rebalance.delay.ms", "0").unwrap();
    let start = || async { Broker::start(config).await.unwrap() };
    BROKER.get_or_init(start).await.bootstrap()
}

/// A name that no other test, and no earlier run, has used.
pub(crate) fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("client-{name}-{nanos:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn admin(bootstrap: &str) -> Admin {
    Admin::builder().bootstrap(bootstrap).build().await.unwrap()
}

/// Creates a topic and gives its name back.
pub(crate) async fn create_topic(bootstrap: &str, name: &str, partitions: i32) -> String {
    let created = admin(bootstrap).await.create_topics([NewTopic::new(name, partitions)]).await.unwrap();
    for (_, result) in created {
        result.unwrap();
    }
    name.to_owned()
}
