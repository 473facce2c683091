//! The sink `prometheus-remote-write` before Prometheus and VictoriaMetrics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use millstream_connect::data::{Map, SchemaAndValue};
use millstream_connect::{Outcome, Record, Severity, SinkTask, TaskError, Written};
use millstream_tests::daemon::{Daemon, get};
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use super::{page, servers};
use crate::open;

fn now() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

async fn sink(server: &Daemon, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let url = server.url("/api/v1/write");
    open::sink("prometheus-remote-write", &[&[("url", url.as_str())][..], options].concat()).await
}

/// Writes records, and returns what became of those that were not simply taken.
async fn write(sink: &mut Box<dyn SinkTask>, records: &[Record]) -> Result<BTreeMap<usize, Outcome>> {
    let Written::Each(outcomes) = sink.write(records).await? else { return Ok(BTreeMap::new()) };
    ensure!(outcomes.len() == records.len(), "an answer for each");
    Ok(outcomes.into_iter().enumerate().filter(|(_, outcome)| *outcome != Outcome::Ok).collect())
}

/// What a query of the API that both servers have is answered with: labels, and the value as the server writes it.
fn query(server: &Daemon, query: &str) -> Result<BTreeMap<String, String>> {
    let url = reqwest::Url::parse_with_params(&server.url("/api/v1/query"), [("query", query)])?;
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let answer: serde_json::Value = serde_json::from_str(&get(server.address(), &path)?)?;
    let results = answer["data"]["result"].as_array().context("no result")?;
    let one = |result: &serde_json::Value| {
        let value = result["value"][1].as_str().unwrap_or_default().to_owned();
        (result["metric"].to_string(), value)
    };
    Ok(results.iter().map(one).collect())
}

/// Asks until there are `count` series: what is written is not always seen at once.
fn query_until(server: &Daemon, promql: &str, count: usize) -> Result<BTreeMap<String, String>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = query(server, promql)?;
        if found.len() == count {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "{promql}: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The records that the scrape source makes of the page.
async fn scraped(form: &str) -> Result<Vec<Record>> {
    let options =
        [("topic", "t"), ("targets", &page::serve()?.to_string()), ("job", "judged"), ("record.form", form)];
    let mut source = open::source("prometheus", &options).await?;
    Ok(timeout(PATIENCE, source.poll()).await??.context("the source ended")?.records)
}

/// What the page says, by the server's own words.
fn page_is_there(server: &Daemon, series: usize) -> Result<()> {
    let found = query_until(server, r#"{job="judged"}"#, series)?;
    let value = |wanted: &str| {
        let all = found.iter().filter(|(labels, _)| labels.contains(wanted));
        all.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(value("\"divided_by_a_tab\""), ["12.47"]);
    assert_eq!(value("\"something_weird\""), ["+Inf"]);
    assert_eq!(value("Zürich, 東京 🌍"), ["1"]);
    assert_eq!(value(r#"C:\\DIR\\FILE.TXT"#), ["1458255915"]);
    assert_eq!(value(r#""exported_job":"own""#), ["-0.5"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_scraped_is_read_back_from_prometheus() -> Result<()> {
    let Some(prometheus) = servers::prometheus("{}")? else { return Ok(()) };
    let mut sink = sink(&prometheus, &[]).await?;
    assert_eq!(write(&mut sink, &scraped("sample").await?).await?, BTreeMap::new());
    page_is_there(&prometheus, 14 + 3)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_scraped_is_read_back_from_victoria_metrics() -> Result<()> {
    let Some(victoria) = servers::victoria_metrics()? else { return Ok(()) };
    let mut sink = sink(&victoria, &[]).await?;
    let records = scraped("series").await?;
    assert_eq!(write(&mut sink, &records).await?, BTreeMap::new());
    // It keeps no NaN but the mark of staleness.
    page_is_there(&victoria, 13 + 3)?;
    // Written again, as after a crash, it is the same.
    assert_eq!(write(&mut sink, &records).await?, BTreeMap::new());
    page_is_there(&victoria, 13 + 3)
}

fn counted(service: &str, count: i64, end: i64) -> Record {
    let value = Map::new().with("service", service).with("count", count).with("window_end", end);
    Record::new("counts".into(), SchemaAndValue::schemaless(value))
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_any_record_become_series() -> Result<()> {
    let Some(victoria) = servers::victoria_metrics()? else { return Ok(()) };
    let mapping = [
        ("metric.name", "requests"),
        ("value.field", "count"),
        ("label.fields", "service"),
        ("timestamp.field", "window_end"),
        ("labels", "env=test"),
    ];
    let mut sink = sink(&victoria, &mapping).await?;
    let end = now()?;
    let records = [counted("shop", 7, end), counted("cart", 8, end), counted("shop", 6, end - 60_000)];
    assert_eq!(write(&mut sink, &records).await?, BTreeMap::new());
    let found = query_until(&victoria, "requests", 2)?;
    let expected = [("cart", "8"), ("shop", "7")].map(|(service, count)| {
        (format!(r#"{{"__name__":"requests","env":"test","service":"{service}"}}"#), count.to_owned())
    });
    assert_eq!(found, BTreeMap::from(expected));
    Ok(())
}

/// Prometheus refuses a whole request for one sample that is too late: the others are written all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_sample_costs_no_other_its_place_in_prometheus() -> Result<()> {
    let Some(prometheus) = servers::prometheus("{}")? else { return Ok(()) };
    let mapping = [("metric.name", "m"), ("value.field", "count"), ("label.fields", "service")];
    let mapping = [&mapping[..], &[("timestamp.field", "window_end"), ("out.of.order", "reject")]].concat();
    let mut sink = sink(&prometheus, &mapping).await?;
    let end = now()?;
    assert_eq!(write(&mut sink, &[counted("late", 1, end)]).await?, BTreeMap::new());
    let records: Vec<Record> = ["a", "late", "b", "late", "c"]
        .iter()
        .zip([end, end - 1_000, end, end, end])
        .map(|(service, end)| counted(service, 2, end))
        .collect();
    let refused = write(&mut sink, &records).await?;
    let why = |at: usize| match refused.get(&at) {
        Some(Outcome::Reject { why }) => why.clone(),
        other => format!("{other:?}"),
    };
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert!(why(1).contains("out of order"), "{}", why(1));
    assert!(why(3).contains("duplicate sample"), "{}", why(3));
    assert_eq!(query_until(&prometheus, "m", 4)?.values().collect::<Vec<_>>(), ["2", "2", "2", "1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for_and_a_wrong_address_told() -> Result<()> {
    let Some(mut victoria) = servers::victoria_metrics()? else { return Ok(()) };
    let mut sink = sink(&victoria, &[]).await?;
    let records = scraped("sample").await?;
    victoria.kill()?;
    let away = sink.write(&records).await.unwrap_err();
    assert!(matches!(away, TaskError::Retry { .. }), "{away:?}");
    victoria.restart()?;
    assert_eq!(write(&mut sink, &records).await?, BTreeMap::new());
    page_is_there(&victoria, 13 + 3)?;

    for (path, expected) in [("/api/v1/write", Severity::Fine), ("/api/v1/nothing", Severity::Wrong)] {
        let found = open::check("prometheus-remote-write", &[("url", &victoria.url(path))]).await?;
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [expected], "{found:?}");
    }
    Ok(())
}
