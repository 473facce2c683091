//! Connections that break at any moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Consumer, Event, OffsetReset, Producer, ProducerRecord};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::produce::read_numbers;

const RECORDS: u32 = 30_000;

/// Passes connections on, and cuts all of them when told.
async fn proxy(listener: TcpListener, upstream: SocketAddr, cut: Arc<Notify>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let cut = Arc::clone(&cut);
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(upstream).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                () = cut.notified() => {}
            }
        });
    }
}

/// Requests and answers are lost with their connections; the broker sees batches twice. The log does not.
#[tokio::test]
async fn broken_connections_neither_lose_nor_repeat_nor_reorder() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = listener.local_addr().unwrap();
    let config =
        BrokerConfig::ephemeral().set("advertised.listeners", &format!("PLAINTEXT://{public}")).unwrap();
    let broker = Broker::start(config).await.unwrap();
    let cut = Arc::new(Notify::new());
    let proxy = tokio::spawn(proxy(listener, broker.address(), Arc::clone(&cut)));

    let config = Producer::builder().bootstrap(&public.to_string()).batch_size(512).linger(Duration::ZERO);
    let producer = config.build().await.unwrap();
    let cutter = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(rand::random_range(20..120))).await;
            cut.notify_waiters();
        }
    });
    for n in 0..RECORDS {
        producer.send(ProducerRecord::to("numbers").value(&n.to_be_bytes())).await.unwrap();
        if n % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    producer.flush().await.unwrap();
    cutter.abort();
    let read = read_numbers(&public.to_string(), "numbers", RECORDS as usize).await;
    assert!(read.iter().copied().eq(0..RECORDS), "lost, repeated or reordered");
    proxy.abort();
    broker.close().await;
}

/// A program that is not restarted with its broker goes on where it was.
#[tokio::test]
async fn clients_outlive_a_restart_of_the_broker() {
    let data = tempfile::tempdir().unwrap();
    let start = |listen: String| Broker::start(BrokerConfig::new(data.path()).listen(listen));
    let broker = start("127.0.0.1:0".to_owned()).await.unwrap();
    let address = broker.address().to_string();
    let producer = Producer::builder().bootstrap(&address).build().await.unwrap();
    let config =
        Consumer::builder().bootstrap(&address).group_id("g").auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = config.build().await.unwrap();
    consumer.subscribe(["numbers"]).unwrap();

    let mut read = Vec::new();
    let mut broker = Some(broker);
    for n in 0..300_u32 {
        producer.send(ProducerRecord::to("numbers").value(&n.to_be_bytes())).await.unwrap();
        if n == 100 {
            broker.take().unwrap().close().await;
        }
        if n == 200 {
            broker = Some(start(address.clone()).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    while read.len() < 300 {
        let event = consumer.poll(Duration::from_secs(60)).await.unwrap().expect("the rest of the records");
        let Event::Fetched(fetched) = event else { continue };
        fetched
            .for_each(|record| {
                read.push(u32::from_be_bytes(record.value.unwrap().try_into().unwrap()));
                Ok(())
            })
            .unwrap();
    }
    assert!(read.into_iter().eq(0..300));
    producer.close().await.unwrap();
    consumer.close().await.unwrap();
    broker.unwrap().close().await;
}
