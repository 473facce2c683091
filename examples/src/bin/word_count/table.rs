use std::io::{self, Write};
use std::time::Duration;

use crossterm::{cursor, queue, style, terminal};
use millstream::prelude::Text;

/// Words shown.
pub(crate) const TOP: usize = 20;

/// The most frequent words, most frequent first; equally frequent ones in alphabetical order.
pub(crate) fn top(mut counts: Vec<(Text, i64)>) -> Vec<(Text, i64)> {
    counts.sort_by(|(word_a, a), (word_b, b)| b.cmp(a).then_with(|| word_a.cmp(word_b)));
    counts.truncate(TOP);
    counts
}

/// What is known of the run so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// Words counted.
    pub(crate) counted: i64,
    /// Distinct words.
    pub(crate) distinct: usize,
    /// Words in the text.
    pub(crate) expected: i64,
    /// Since the start.
    pub(crate) elapsed: Duration,
}

impl Progress {
    fn line(&self) -> String {
        let Self { counted, distinct, expected, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        let rate = *counted as f64 / seconds.max(0.001);
        // Without a text to count there is nothing to be a share of.
        let of_text = match (100 * counted).checked_div(*expected) {
            Some(share) => format!("{counted} of {expected} words ({} %)", share.min(100)),
            None => format!("{counted} words"),
        };
        format!("{of_text}, {distinct} distinct, {rate:.0} words/s, {seconds:.1} s")
    }
}

/// Writes the table as plain lines.
pub(crate) fn print(out: &mut impl Write, top: &[(Text, i64)], progress: &Progress) -> io::Result<()> {
    for (rank, (word, count)) in top.iter().enumerate() {
        writeln!(out, "{:>3}  {word:<16} {count:>8}", rank + 1)?;
    }
    writeln!(out, "{}", progress.line())
}

/// Draws the table over the last one.
pub(crate) fn draw(out: &mut impl Write, top: &[(Text, i64)], progress: &Progress) -> io::Result<()> {
    let longest = top.first().map_or(1, |(_, count)| (*count).max(1));
    queue!(out, cursor::MoveTo(0, 0))?;
    for (rank, (word, count)) in top.iter().enumerate() {
        let bar = "█".repeat((40 * count / longest) as usize);
        let line = format!("{:>3}  {word:<16} {count:>8}  {bar}", rank + 1);
        queue!(
            out,
            style::Print(line),
            terminal::Clear(terminal::ClearType::UntilNewLine),
            cursor::MoveToNextLine(1)
        )?;
    }
    queue!(out, cursor::MoveToNextLine(1), style::Print(progress.line()))?;
    queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
    out.flush()
}

/// Takes the table away, to print the last one in its place.
pub(crate) fn clear(out: &mut impl Write) -> io::Result<()> {
    queue!(out, terminal::Clear(terminal::ClearType::All), cursor::MoveTo(0, 0))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_sorted_by_count_then_word() {
        let counts = [("b", 1), ("a", 1), ("c", 2)].map(|(word, count)| (Text::from(word), count));
        let words: Vec<String> = top(counts.to_vec()).iter().map(|(word, _)| word.to_string()).collect();
        assert_eq!(words, ["c", "a", "b"]);
    }
}
