//! A way to the server that is cut without a word: nothing comes through any more, and nobody is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use millstream_tests::postgres::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

pub(super) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// What is cut, and after how many bytes more.
    fuse: std::sync::Mutex<Option<(Way, usize)>>,
    is_cut: watch::Sender<bool>,
    cuts: AtomicUsize,
}

impl Proxy {
    /// In front of a server.
    pub(super) async fn start(server: &Postgres) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let upstream = server.url().split(['@', '/']).nth(3).context("an address")?.to_owned();
        let state = State { fuse: None.into(), is_cut: watch::Sender::new(false), cuts: AtomicUsize::new(0) };
        let state = Arc::new(state);
        tokio::spawn(accept(listener, upstream, Arc::clone(&state)));
        Ok(Self { address, state })
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Cuts the way for all sessions, once so many bytes more have gone in one direction.
    pub(super) fn cut_after(&self, way: Way, bytes: usize) {
        *self.state.fuse.lock().unwrap() = Some((way, bytes));
    }

    /// Sessions that are made from now on come through; those that were cut end.
    pub(super) fn mend(&self) {
        *self.state.fuse.lock().unwrap() = None;
        self.state.is_cut.send_replace(false);
    }

    /// How often the way was cut.
    pub(super) fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, upstream: String, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&upstream).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(Way::ToServer, from_client, to_server, Arc::clone(&state)));
        tokio::spawn(pass(Way::ToClient, from_server, to_client, Arc::clone(&state)));
    }
}

async fn pass(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = vec![0; 4_096];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let passed = state.pass(way, read);
        let is_written = to.write_all(&buffer[..passed]).await.is_ok();
        if *state.is_cut.borrow() {
            // Neither side hears of the other, not even that it has gone.
            let _ = state.is_cut.subscribe().wait_for(|is_cut| !is_cut).await;
            return;
        }
        if read == 0 || !is_written {
            return;
        }
    }
}

impl State {
    /// How many of these bytes come through.
    fn pass(&self, way: Way, bytes: usize) -> usize {
        if *self.is_cut.borrow() {
            return 0;
        }
        match &mut *self.fuse.lock().unwrap() {
            Some((cut, left)) if *cut == way && *left <= bytes => {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                self.is_cut.send_replace(true);
                *left
            }
            Some((cut, left)) if *cut == way => {
                *left -= bytes;
                bytes
            }
            _ => bytes,
        }
    }
}
