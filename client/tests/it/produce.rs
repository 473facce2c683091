//! Records written, by every door.

use millstream_client::{Producer, ProducerRecord};

use crate::broker::{bootstrap, unique};

#[tokio::test]
async fn records_get_consecutive_offsets() {
    let bootstrap = bootstrap().await;
    let topic = unique("offsets");
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    let mut deliveries = Vec::new();
    for n in 0..1000 {
        let value = format!("value {n}");
        deliveries.push(producer.send(ProducerRecord::to(&topic).key("k").value(&value)).await.unwrap());
    }
    producer.flush().await.unwrap();
    for (n, delivery) in deliveries.into_iter().enumerate() {
        assert_eq!(delivery.await.unwrap().offset.unwrap().0, n as i64);
    }
    producer.close().await.unwrap();
}
