//! Processes that answer REST requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::millstream;

/// What a test that waits gives up after; a machine under load is slow, not broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// What goes before the address on standard output.
const READY: &str = "Connect is ready on http://";

/// A worker; killed when this is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// Goes with every request.
    pub(crate) authorization: Option<&'static str>,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Before the cluster that all tests share.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(millstream(args))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let address = loop {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                let _ = child.kill();
                let mut why = String::new();
                errors.read_to_string(&mut why).unwrap();
                panic!("it does not answer requests: {why}");
            }
            if let Some(address) = line.trim().strip_prefix(READY) {
                break address.to_owned();
            }
        };
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                *written.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, address, authorization: None, log }
    }

    /// What it calls itself, on this machine.
    pub(crate) fn id(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        format!("{}:{}", host.trim(), self.address.rsplit(':').next().unwrap())
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The status and the body of an answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (head, body) = self.ask_text(method, path, body);
        (head[9..12].parse().unwrap(), serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The head and the body of an answer.
    pub(crate) fn ask_text(&self, method: &str, path: &str, body: Option<&Value>) -> (String, String) {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let who = self.authorization.map(|who| format!("Authorization: {who}\r\n")).unwrap_or_default();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{who}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Makes a connector.
    pub(crate) fn make(&self, name: &str, config: &Value) {
        let (status, told) = self.ask("PUT", &format!("/connectors/{name}/config"), Some(config));
        assert_eq!(status, 201, "{told}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A worker's properties file in `dir`: of the cluster `group`, on a free port of this machine unless `more` says otherwise.
pub(crate) fn properties(dir: &Path, name: &str, group: &str, more: &str) -> String {
    let bootstrap = millstream(&[]).get_envs().find_map(|(name, value)| {
        (name == "MILLSTREAM_BOOTSTRAP_SERVER").then(|| value.unwrap().to_str().unwrap().to_owned())
    });
    let file = dir.join(name);
    let text = format!(
        "bootstrap.servers={}\ngroup.id={group}\nlisteners=http://127.0.0.1:0\n\
         config.storage.topic={group}-configs\noffset.storage.topic={group}-offsets\nstatus.storage.topic={group}-statuses\n\
         key.converter=string\nvalue.converter=string\noffset.flush.interval.ms=100\n\
         session.timeout.ms=2000\nheartbeat.interval.ms=400\n{more}\n",
        bootstrap.unwrap()
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}
