//! What a target answers to a scrape: Prometheus's text format 0.0.4 and OpenMetrics 1.0.

mod cursor;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use thiserror::Error;

use self::cursor::Cursor;

/// The types that `# TYPE` may name; the last four are OpenMetrics's.
const TYPES: [&str; 9] =
    ["counter", "gauge", "histogram", "summary", "untyped", "gaugehistogram", "stateset", "info", "unknown"];

/// The two forms of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Timestamps in milliseconds; ends where it ends.
    Text,
    /// Timestamps in seconds; ends with `# EOF`, so that half an answer is known as such.
    OpenMetrics,
}

/// One line with a value.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading<'a> {
    pub(crate) name: Cow<'a, str>,
    /// In the order of the line; one may be there twice.
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) value: f64,
    /// Milliseconds since 1970, where the target gave a time.
    pub(crate) timestamp: Option<i64>,
}

/// A line that is none of an exposition.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}: {why}")]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) why: Why,
}

/// What is wrong with a line.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Why {
    #[error("a name is missing, or has a character that none may have")]
    Name,
    #[error("a quoted text is missing, or does not end")]
    Quote,
    #[error("labels are divided by commas and end with }}")]
    Labels,
    #[error("the value is no number")]
    Value,
    #[error("the timestamp is no number, or out of range")]
    Timestamp,
    #[error("something follows the sample")]
    Trailing,
    #[error("# TYPE names no type of metric")]
    Type,
    #[error("the answer ends without # EOF: it is incomplete")]
    NoEof,
    #[error("something follows # EOF")]
    AfterEof,
}

impl Format {
    /// The format that a `Content-Type` names; text where it names none.
    pub(crate) fn of(content_type: &str) -> Self {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// The readings of an exposition, one by one; nothing after the first fault.
pub(crate) struct Exposition<'a> {
    lines: std::str::Split<'a, char>,
    format: Format,
    line: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Eof,
    Done,
}

impl<'a> Exposition<'a> {
    pub(crate) fn new(text: &'a str, format: Format) -> Self {
        Self { lines: text.split('\n'), format, line: 0, state: State::Open }
    }

    fn advance(&mut self) -> Result<Option<Reading<'a>>, Why> {
        loop {
            let Some(line) = self.lines.next() else {
                let incomplete = self.format == Format::OpenMetrics && self.state != State::Eof;
                return if incomplete { Err(Why::NoEof) } else { Ok(None) };
            };
            self.line += 1;
            let line = line.trim_end_matches('\r');
            let mut cursor = Cursor::new(line);
            cursor.skip_blanks();
            if cursor.is_empty() {
                continue;
            }
            if self.state == State::Eof {
                return Err(Why::AfterEof);
            }
            if cursor.eat('#') {
                self.comment(cursor)?;
                continue;
            }
            return reading(cursor, self.format).map(Some);
        }
    }

    /// `# TYPE`, `# EOF`, and what is of no use here: `# HELP`, `# UNIT` and remarks.
    fn comment(&mut self, mut cursor: Cursor<'_>) -> Result<(), Why> {
        if !cursor.starts_with(' ') && !cursor.starts_with('\t') {
            return Ok(());
        }
        cursor.skip_blanks();
        match cursor.word() {
            "EOF" if self.format == Format::OpenMetrics && cursor.is_empty() => self.state = State::Eof,
            "TYPE" if !cursor.rest().trim().is_empty() => {
                cursor.skip_blanks();
                let quoted = cursor.starts_with('"');
                let _name = if quoted { cursor.quoted()? } else { Cow::Borrowed(cursor.name(true)?) };
                cursor.skip_blanks();
                if !TYPES.contains(&cursor.rest().trim_end()) {
                    return Err(Why::Type);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Iterator for Exposition<'a> {
    type Item = Result<Reading<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let found = self.advance();
        if !matches!(found, Ok(Some(_))) {
            self.state = State::Done;
        }
        found.map_err(|why| Fault { line: self.line, why }).transpose()
    }
}

/// `name{label="value",...} value [timestamp] [# exemplar]`; the name may stand among the labels, in quotes.
fn reading(mut cursor: Cursor<'_>, format: Format) -> Result<Reading<'_>, Why> {
    let mut name = if cursor.starts_with('{') { None } else { Some(Cow::Borrowed(cursor.name(true)?)) };
    cursor.skip_blanks();
    let mut labels = Vec::new();
    if cursor.eat('{') {
        read_labels(&mut cursor, &mut name, &mut labels)?;
    }
    cursor.skip_blanks();
    let value = number(cursor.word())?;
    cursor.skip_blanks();
    let timestamp = match cursor.starts_with('#') {
        true => None,
        false => {
            Some(cursor.word()).filter(|word| !word.is_empty()).map(|word| time(word, format)).transpose()?
        }
    };
    cursor.skip_blanks();
    if format == Format::OpenMetrics && cursor.eat('#') {
        read_exemplar(&mut cursor)?;
    }
    if !cursor.is_empty() {
        return Err(Why::Trailing);
    }
    Ok(Reading { name: name.ok_or(Why::Name)?, labels, value, timestamp })
}

/// The labels up to the closing brace; a quoted text without `=` is the name of the metric.
fn read_labels<'a>(
    cursor: &mut Cursor<'a>,
    name: &mut Option<Cow<'a, str>>,
    labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Result<(), Why> {
    loop {
        cursor.skip_blanks();
        if cursor.eat('}') {
            return Ok(());
        }
        let quoted = cursor.starts_with('"');
        let label = if quoted { cursor.quoted()? } else { Cow::Borrowed(cursor.name(false)?) };
        cursor.skip_blanks();
        if cursor.eat('=') {
            cursor.skip_blanks();
            labels.push((label, cursor.quoted()?));
        } else if quoted && name.is_none() && !label.is_empty() {
            *name = Some(label);
        } else {
            return Err(Why::Labels);
        }
        cursor.skip_blanks();
        if !cursor.eat(',') && !cursor.starts_with('}') {
            return Err(Why::Labels);
        }
    }
}

/// ` {label="value"} value [timestamp]`: read for its form alone.
fn read_exemplar(cursor: &mut Cursor<'_>) -> Result<(), Why> {
    cursor.skip_blanks();
    if !cursor.eat('{') {
        return Err(Why::Labels);
    }
    read_labels(cursor, &mut None, &mut Vec::new())?;
    cursor.skip_blanks();
    number(cursor.word())?;
    cursor.skip_blanks();
    let time_given = cursor.word();
    if !time_given.is_empty() {
        time(time_given, Format::OpenMetrics)?;
    }
    cursor.skip_blanks();
    Ok(())
}

fn number(word: &str) -> Result<f64, Why> {
    word.parse().map_err(|_| Why::Value)
}

fn time(word: &str, format: Format) -> Result<i64, Why> {
    match format {
        Format::Text => word.parse().map_err(|_| Why::Timestamp),
        Format::OpenMetrics => {
            let ms = word.parse::<f64>().map_err(|_| Why::Timestamp)? * 1_000.0;
            // Beyond this a double does not tell milliseconds apart; it is far beyond any calendar.
            if ms.abs() < 9.0e15 { Ok(ms.round() as i64) } else { Err(Why::Timestamp) }
        }
    }
}
