//! The tokens of one line of an exposition.

use std::borrow::Cow;

use super::Why;

/// What is left of a line.
pub(super) struct Cursor<'a> {
    text: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t']);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text
    }

    /// Takes `wanted` where it comes next.
    pub(super) fn eat(&mut self, wanted: char) -> bool {
        match self.text.strip_prefix(wanted) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn starts_with(&self, wanted: char) -> bool {
        self.text.starts_with(wanted)
    }

    /// What comes before the next blank, or the end.
    pub(super) fn word(&mut self) -> &'a str {
        let (word, rest) = self.text.split_at(self.text.find([' ', '\t']).unwrap_or(self.text.len()));
        self.text = rest;
        word
    }

    /// A name of letters, digits and `_`, with `:` where `colons`, that does not begin with a digit.
    pub(super) fn name(&mut self, colons: bool) -> Result<&'a str, Why> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        let (name, rest) = self.text.split_at(self.text.find(|c| !legal(c)).unwrap_or(self.text.len()));
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Why::Name);
        }
        self.text = rest;
        Ok(name)
    }

    /// A text in quotes, in which `\\`, `\"` and `\n` stand for what they do; borrowed where none of them is there.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, Why> {
        let inner = self.text.strip_prefix('"').ok_or(Why::Quote)?;
        let mut owned: Option<String> = None;
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.text = &inner[at + 1..];
                    return Ok(owned.map_or(Cow::Borrowed(&inner[..at]), Cow::Owned));
                }
                '\\' => {
                    let text = owned.get_or_insert_with(|| inner[..at].to_owned());
                    match chars.next().ok_or(Why::Quote)?.1 {
                        'n' => text.push('\n'),
                        escaped @ ('\\' | '"') => text.push(escaped),
                        // Prometheus keeps what it does not know as it stands.
                        other => text.extend(['\\', other]),
                    }
                }
                other => {
                    if let Some(text) = &mut owned {
                        text.push(other);
                    }
                }
            }
        }
        Err(Why::Quote)
    }
}
