use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use millstream_connect::{SourceBatch, SourceTask, TaskError};
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use crate::http_server::{HttpServer, Reply, Request};
use crate::open;

type Asked = Arc<Mutex<Vec<Request>>>;

/// A server that answers these, the last for ever, and keeps what it was asked.
async fn server(replies: impl IntoIterator<Item = Reply>) -> Result<(HttpServer, Asked)> {
    let (asked, replies) = (Asked::default(), Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
    let kept = asked.clone();
    let server = HttpServer::start(move |request| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }.unwrap_or(Reply::Cut)
    });
    Ok((server.await?, asked))
}

fn asked(asked: &Asked) -> Vec<Request> {
    asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn poll(task: &mut Box<dyn SourceTask>) -> Result<SourceBatch> {
    timeout(PATIENCE, task.poll()).await.context("nothing comes")??.context("the source ended")
}

fn values(batch: &SourceBatch) -> String {
    let values: Vec<String> =
        batch.records.iter().map(|record| record.value.value.to_json().to_string()).collect();
    values.join(" ")
}

const QUICK: [(&str, &str); 2] = [("topic", "items"), ("interval.ms", "1")];

#[tokio::test]
async fn a_cursor_is_followed_kept_and_gone_on_from() -> Result<()> {
    let page = |items: &str, next: &str| Reply::ok(format!(r#"{{"data": {items}, "next": {next}}}"#));
    let replies =
        [page("[1, 2]", "\"b c\""), page("[3]", "7"), page("[]", "null"), page("null", "null"), Reply::Hang];
    let (server, kept) = server(replies).await?;
    let url = server.url("/list?size=2");
    let cursor = [
        ("url", &*url),
        ("items.pointer", "/data"),
        ("cursor.pointer", "/next"),
        ("cursor.parameter", "from"),
    ];
    let options = [&QUICK[..], &cursor].concat();
    let mut task = open::source("http-poll", &options).await?;
    assert_eq!(values(&poll(&mut task).await?), "1 2");
    let second = poll(&mut task).await?;
    assert_eq!(values(&second), "3");
    // Nothing new, twice: dropped in the middle of the third request, it goes on with the same.
    assert!(timeout(std::time::Duration::from_millis(300), task.poll()).await.is_err());
    let mut again = open::source_at("http-poll", &options, second.positions).await?;
    assert!(timeout(std::time::Duration::from_millis(300), again.poll()).await.is_err());
    let paths: Vec<String> = asked(&kept).into_iter().map(|request| request.path).collect();
    let first = "/list?size=2".to_owned();
    let later = ["b+c", "7", "7", "7", "7"].map(|cursor| format!("{first}&from={cursor}"));
    assert_eq!(paths, [vec![first], later.to_vec()].concat());
    Ok(())
}

#[tokio::test]
async fn an_answer_that_has_not_changed_brings_nothing() -> Result<()> {
    let replies = [
        Reply::ok(r#"{"id": 1}"#)
            .header("etag", "\"v1\"")
            .header("last-modified", "Sun, 22 Nov 2026 12:00:00 GMT"),
        Reply::status(304, ""),
        Reply::status(204, ""),
        Reply::ok(r#"{"id": 2}"#),
        Reply::Hang,
    ];
    let (server, kept) = server(replies).await?;
    let url = server.url("/one");
    let options = [&QUICK[..], &[("url", &*url), ("key.pointer", "/id")]].concat();
    let mut task = open::source("http-poll", &options).await?;
    let first = poll(&mut task).await?;
    let second = poll(&mut task).await?;
    assert_eq!((values(&first), values(&second)), (r#"{"id":1}"#.to_owned(), r#"{"id":2}"#.to_owned()));
    assert_eq!(first.records[0].key.value.as_i64(), Some(1));
    assert_eq!(first.positions[0].1["etag"], "\"v1\"");
    let said = |request: &Request| request.headers.get("if-none-match").cloned();
    let said: Vec<_> = asked(&kept).iter().map(said).collect();
    let version = Some("\"v1\"".to_owned());
    assert_eq!(said, [None, version.clone(), version.clone(), version]);
    assert!(asked(&kept)[1].headers.contains_key("if-modified-since"));
    Ok(())
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_ends_the_task() -> Result<()> {
    let half = Reply::Half(b"[1".to_vec());
    let replies = [
        Reply::status(503, "").header("retry-after", "3"),
        Reply::Cut,
        half,
        Reply::ok("[1"),
        Reply::ok("[1]"),
        Reply::status(404, ""),
    ];
    let (server, _) = server(replies).await?;
    let url = server.url("/");
    let options = [&QUICK[..], &[("url", &*url)]].concat();
    let mut task = open::source("http-poll", &options).await?;
    let mut waits = Vec::new();
    let batch = loop {
        match timeout(PATIENCE, task.poll()).await? {
            Ok(batch) => break batch.context("the source ended")?,
            Err(TaskError::Retry { after, .. }) => waits.push(after.map(|after| after.as_secs())),
            Err(error) => return Err(error.into()),
        }
    };
    assert_eq!((values(&batch), waits), ("1".to_owned(), vec![Some(3), None, None, None]));
    let error = task.poll().await.err().context("404 is no answer")?;
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains("404")), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_long_answer_is_not_read() -> Result<()> {
    let (server, _) = server([Reply::ok("[1,2,3]")]).await?;
    let url = server.url("/");
    let options = [&QUICK[..], &[("url", &*url), ("body.bytes.max", "6")]].concat();
    let error = open::source("http-poll", &options).await?.poll().await.err().context("it is read")?;
    assert!(error.to_string().contains("body.bytes.max"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_answer_may_be_compressed_and_is_bounded_by_what_it_becomes() -> Result<()> {
    let gzip = |plain: &[u8]| -> Result<Reply> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain)?;
        Ok(Reply::ok(encoder.finish()?).header("content-encoding", "gzip"))
    };
    let bomb = format!("[\"{}\"]", "x".repeat(10_000_000));
    let replies =
        [gzip(b"[1,2]")?, Reply::ok("{}").header("content-encoding", "gzip"), gzip(bomb.as_bytes())?];
    let (server, kept) = server(replies).await?;
    let url = server.url("/");
    let options = [&QUICK[..], &[("url", &*url), ("body.bytes.max", "1000000")]].concat();
    let mut task = open::source("http-poll", &options).await?;
    assert_eq!(values(&poll(&mut task).await?), "1 2");
    assert_eq!(asked(&kept)[0].headers["accept-encoding"], "gzip");
    let error = task.poll().await.err().context("it is no gzip")?;
    assert!(matches!(&error, TaskError::Retry { why, .. } if why.contains("gzip")), "{error:?}");
    let error = task.poll().await.err().context("it is too long")?;
    assert!(error.to_string().contains("body.bytes.max"), "{error}");
    Ok(())
}
