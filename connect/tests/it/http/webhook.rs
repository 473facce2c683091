use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use millstream_connect::{Record, SourceBatch, SourceTask};
use millstream_tests::daemon::free_address;
use millstream_tests::process::{PATIENCE, Process};
use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::open;

async fn webhook(options: &[(&str, &str)]) -> Result<(Box<dyn SourceTask>, String)> {
    let listen = free_address()?.to_string();
    let given = [("topic", "orders"), ("listen", &*listen), ("path", "/in")];
    let task = open::source("http-webhook", &[&given[..], options].concat()).await?;
    Ok((task, format!("http://{listen}/in")))
}

async fn batch(task: &mut Box<dyn SourceTask>) -> Result<SourceBatch> {
    timeout(PATIENCE, task.poll()).await.context("nothing is posted")??.context("the source ended")
}

fn client() -> Result<reqwest::Client> {
    Ok(millstream_connect::http::HttpClient::default().build()?)
}

/// Posts, and comes back with status and text.
fn posting(url: &str, body: &'static str) -> Result<JoinHandle<Result<(StatusCode, String)>>> {
    let post = client()?.post(url).body(body);
    Ok(tokio::spawn(async move {
        let answer = post.send().await?;
        Ok((answer.status(), answer.text().await?))
    }))
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.value.value.to_json().to_string()).collect()
}

#[tokio::test]
async fn the_answer_waits_until_the_records_are_stored() -> Result<()> {
    let (mut task, url) = webhook(&[("key.pointer", "/id")]).await?;
    let posting = posting(&url, r#"[{"id": 7}, {"id": 8}]"#)?;
    let batch = batch(&mut task).await?;
    assert_eq!(values(&batch.records), [r#"{"id":7}"#, r#"{"id":8}"#]);
    assert_eq!(batch.records[0].key.value.as_i64(), Some(7));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!posting.is_finished(), "it is answered before the records are stored");
    batch.receipt.context("no receipt")?.send(()).ok().context("the sender has gone")?;
    assert_eq!(posting.await??, (StatusCode::OK, "{\"stored\":2}\n".to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_is_not_stored_is_told_to_come_again() -> Result<()> {
    let (mut task, url) = webhook(&[("ack.timeout.ms", "300"), ("body.format", "ndjson")]).await?;
    let lost = posting(&url, "1\n2\n")?;
    drop(batch(&mut task).await?.receipt);
    assert_eq!(lost.await??.0, StatusCode::SERVICE_UNAVAILABLE);
    let late = posting(&url, "3")?;
    let held = batch(&mut task).await?;
    assert_eq!(late.await??.0, StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    Ok(())
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_turned_away() -> Result<()> {
    let (mut task, url) =
        webhook(&[("requests.max", "1"), ("turn.timeout.ms", "50"), ("body.format", "text")]).await?;
    let first = posting(&url, "first")?;
    let held = batch(&mut task).await?;
    let answer = client()?.post(&url).body("second").send().await?;
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse()?)
    );
    held.receipt.context("no receipt")?.send(()).ok().context("the sender has gone")?;
    assert_eq!(first.await??.0, StatusCode::OK);
    let third = posting(&url, "third")?;
    assert_eq!(values(&batch(&mut task).await?.records), ["\"third\""], "the second left nothing");
    drop(task);
    assert_eq!(third.await??.0, StatusCode::SERVICE_UNAVAILABLE);
    Ok(())
}

#[tokio::test]
async fn who_may_not_and_what_cannot_be_taken_is_refused() -> Result<()> {
    let (_task, url) =
        webhook(&[("auth.token", "t0ken"), ("request.bytes.max", "10"), ("request.records.max", "2")])
            .await?;
    let client = client()?;
    let post = |body: &'static str| client.post(&url).bearer_auth("t0ken").body(body).send();
    assert_eq!(client.post(&url).body("1").send().await?.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        client.post(&url).bearer_auth("other").body("1").send().await?.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(post("12345678901").await?.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let packed = client.post(&url).bearer_auth("t0ken").header("content-encoding", "br").body("1");
    assert_eq!(packed.send().await?.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post("[0,0,0]").await?.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post("{").await?.status(), StatusCode::BAD_REQUEST);
    assert_eq!(post("[]").await?.status(), StatusCode::OK, "nothing is stored soon");
    assert_eq!(client.get(&url).bearer_auth("t0ken").send().await?.status(), StatusCode::METHOD_NOT_ALLOWED);
    Ok(())
}

#[tokio::test]
async fn curl_posts_with_headers_that_are_handed_on() -> Result<()> {
    let Some(curl) = millstream_tests::daemon::find("curl", "curl") else { return Ok(()) };
    let (mut task, url) = webhook(&[("headers.copied", "x-shop, x-none")]).await?;
    let mut command = std::process::Command::new(curl);
    command.args(["-sS", "--fail", "-H", "X-Shop: berlin", "-d", r#"{"n": 1}"#, &url]);
    let curl = Process::spawn(&mut command)?;
    let batch = batch(&mut task).await?;
    let headers: Vec<_> =
        batch.records[0].headers.iter().map(|(name, value)| (&**name, value.value.as_str())).collect();
    assert_eq!(headers, [("x-shop", Some("berlin"))]);
    batch.receipt.context("no receipt")?.send(()).ok().context("curl has gone")?;
    assert_eq!(tokio::task::spawn_blocking(|| curl.finish()).await??, ["{\"stored\":1}"]);
    Ok(())
}

/// A connection to the webhook, and the path with the head of a request that has so many bytes.
async fn connected(url: &str, length: usize, more: &str) -> Result<TcpStream> {
    let address = url.strip_prefix("http://").and_then(|url| url.split_once('/')).context("no address")?.0;
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

async fn first_line(stream: &mut TcpStream) -> Result<String> {
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(stream).read_line(&mut line)).await.context("no answer")??;
    Ok(line.trim().to_owned())
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_at_once() -> Result<()> {
    // It would be waited for till long after the test has given up.
    let (_task, url) = webhook(&[("request.bytes.max", "1000"), ("ack.timeout.ms", "60000")]).await?;
    for more in ["", "Expect: 100-continue\r\n"] {
        let mut stream = connected(&url, 1_001, more).await?;
        assert_eq!(first_line(&mut stream).await?, "HTTP/1.1 413 Payload Too Large", "{more}");
    }
    let mut stream = connected(&url, 1_000, "Expect: 100-continue\r\n").await?;
    assert_eq!(first_line(&mut stream).await?, "HTTP/1.1 100 Continue");
    Ok(())
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_comes_to_read_why_it_is_refused() -> Result<()> {
    const LENGTH: usize = 8 << 20;
    let (_task, url) = webhook(&[("request.bytes.max", "1000"), ("auth.token", "t0ken")]).await?;
    for (more, status) in
        [("", "401 Unauthorized"), ("Authorization: Bearer t0ken\r\n", "413 Payload Too Large")]
    {
        let mut stream = connected(&url, LENGTH, more).await?;
        stream.write_all(&vec![b'x'; LENGTH]).await?;
        assert_eq!(first_line(&mut stream).await?, format!("HTTP/1.1 {status}"));
    }
    Ok(())
}

#[tokio::test]
async fn what_is_compressed_is_taken_and_a_bomb_is_not() -> Result<()> {
    let (mut task, url) = webhook(&[("body.format", "text")]).await?;
    let gzip = |plain: &[u8]| -> Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain)?;
        Ok(encoder.finish()?)
    };
    let post = |body| client().map(|client| client.post(&url).header("content-encoding", "gzip").body(body));
    let posting = tokio::spawn(post(gzip(b"small")?)?.send());
    let batch = batch(&mut task).await?;
    assert_eq!(values(&batch.records), ["\"small\""]);
    batch.receipt.context("no receipt")?.send(()).ok().context("the sender has gone")?;
    assert_eq!(posting.await??.status(), StatusCode::OK);
    let bomb = post(gzip(&vec![b'0'; 64 << 20])?)?.send().await?;
    assert_eq!(bomb.status(), StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}
