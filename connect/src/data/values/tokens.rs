/// Cuts a text at the characters that structure it, where they are not escaped; looks one token ahead.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Looked at, not taken.
    ahead: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Tokens { text, at: 0, ahead: None }
    }

    pub(super) fn original(&self) -> &'a str {
        self.text
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> usize {
        self.at - self.ahead.map_or(0, str::len)
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
        self.ahead = None;
    }

    fn more(&self) -> bool {
        self.at < self.text.len()
    }

    pub(super) fn has_next(&self) -> bool {
        self.ahead.is_some() || self.more()
    }

    pub(super) fn next(&mut self) -> &'a str {
        match self.ahead.take() {
            Some(token) => token,
            None => self.cut(),
        }
    }

    /// That many tokens as they stand, if there are so many.
    pub(super) fn next_some(&mut self, count: usize) -> Option<&'a str> {
        let mark = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind(mark);
                return None;
            }
            self.next();
        }
        Some(&self.text[mark..self.at])
    }

    /// Takes the next token if it is this, blanks around it not counted.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let Some(mut token) = self.ahead.or_else(|| self.more().then(|| self.cut())) else { return false };
        while is_blank(token) && self.more() {
            token = self.cut();
        }
        let found = trim(token) == expected;
        self.ahead = (!found).then_some(token);
        found
    }

    fn cut(&mut self) -> &'a str {
        let from = self.at;
        let mut escaped = false;
        for (index, byte) in self.text.bytes().enumerate().skip(from) {
            match byte {
                b'\\' => escaped = !escaped,
                b':' | b',' | b'{' | b'}' | b'[' | b']' | b'"' if !escaped => {
                    self.at = if index > from { index } else { index + 1 };
                    return &self.text[from..self.at];
                }
                _ => escaped = false,
            }
        }
        self.at = self.text.len();
        &self.text[from..]
    }
}

/// Java's `String.trim`: control characters are blank.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

pub(super) fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}
