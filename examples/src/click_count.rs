//! Counting clicks: lines such as `shop:click:cart`, of which those with a click are counted by the text before the first
//! colon.

use millstream::prelude::*;

/// Lines of a log.
pub const EVENTS: Topic<Option<String>, String> = Topic::new("TopicA");

/// How many clicks each site has had.
pub const CLICKS: Topic<String, i64> = Topic::new("TopicB");

/// Counts the clicks of [`EVENTS`] into [`CLICKS`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream(EVENTS)
        .filter(|_, line| line.contains("click"))
        .group_by(|_, line| site(line).to_owned())
        .count("clicks-per-site")
        .to(CLICKS);
    builder.build()
}

/// The text before the first colon.
fn site(line: &str) -> &str {
    line.split_once(':').map_or(line, |(site, _)| site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_are_counted_by_site_and_nothing_else_is() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        for line in ["shop:click:cart", "shop:view:cart", "blog:click:like", "shop:click:buy"] {
            driver.input(EVENTS).send_value(line).unwrap();
        }
        let counted = driver.output(CLICKS).drain();
        assert_eq!(counted, [record("shop", 1), record("blog", 1), record("shop", 2)]);
    }
}
