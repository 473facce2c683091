//! `millstream connect top`.

mod frame;
mod look;
mod screen;

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use self::frame::frame;
use self::look::Looker;
use self::screen::{Key, Screen};
use crate::output::say;
use crate::stop::{Stopped, stopped};

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
        let mut stop = std::pin::pin!(stopped()?);
        let mut before = last.clone();
        let mut screen = Screen::enter()?;
        let mut ticks = tokio::time::interval(REFRESH);
        loop {
            let look = async {
                ticks.tick().await;
                looker.look().await
            };
            tokio::select! {
                stopped = &mut stop => return Err(stopped.into()),
                key = screen.key() => match key {
                    Key::Quit => return Ok(()),
                    Key::Interrupt => return Err(Stopped::by_key().into()),
                    Key::Redraw => {}
                },
                now = look => {
                    let seen = std::mem::replace(&mut last, now);
                    if seen.failure.is_none() {
                        before = seen;
                    }
                }
            }
            screen.draw(&before, &last)?;
        }
    }
}
