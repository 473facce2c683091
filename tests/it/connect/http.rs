//! One request a connection, in HTTP/1.0: what comes until the end is the answer.

use anyhow::{Context, Result, bail};
use millstream_tests::process::PATIENCE;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: Option<&str>) -> Result<Response> {
    ask_with(address, method, path, "Content-Type: application/json\r\n", body)
}

/// `headers`: lines of their own.
pub(super) fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<&str>,
) -> Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: worker\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no answer: {answer}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Ok(Response { status, headers, body: body.to_owned() })
}

/// Asks until the answer has what `find` looks for.
pub(super) fn until<T>(address: SocketAddr, path: &str, find: impl Fn(&Value) -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        let answer: Value = serde_json::from_str(&ask(address, "GET", path, None)?.body)?;
        if let Some(found) = find(&answer) {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("GET {path} still answers {answer}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
