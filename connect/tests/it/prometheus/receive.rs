//! The source `prometheus-receiver` before Prometheus and vmagent.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use millstream_connect::data::Value;
use millstream_connect::{Record, SourceBatch, SourceTask};
use millstream_tests::daemon::free_address;
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use super::{page, servers};
use crate::open;

/// A receiver on a port of its own, and the URL to write to.
async fn receiver(options: &[(&str, &str)]) -> Result<(Box<dyn SourceTask>, String)> {
    let listen = free_address()?.to_string();
    let options = [&[("topic", "metrics"), ("listen", &listen)][..], options].concat();
    let task = open::source("prometheus-receiver", &options).await?;
    Ok((task, format!("http://{listen}/api/v1/write")))
}

async fn batch(task: &mut Box<dyn SourceTask>) -> Result<SourceBatch> {
    timeout(PATIENCE, task.poll()).await.context("nothing is written")??.context("the source ended")
}

/// Tells the sender that its samples are stored.
fn stored(batch: SourceBatch) -> Result<Vec<Record>> {
    // A sender that has gone does not hear it.
    let _ = batch.receipt.context("a batch without a receipt")?.send(());
    Ok(batch.records)
}

fn remote_write(url: &str) -> String {
    format!(
        "remote_write:\n- url: {url}\n  queue_config: {{batch_send_deadline: 200ms, min_backoff: 20ms, max_shards: 1}}\n"
    )
}

/// The values of the page's series by their keys.
fn of_page(records: &[Record]) -> BTreeMap<String, Value> {
    let own = |name: &str| name == "up" || name.starts_with("scrape_");
    let of_page = records.iter().filter(|record| {
        record.value.value.get("name").and_then(Value::as_str).is_some_and(|name| !own(name))
    });
    let pair = |record: &Record| {
        let key = record.key.value.as_str().unwrap_or_default().to_owned();
        (key, record.value.value.get("value").cloned().unwrap_or_default())
    };
    of_page.map(pair).collect()
}

/// What Prometheus reads in the page, sent to the receiver, is what the scrape source reads in it.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_and_the_scrape_source_read_the_same_page_alike() -> Result<()> {
    let target = page::serve()?;
    let options = [("topic", "t"), ("targets", &target.to_string()), ("job", "judged")];
    let mut ours = open::source("prometheus", &options).await?;
    let ours = of_page(&timeout(PATIENCE, ours.poll()).await??.context("the source ended")?.records);
    assert_eq!(ours.len(), 14);

    let (mut receiver, url) = receiver(&[]).await?;
    let config = servers::scraping(target) + &remote_write(&url);
    let Some(_prometheus) = servers::prometheus(&config)? else { return Ok(()) };
    let mut theirs = BTreeMap::new();
    while theirs.len() < ours.len() {
        theirs.extend(of_page(&stored(batch(&mut receiver).await?)?));
    }
    assert_eq!(ours, theirs);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_is_sent_again_by_prometheus() -> Result<()> {
    let (mut receiver, url) = receiver(&[("record.form", "series")]).await?;
    let config = servers::scraping(page::serve()?) + &remote_write(&url);
    let Some(_prometheus) = servers::prometheus(&config)? else { return Ok(()) };
    let refused = batch(&mut receiver).await?;
    let keys = |records: &[Record]| -> Vec<_> {
        records.iter().map(|record| (record.key.clone(), record.value.clone())).collect()
    };
    let wanted = keys(&refused.records);
    assert!(!wanted.is_empty());
    drop(refused);
    assert_eq!(keys(&stored(batch(&mut receiver).await?)?), wanted, "the same again");
    let next = keys(&stored(batch(&mut receiver).await?)?);
    assert_ne!(next, wanted, "and no more once it is stored");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vmagent_writes_and_is_answered_once_all_is_stored() -> Result<()> {
    let (mut receiver, url) = receiver(&[]).await?;
    let target = page::serve()?;
    let Some(_agent) = servers::vmagent(&servers::scraping(target), &url)? else { return Ok(()) };
    let mut found = BTreeMap::new();
    // vmagent drops what is no number: one series less.
    while found.len() < 13 {
        found.extend(of_page(&stored(batch(&mut receiver).await?)?));
    }
    let about = format!(r#"{{instance="{target}",job="judged"}}"#);
    assert_eq!(found.get(&format!("divided_by_a_tab{about}")), Some(&12.47.into()));
    assert_eq!(found.get(&format!("negative{about}")), Some(&"-Inf".into()));
    Ok(())
}

/// The status with which a body is answered.
async fn answer(url: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<u16> {
    // The provider of TLS that the connectors take; plain HTTP needs it to be there all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request =
        headers.iter().fold(client.post(url), |request, (name, value)| request.header(*name, *value));
    Ok(request.body(body).send().await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_write_is_refused_and_pressure_is_told() -> Result<()> {
    let limits = [("request.bytes.max", "1000"), ("requests.max", "1"), ("ack.timeout.ms", "50ms")];
    let (mut task, url) = receiver(&[&limits[..], &[("auth.token", "t0ken")]].concat()).await?;
    let token = ("authorization", "Bearer t0ken");
    assert_eq!(answer(&url, Vec::new(), &[]).await?, 401);
    assert_eq!(answer(&url, b"junk".to_vec(), &[token]).await?, 400);
    assert_eq!(answer(&url, vec![0; 1001], &[token]).await?, 413);
    assert_eq!(answer(&url, Vec::new(), &[token, ("content-encoding", "zstd")]).await?, 415);
    let v2 = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    assert_eq!(answer(&url, Vec::new(), &[token, v2]).await?, 415);
    // A sample at 1 s of a series named m, by hand: a block of snappy with one literal.
    let label = b"\x0a\x08__name__\x12\x01m";
    let message = [b"\x0a\x14\x0a\x0d".as_slice(), label, b"\x12\x03\x10\xe8\x07"].concat();
    let length = u8::try_from(message.len())?;
    let body = [&[length, (length - 1) << 2][..], &message].concat();
    let metadata = [&[4, 3 << 2][..], b"\x1a\x02\x08\x01"].concat();
    assert_eq!(answer(&url, metadata, &[token]).await?, 204, "there is nothing to store");

    let late = tokio::spawn({
        let (url, body) = (url.clone(), body.clone());
        async move { answer(&url, body, &[token]).await }
    });
    let waiting = batch(&mut task).await?;
    assert_eq!(waiting.records[0].value.value.get("timestamp"), Some(&1_000_i64.into()));
    assert_eq!(answer(&url, body.clone(), &[token]).await?, 503, "there is room for one, and it waits");
    assert_eq!(late.await??, 503, "it was not stored in time");
    drop(waiting);

    let answered = tokio::spawn(async move { answer(&url, body, &[token]).await });
    let Ok(batch) = batch(&mut task).await else { bail!("the second never came") };
    stored(batch)?;
    assert!([204, 503].contains(&answered.await??));
    Ok(())
}
