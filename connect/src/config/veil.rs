//! What hides secrets in texts for people: errors, states, dead letters' headers and log lines.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// A shorter text is no secret that anything could be told by, and may stand anywhere by chance.
pub(super) const TELLING_BYTES: usize = 4;

/// All that hide something while this process runs: whoever writes a log line knows no task.
static WORN: Mutex<Vec<Weak<Veil>>> = Mutex::new(Vec::new());

/// Secrets, and what is shown in the place of each.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct Veil(Vec<(String, String)>);

impl Veil {
    /// The text is shown as `shown`, also where it stands between quotation marks with what is special escaped.
    pub(super) fn hide(&mut self, secret: &str, shown: &str) {
        if secret.is_empty() || secret == shown {
            return;
        }
        let escaped = secret.escape_debug().to_string();
        if escaped != secret {
            self.0.push((escaped, shown.to_owned()));
        }
        self.0.push((secret.to_owned(), shown.to_owned()));
        // What has another in it goes first: what is left of it would tell the rest.
        self.0.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    }

    /// The text, as it may be shown.
    pub(crate) fn over<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut shown = Cow::Borrowed(text);
        for (secret, instead) in &self.0 {
            if shown.contains(secret.as_str()) {
                shown = Cow::Owned(shown.replace(secret, instead));
            }
        }
        shown
    }

    /// Lies over the log too, as long as somebody has it.
    pub(crate) fn worn(self) -> Arc<Self> {
        let veil = Arc::new(self);
        if !veil.0.is_empty() {
            let mut worn = WORN.lock();
            worn.retain(|veil| veil.strong_count() > 0);
            worn.push(Arc::downgrade(&veil));
        }
        veil
    }
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Veil of {}", self.0.len())
    }
}

/// Where log lines go: the secrets of the connectors that run in this process are hidden in them. For `tracing_subscriber`:
/// `.with_writer(|| ConcealedLog(std::io::stderr()))`.
#[derive(Debug)]
pub struct ConcealedLog<W>(pub W);

impl<W: Write> Write for ConcealedLog<W> {
    /// Takes whole lines, as a subscriber writes them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line)?;
        Ok(line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let worn: Vec<Arc<Veil>> = WORN.lock().iter().filter_map(Weak::upgrade).collect();
        let Ok(text) = std::str::from_utf8(line) else { return self.0.write_all(line) };
        let shown = worn.iter().fold(Cow::Borrowed(text), |text, veil| match veil.over(&text) {
            Cow::Owned(shown) => Cow::Owned(shown),
            Cow::Borrowed(_) => text,
        });
        self.0.write_all(shown.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_hides_what_is_worn_and_no_longer() {
        let mut veil = Veil::default();
        veil.hide("quoted\"logsecret", "[hidden]");
        let logged = || {
            let mut log = ConcealedLog(Vec::new());
            log.write_all(br#"why="it says quoted\"logsecret" quoted"logsecret"#).unwrap();
            String::from_utf8(log.0).unwrap()
        };
        let worn = veil.worn();
        assert_eq!(logged(), r#"why="it says [hidden]" [hidden]"#);
        drop(worn);
        assert!(logged().contains("logsecret"));
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_the_longer_one() {
        let mut veil = Veil::default();
        veil.hide("word", "A");
        veil.hide("password", "B");
        assert_eq!(veil.over("password, word"), "B, A");
    }
}
