use std::io::{self, Write};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use crossterm::{cursor, execute, queue, style, terminal};
use tokio::sync::mpsc;

use super::frame::{LINES_MAX, frame};
use super::look::Look;

/// Keys that were pressed and not looked at yet.
const KEYS_MAX: usize = 16;

/// What a person at the terminal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// To leave: `q`, or escape.
    Quit,
    /// To leave as by a signal: ctrl-c is a key where the terminal is raw.
    Interrupt,
    /// To see the frame anew: the terminal has another size.
    Redraw,
}

/// The terminal's other screen, and its keys: what was there before is there again when this is dropped, also by a panic.
pub(super) struct Screen {
    /// From the thread that waits for keys; it ends with the process, since nothing calls back its read.
    keys: mpsc::Receiver<Key>,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        let (tell, keys) = mpsc::channel(KEYS_MAX);
        let screen = Self { keys };
        // Where nobody can press keys, there are signals.
        if terminal::enable_raw_mode().is_ok() {
            std::thread::Builder::new().name("keys".to_owned()).spawn(move || wait_for_keys(&tell))?;
        }
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    /// The next key that counts.
    pub(super) async fn key(&mut self) -> Key {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// Draws a frame over the last one.
    pub(super) fn draw(&self, last: &Look, now: &Look) -> io::Result<()> {
        let mut out = io::stdout().lock();
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
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing given back.
        let _ = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

fn wait_for_keys(tell: &mpsc::Sender<Key>) {
    while let Ok(event) = event::read() {
        if meant(&event).is_some_and(|key| tell.blocking_send(key).is_err()) {
            return;
        }
    }
}

fn meant(event: &Event) -> Option<Key> {
    match event {
        Event::Key(KeyEvent { code: KeyCode::Char('c'), modifiers, .. })
            if modifiers.contains(KeyModifiers::CONTROL) =>
        {
            Some(Key::Interrupt)
        }
        Event::Key(KeyEvent { code: KeyCode::Char('q' | 'Q') | KeyCode::Esc, .. }) => Some(Key::Quit),
        Event::Resize(..) => Some(Key::Redraw),
        _ => None,
    }
}
