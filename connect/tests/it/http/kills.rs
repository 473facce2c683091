//! A webhook whose worker is killed again and again: what it answered 200 for is in the topic.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use millstream_connect::http::HttpClient;
use millstream_tests::daemon::free_address;

use crate::runtime::broker::{contents, unique};
use crate::runtime::worker::{OneTask, eventually, position_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_200_is_in_the_topic() -> Result<()> {
    let (topic, listen) = (unique("posted"), free_address()?.to_string());
    let config = [
        ("connector.class", "http-webhook"),
        ("topic", &*topic),
        ("listen", &*listen),
        ("body.format", "text"),
        ("ack.timeout.ms", "2000"),
    ];
    let (stored, ended) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
    let count = || stored.lock().unwrap_or_else(PoisonError::into_inner).len();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let (stored, ended, url) = (stored.clone(), ended.clone(), format!("http://{listen}/"));
            tokio::spawn(async move {
                let client = HttpClient::default().build()?;
                let mut n = 0;
                while !ended.load(Ordering::Relaxed) {
                    n += 1;
                    let text = format!("{sender}.{n}");
                    let answer = client.post(&url).body(text.clone()).send().await;
                    if answer.is_ok_and(|answer| answer.status() == 200) {
                        stored.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
                    } else {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                anyhow::Ok(())
            })
        })
        .collect();
    let dir = tempfile::tempdir()?;
    for _ in 0..4 {
        let before = count();
        let task = OneTask::start("webhook", &config, position_file(&dir)).await;
        eventually("200s", async || count() >= before + 50).await;
        task.kill();
    }
    ended.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await??;
    }
    let there: BTreeSet<String> =
        contents(&topic).await.into_iter().filter_map(|record| record.value).collect();
    let stored = stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let lost: Vec<&String> = stored.difference(&there).collect();
    assert!(lost.is_empty(), "answered 200 and lost: {lost:?}");
    Ok(())
}
