//! The servers that connectors are tested on come up, go down and leave nothing behind.

use std::net::TcpStream;

use anyhow::Result;
use millstream_tests::daemon::{Daemon, Ready, find, get};

#[test]
fn a_server_is_started_killed_started_again_and_gone_at_the_end() -> Result<()> {
    let Some(program) = find("prometheus-node-exporter", "prometheus-node-exporter") else { return Ok(()) };
    let mut exporter = Daemon::start(&program, Ready::Http("/metrics"), |_, address| {
        Ok(vec![format!("--web.listen-address={address}").into()])
    })?;
    let address = exporter.address();
    assert!(get(address, "/metrics")?.contains("node_cpu_seconds_total"));
    exporter.kill()?;
    assert!(TcpStream::connect(address).is_err());
    exporter.restart()?;
    assert!(get(address, "/metrics?collect[]=nothing").is_err(), "400 is no answer");
    drop(exporter);
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}

#[test]
fn a_server_that_ends_is_told_with_what_it_wrote() -> Result<()> {
    let Some(program) = find("sh", "dash") else { return Ok(()) };
    let ended = Daemon::start(&program, Ready::Port, |_, _| {
        Ok(vec!["-c".into(), "echo no such option >&2; exit 2".into()])
    });
    let why = ended.err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("no such option"), "{why}");
    Ok(())
}
