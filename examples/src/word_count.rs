//! Counting words: the topology that the `word_count` program, its tests and the benchmarks share.

use millstream::prelude::*;

/// Lines of text, with or without a key.
pub const LINES: Topic<Option<String>, Line> = Topic::new("lines");

/// Each word's count, every time it is committed.
pub const TOTALS: Topic<Text, i64> = Topic::new("word-totals");

/// Each word's count, for queries.
pub const COUNTS: KeyValueStore<Text, i64> = KeyValueStore::new("word-counts");

/// A line of text.
pub type Line = String;

/// Counts the words of [`LINES`] into [`COUNTS`] and [`TOTALS`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .flat_map_values(|line, out| words(line).for_each(|word| out.push(word)))
        .group_by(|_, word| word.clone())
        .count(COUNTS)
        .to(TOTALS);
    builder.build()
}

/// The words of a text: runs of ASCII letters, in lower case.
pub fn words(text: &str) -> impl Iterator<Item = Text> {
    let runs = text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|run| !run.is_empty());
    runs.map(|run| {
        let mut word = Text::from(run);
        word.make_ascii_lowercase();
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_in_lower_case() {
        let found: Vec<Text> = words("The Whale-ship's 3rd crew, naïve?").collect();
        let expected = ["the", "whale", "ship", "s", "rd", "crew", "na", "ve"];
        assert_eq!(found, expected.map(Text::from));
    }

    #[test]
    fn every_word_is_counted() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        driver.input(LINES).send(None::<String>, "The whale, the sea").unwrap();
        let counts = driver.store(COUNTS).unwrap();
        assert_eq!(counts.get("the").unwrap(), Some(2));
        assert_eq!(counts.get("sea").unwrap(), Some(1));
    }
}
