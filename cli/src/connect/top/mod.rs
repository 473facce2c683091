//! `millstream connect top`.

mod frame;
mod look;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use crossterm::{cursor, queue, style, terminal};

use self::frame::{LINES_MAX, frame};
use self::look::{Look, Looker};
use crate::output::say;
use crate::stop::stopped;

/// How often the frame is drawn, and what rates are the rates of.
const REFRESH: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Top {
    /// A worker: where it answers REST requests, or where `connect run --metrics` listens
    #[arg(long, default_value = "http://127.0.0.1:8083", value_name = "URL")]
    url: String,
    /// Who asks, where the worker has rest.users
    #[arg(long, env = "MILLSTREAM_CONNECT_USER", hide_env_values = true, value_name = "NAME:PASSWORD")]
    user: Option<String>,
    /// Print one frame and end, as where there is no terminal; it looks twice, a second apart
    #[arg(long)]
    once: bool,
}

impl Top {
    pub(crate) async fn run(self) -> Result<()> {
        let looker = Looker::new(&self.url, self.user.as_deref())?;
        let mut last = looker.look().await;
        if self.once || !io::stdout().is_terminal() {
            tokio::time::sleep(REFRESH).await;
            let now = looker.look().await;
            if let Some(why) = &now.failure {
                bail!("{}: {why}", now.address);
            }
            return frame(&last, &now, usize::MAX).into_iter().try_for_each(say);
        }
        let _screen = Screen::enter()?;
        let mut stop = std::pin::pin!(stopped()?);
        let mut ticks = tokio::time::interval(REFRESH);
        loop {
            tokio::select! {
                stopped = &mut stop => return Err(stopped.into()),
                _ = ticks.tick() => {}
            }
            let now = looker.look().await;
            draw(&mut io::stdout().lock(), &last, &now)?;
            if now.failure.is_none() {
                last = now;
            }
        }
    }
}

/// Draws a frame over the last one.
fn draw(out: &mut impl Write, last: &Look, now: &Look) -> io::Result<()> {
    let (width, height) = terminal::size().unwrap_or((200, 50));
    queue!(out, cursor::MoveTo(0, 0))?;
    let room = usize::from(height).saturating_sub(1).min(LINES_MAX);
    for line in frame(last, now, usize::from(width)).iter().take(room) {
        let rest = terminal::Clear(terminal::ClearType::UntilNewLine);
        queue!(out, style::Print(line), rest, cursor::MoveToNextLine(1))?;
    }
    queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
    out.flush()
}

/// The terminal's other screen: what was there before is there again when this is dropped.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        queue!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        // A terminal that is gone needs nothing given back.
        let _ = queue!(out, cursor::Show, terminal::LeaveAlternateScreen).and_then(|()| out.flush());
    }
}
