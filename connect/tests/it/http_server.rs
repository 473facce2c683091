//! An HTTP server that misbehaves as it is told: it answers, hangs, and cuts connections anywhere.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request, whole.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What the server does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// An answer after a while.
    Late(Duration, Vec<u8>),
    /// This much of an answer that says it is twice as long, then the end of the connection.
    Half(Vec<u8>),
    /// The end of the connection.
    Cut,
    /// Nothing, ever.
    Hang,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.into()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// Runs until it is dropped.
pub(crate) struct HttpServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let reply = Arc::new(reply);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // An error is the client's, who has gone.
                tokio::spawn(serve(stream, reply.clone()));
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, reply: Arc<impl Fn(&Request) -> Reply>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        let (status, headers, body) = match reply(&request) {
            Reply::Answer { status, headers, body } => (status, headers, body),
            Reply::Late(by, body) => {
                tokio::time::sleep(by).await;
                (200, Vec::new(), body)
            }
            Reply::Half(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() * 2);
                stream.write_all(&[head.as_bytes(), &body].concat()).await?;
                return Ok(stream.shutdown().await?);
            }
            Reply::Cut => return Ok(()),
            Reply::Hang => pending().await,
        };
        let length = body.len();
        let mut head = format!("HTTP/1.1 {status} -\r\n");
        // These have no body, and a length would announce one.
        if status != 204 && status != 304 {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = if request.method == "HEAD" { Vec::new() } else { body };
        stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).await?;
        stream.flush().await?;
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the client has gone");
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first().context("no request line")?.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let named = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        named.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse::<usize>())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Request { method, path, headers, body })
}
