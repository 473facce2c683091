//! The source `syslog` before util-linux's logger and rsyslogd.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use millstream_connect::data::Value;
use millstream_connect::{Record, SourceTask};
use millstream_tests::daemon::{Daemon, Ready, find, free_address};
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use crate::open;

/// A receiver on a port of its own.
async fn receiver(options: &[(&str, &str)]) -> Result<(Box<dyn SourceTask>, String)> {
    let listen = free_address()?.to_string();
    let options = [&[("topic", "log"), ("listen", &listen)][..], options].concat();
    Ok((open::source("syslog", &options).await?, listen))
}

/// The next `count` records.
async fn take(task: &mut Box<dyn SourceTask>, count: usize) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = timeout(PATIENCE, task.poll()).await;
        records.extend(
            batch.context(format!("only {} came", records.len()))??.context("the source ended")?.records,
        );
    }
    ensure!(records.len() == count, "{records:?}");
    Ok(records)
}

fn text<'a>(record: &'a Record, field: &str) -> Option<&'a str> {
    record.value.value.get(field).and_then(Value::as_str)
}

/// Runs util-linux's logger.
fn log(listen: &str, arguments: &[&str]) -> Result<()> {
    let (host, port) = listen.split_once(':').context("no port")?;
    let output = Command::new("logger").args(["-n", host, "-P", port]).args(arguments).output()?;
    ensure!(output.status.success(), "logger: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_logger_is_understood() -> Result<()> {
    if find("logger", "bsdutils").is_none() {
        return Ok(());
    }
    let (mut task, listen) = receiver(&[]).await?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    for transport in [&["-d"][..], &["-T"], &["-T", "--octet-count"]] {
        for format in ["--rfc3164", "--rfc5424"] {
            let said = format!("{transport:?} {format}: Zürich");
            let arguments =
                [transport, &[format, "-t", "shop", "--id=77", "-p", "local3.warning", &said]].concat();
            log(&listen, &arguments)?;
            let record = take(&mut task, 1).await?.remove(0);
            let fields = ["facility", "severity", "app", "procid", "message", "peer"];
            let expected = ["local3", "warning", "shop", "77", &said, "127.0.0.1"];
            assert_eq!(fields.map(|field| text(&record, field)), expected.map(Some), "{said}");
            // The old form has the name of the machine without its domain.
            let short = host.trim().split('.').next();
            assert_eq!(text(&record, "host").and_then(|host| host.split('.').next()), short, "{said}");
            assert_eq!(text(&record, "host"), record.key.value.as_str());
            let sent = record.timestamp.context("no time")?;
            let late = chrono::Utc::now().timestamp_millis() - sent;
            assert!((0..=i64::try_from(PATIENCE.as_millis())?).contains(&late), "{said}: {late} ms ago");
        }
    }
    let elements =
        ["-d", "--rfc5424", "--sd-id", "order@1", "--sd-param", "id=\"7\"", "--msgid", "PAID", "paid"];
    log(&listen, &elements)?;
    let record = take(&mut task, 1).await?.remove(0);
    assert_eq!(text(&record, "msgid"), Some("PAID"));
    let data = record.value.value.get("structured_data").context("no structured data")?;
    assert_eq!(data.get("order@1").and_then(|order| order.get("id")), Some(&"7".into()));
    Ok(())
}

/// An rsyslogd that takes lines on its own port and sends them on by `action`.
fn rsyslogd(action: &str) -> Result<Option<Daemon>> {
    let Some(program) = find("rsyslogd", "rsyslog") else { return Ok(None) };
    let daemon = Daemon::start(&program, Ready::Port, |dir, address| {
        let listen =
            format!("input(type=\"imtcp\" address=\"{}\" port=\"{}\")", address.ip(), address.port());
        let work = dir.display();
        let config =
            format!("global(workDirectory=\"{work}\")\nmodule(load=\"imtcp\")\n{listen}\n{action}\n");
        fs::write(dir.join("rsyslog.conf"), config)?;
        let pid = dir.join("pid");
        Ok(vec!["-n".into(), "-f".into(), dir.join("rsyslog.conf").into(), "-i".into(), pid.into()])
    })?;
    Ok(Some(daemon))
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslogd_sends_on_what_it_is_told_and_nothing_is_lost_or_changed() -> Result<()> {
    const LINES: usize = 500;
    for (transport, template) in [
        (r#"protocol="tcp" TCP_Framing="octet-counted""#, "RSYSLOG_SyslogProtocol23Format"),
        (r#"protocol="tcp" TCP_Framing="traditional""#, "RSYSLOG_TraditionalForwardFormat"),
        (r#"protocol="udp""#, "RSYSLOG_ForwardFormat"),
    ] {
        let (mut task, listen) = receiver(&[]).await?;
        let (host, port) = listen.split_once(':').context("no port")?;
        let action = format!(
            r#"action(type="omfwd" target="{host}" port="{port}" {transport} template="{template}")"#
        );
        let Some(rsyslogd) = rsyslogd(&action)? else { return Ok(()) };
        let mut stream = TcpStream::connect(rsyslogd.address())?;
        let (mut lines, mut said) = (String::new(), Vec::new());
        for number in 0..LINES {
            said.push(format!("order {number} of 100% \"quoted\" [not data] {}", "x".repeat(number)));
            lines += &format!("<134>Oct 11 22:14:15 web{} shop[{number}]: {}\n", number % 3, said[number]);
        }
        stream.write_all(lines.as_bytes())?;
        drop(stream);
        let records = take(&mut task, LINES).await?;
        for (number, record) in records.iter().enumerate() {
            assert_eq!(text(record, "message"), Some(said[number].as_str()), "{template}");
            assert_eq!(text(record, "host"), Some(format!("web{}", number % 3).as_str()));
            assert_eq!(text(record, "procid"), Some(number.to_string().as_str()));
            assert_eq!((text(record, "facility"), text(record, "severity")), (Some("local0"), Some("info")));
            assert_eq!(record.value.value.get("raw"), None);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_syslog_goes_where_it_is_told_and_what_is_too_long_is_cut() -> Result<()> {
    let options = [("unparsed.topic", "log.dlq"), ("message.bytes.max", "480"), ("key", "none")];
    let (mut task, listen) = receiver(&options).await?;
    let mut stream = TcpStream::connect(&listen)?;
    let long = format!("<34>Oct 11 22:14:15 h a: {}", "x".repeat(1_000));
    stream.write_all(format!("what is this?\n{long}\n<34>Oct 11 22:14:15 h a: last").as_bytes())?;
    drop(stream);
    let records = take(&mut task, 3).await?;
    let topics: Vec<&str> = records.iter().map(|record| &*record.topic).collect();
    assert_eq!(topics, ["log.dlq", "log", "log"]);
    assert_eq!(
        (text(&records[0], "message"), records[0].value.value.get("raw")),
        (Some("what is this?"), Some(&true.into()))
    );
    assert_eq!(records[1].value.value.get("truncated"), Some(&true.into()));
    assert_eq!(text(&records[1], "message").map(str::len), Some(480 - (long.len() - 1_000)));
    assert_eq!(text(&records[2], "message"), Some("last"));
    assert!(records.iter().all(|record| record.key.value.is_null()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_nonsense_or_nothing_disturbs_nobody() -> Result<()> {
    let (mut task, listen) = receiver(&[("connections.max", "20"), ("framing", "octet-counting")]).await?;
    let idle = (0..19).map(|_| TcpStream::connect(&listen)).collect::<Result<Vec<_>, _>>()?;
    let mut nonsense = TcpStream::connect(&listen)?;
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    // Closed for that, and so there is room for one more.
    std::io::Read::read_to_end(&mut nonsense, &mut Vec::new())?;
    let mut sender = TcpStream::connect(&listen)?;
    sender.write_all(b"25 <34>Oct 11 22:14:15 h a: ")?;
    let records = timeout(PATIENCE, take(&mut task, 2)).await??;
    let flags = ["raw", "truncated"].map(|flag| records[0].value.value.get(flag));
    assert_eq!(flags, [Some(&true.into()); 2], "what it sent is not lost without a trace");
    assert_eq!(text(&records[1], "app"), Some("a"));
    drop(idle);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_is_its_senders_and_not_the_records() -> Result<()> {
    let (mut task, listen) = receiver(&[]).await?;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(b"<34>1 2099-10-11T22:14:15Z h a - - - ahead", &listen)?;
    let record = take(&mut task, 1).await?.remove(0);
    let said = record.value.value.get("timestamp").and_then(Value::as_i64);
    assert_eq!(said, Some(4_095_440_055_000));
    let (time, now) = (record.timestamp.context("no time")?, chrono::Utc::now().timestamp_millis());
    assert!((now - 60_000..=now).contains(&time), "no broker takes {time}");
    Ok(())
}
