//! Tables that are rebuilt from their own topics.

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{Cluster, wait_until};

const USERS: Topic<String, String> = Topic::new("users");
const BY_NAME: KeyValueStore<String, String> = KeyValueStore::new("users-by-name");
const PER_CITY: KeyValueStore<String, i64> = KeyValueStore::new("users-per-city");

fn per_city() -> Topology {
    let builder = StreamsBuilder::new();
    let users = builder.table_in(USERS, BY_NAME);
    let _counts = users.group_by(|name, city| (city.clone(), name.clone())).count(PER_CITY);
    builder.build().unwrap()
}

fn move_to(cluster: &Cluster, moves: &[(&str, &str)]) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (name, city) in moves {
        let record = ProducerRecord::to("users").key(name.as_bytes()).value(city.as_bytes());
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
}

fn counts(app: &Streams) -> Vec<(String, i64)> {
    block_on(app.store(PER_CITY).unwrap().all()).unwrap_or_default()
}

#[test]
fn a_table_is_rebuilt_from_its_topic_as_far_as_it_was_read() {
    let cluster = Cluster::start(1);
    let created = cluster.admin.blocking(cluster.admin.create_topics([NewTopic::new("users", 1)])).unwrap();
    assert!(created.iter().all(|(_, created)| created.is_ok()));
    let start = |state: &tempfile::TempDir| {
        let app = cluster.app(per_city(), state.path()).set("topology.optimization", "all");
        app.start_blocking().unwrap()
    };
    let expected = |counts: &[(&str, i64)]| -> Vec<(String, i64)> {
        counts.iter().map(|(city, count)| ((*city).to_owned(), *count)).collect()
    };

    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    move_to(&cluster, &[("ada", "London"), ("tim", "Paris"), ("eva", "London")]);
    let app = start(&first);
    wait_until("counting", || counts(&app) == expected(&[("London", 2), ("Paris", 1)]));
    block_on(app.close()).unwrap();
    let topics = cluster.admin.blocking(cluster.admin.list_topics()).unwrap();
    let names: Vec<&str> =
        topics.iter().map(|topic| &*topic.name).filter(|name| name.starts_with("app-")).collect();
    assert_eq!(names, ["app-users-per-city-changelog", "app-users-per-city-repartition"]);

    // Without its state the table is rebuilt up to where the group stands: what comes then is news, and takes the user out of
    // the city where the table has her.
    move_to(&cluster, &[("ada", "Paris")]);
    let app = start(&second);
    wait_until("counting on", || counts(&app) == expected(&[("London", 1), ("Paris", 2)]));
    block_on(app.close()).unwrap();

    // With its state it goes on where it stands.
    move_to(&cluster, &[("eva", "Paris")]);
    let app = start(&second);
    wait_until("counting on", || counts(&app) == expected(&[("London", 0), ("Paris", 3)]));
    block_on(app.close()).unwrap();
}
