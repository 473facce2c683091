//! The source `prometheus` before a real exporter.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use millstream_connect::data::Value;
use millstream_connect::{Plugin, Record, Registry, Severity};
use millstream_tests::daemon::free_address;

use super::servers;
use crate::http_server::{HttpServer, Reply};
use crate::open;

/// The value of the series that a record is keyed with.
fn value<'a>(records: &'a [Record], series: &str) -> Option<&'a Value> {
    records.iter().find(|record| record.key.value.as_str() == Some(series))?.value.value.get("value")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_node_exporter_becomes_a_sample() -> Result<()> {
    let Some(exporter) = servers::node_exporter()? else { return Ok(()) };
    let instance = exporter.address().to_string();
    let options = [("topic", "metrics"), ("targets", &instance), ("labels", "zone=eu"), ("job", "node")];
    let mut task = open::source("prometheus", &options).await?;
    let records = task.poll().await?.context("the source ended")?.records;

    let page = millstream_tests::daemon::get(exporter.address(), "/metrics")?;
    let lines = page.lines().filter(|line| !line.starts_with('#')).count();
    let own = 3;
    assert_eq!(records.len(), lines + own);
    let about = format!(r#"{{instance="{instance}",job="node",zone="eu"}}"#);
    assert_eq!(value(&records, &format!("up{about}")), Some(&1.0.into()));
    let scraped = value(&records, &format!("scrape_samples_scraped{about}"));
    assert_eq!(scraped.and_then(Value::as_f64), Some(lines as f64));

    let info =
        records.iter().find(|record| record.value.value.get("name") == Some(&"node_uname_info".into()));
    let info = info.context("no node_uname_info")?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let labels = info.value.value.get("labels").context("no labels")?;
    assert_eq!(labels.get("release").and_then(Value::as_str), Some(kernel.trim()));
    assert_eq!(info.timestamp, info.value.value.get("timestamp").and_then(Value::as_i64));
    assert_eq!(&*info.topic, "metrics");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_away_is_down_and_then_up() -> Result<()> {
    let Some(mut exporter) = servers::node_exporter()? else { return Ok(()) };
    let instance = exporter.address().to_string();
    let interval = [("scrape.interval.ms", "50ms"), ("scrape.timeout.ms", "50ms")];
    // Only `up` is looked at: one collector is enough, and answers in time.
    let target = format!("http://{instance}/metrics?collect[]=loadavg");
    let options = [&[("topic", "metrics"), ("targets", &target)][..], &interval].concat();
    let mut task = open::source("prometheus", &options).await?;
    let up = format!(r#"up{{instance="{instance}",job="prometheus"}}"#);
    for wanted in [1.0, 0.0, 1.0] {
        match wanted {
            0.0 => exporter.kill()?,
            _ if exporter.process().is_none() => exporter.restart()?,
            _ => {}
        }
        loop {
            let records = task.poll().await?.context("the source ended")?.records;
            let found = value(&records, &up).and_then(Value::as_f64).context("no up")?;
            assert_eq!(found == 1.0, records.len() > 3, "samples come with up alone");
            if found == wanted {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_every_target_and_tasks_share_them() -> Result<()> {
    let Some(exporter) = servers::node_exporter()? else { return Ok(()) };
    let targets = format!("{},{}", exporter.address(), free_address()?);
    let config = open::config(&[("topic", "t"), ("targets", &targets)]);
    let registry = Registry::built_in();
    let plugin = registry.find("prometheus").map_err(|fault| anyhow::anyhow!(fault.to_string()))?;
    let severities: Vec<_> =
        plugin.check(&config).await?.into_iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Fine, Severity::Wrong]);

    let Plugin::Source(source) = plugin else { anyhow::bail!("no source") };
    for (max, tasks) in [(1, 1), (2, 2), (9, 2)] {
        let shares = source.split(&config, max).await?;
        let joined: Vec<&str> = shares.iter().map(|share| share["targets"].as_str()).collect();
        assert_eq!((shares.len(), joined.join(",")), (tasks, targets.clone()));
    }
    Ok(())
}

#[test]
fn what_cannot_be_scraped_is_told_before() -> Result<()> {
    let registry = Registry::built_in();
    let plugin = registry.find("prometheus").map_err(|fault| anyhow::anyhow!(fault.to_string()))?;
    let faults = |options: &[(&str, &str)]| -> Vec<String> {
        let all: BTreeMap<_, _> = open::config(&[&[("topic", "t"), ("targets", "a:1")], options].concat());
        plugin.faults(&all).into_iter().map(|fault| fault.option).collect()
    };
    assert!(faults(&[]).is_empty());
    assert_eq!(faults(&[("targets", "")]), ["targets"]);
    assert_eq!(faults(&[("targets", "ftp://a/b")]), ["targets"]);
    assert_eq!(faults(&[("scrape.timeout.ms", "20s")]), ["scrape.timeout.ms"]);
    assert_eq!(faults(&[("labels", "zone")]), ["labels"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_may_compress_its_page_and_is_told_how_long_it_has() -> Result<()> {
    let server = HttpServer::start(|request| {
        let said = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        if said("accept-encoding") != "gzip" || said("x-prometheus-scrape-timeout-seconds") != "1.5" {
            return Reply::status(400, "");
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let page = if request.path == "/bomb" { "a 1\n".repeat(1_000_000) } else { "a 1\n".to_owned() };
        match encoder.write_all(page.as_bytes()).and_then(|()| encoder.finish()) {
            Ok(body) => Reply::ok(body).header("content-encoding", "gzip"),
            Err(_) => Reply::Cut,
        }
    });
    let server = server.await?;
    for (path, up) in [("/metrics", 1.0), ("/bomb", 0.0)] {
        let url = server.url(path);
        let options = [
            ("topic", "t"),
            ("targets", &*url),
            ("scrape.timeout.ms", "1500"),
            ("body.bytes.max", "1000000"),
        ];
        let records =
            open::source("prometheus", &options).await?.poll().await?.context("the source ended")?.records;
        let found = records.iter().find(|record| record.value.value.get("name") == Some(&"up".into()));
        assert_eq!(found.and_then(|up| up.value.value.get("value")), Some(&up.into()), "{path}");
        assert_eq!(
            records.iter().any(|record| record.value.value.get("name") == Some(&"a".into())),
            up > 0.0
        );
    }
    Ok(())
}
