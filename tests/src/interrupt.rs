//! Ctrl-C for programs that have started servers: these are stopped, and their folders removed, as the program returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// How soon a pause ends once the program was told to.
const GLANCE: Duration = Duration::from_millis(50);

/// What shells expect of a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// Whether the program was told to end, by Ctrl-C or SIGTERM.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches from now on. Whoever asks twice is obeyed at once.
    pub fn watch() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let asked = Arc::new(AtomicBool::new(false));
        let (mut interrupt, mut terminate) = {
            let _within = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let told = Arc::clone(&asked);
        thread::spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                    if told.swap(true, Relaxed) {
                        std::process::exit(INTERRUPTED.into());
                    }
                }
            });
        });
        Ok(Self(asked))
    }

    /// Whether it was.
    pub fn is_asked(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Waits; an error as soon as the program was told to end.
    pub fn pause(&self, how_long: Duration) -> Result<()> {
        let until = Instant::now() + how_long;
        loop {
            if self.is_asked() {
                bail!("interrupted");
            }
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => sleep(left.min(GLANCE)),
            }
        }
    }
}
