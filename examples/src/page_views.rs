//! Page views per minute of event time. Views come out of order; a minute takes them until ten seconds after its end have
//! been seen, is told of once, and what comes later than that goes to a topic of its own.

use millstream::prelude::*;

/// Who has looked at which page: the page is the key.
pub const VIEWS: Topic<String, String> = Topic::new("page-views");

/// How often each page was looked at in each minute.
pub const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::windowed("page-views-per-minute", mins(1));

/// Views that came when their minute was closed.
pub const LATE: Topic<String, String> = Topic::new("late-page-views");

/// The minutes of the last hour, for queries.
pub const MINUTES: WindowStore<String, i64> = WindowStore::new("views-by-minute").retention(hours(1));

/// Counts [`VIEWS`] into [`PER_MINUTE`] and [`MINUTES`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream(VIEWS)
        .group_by_key()
        .windowed_by(TimeWindows::of(mins(1)).grace(secs(10)))
        .emit(Emit::OnClose)
        .late(|late| drop(late.to(LATE)))
        .count(MINUTES)
        .to(PER_MINUTE);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_told_of_once_and_what_is_late_goes_aside() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        for second in [5, 50, 65, 55] {
            driver.input(VIEWS).at(second * 1_000).send("/", "ada").unwrap();
        }
        assert_eq!(driver.output(PER_MINUTE).drain(), []);
        driver.input(VIEWS).at(70_000).send("/", "bob").unwrap();
        driver.input(VIEWS).at(59_000).send("/", "too late").unwrap();
        let told = driver.output(PER_MINUTE).drain();
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0].key, told[0].value), (&windowed("/", 0..60_000), 3));
        assert_eq!(driver.output(LATE).drain(), [record("/", "too late").at(59_000)]);
    }
}
