use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::access_log::{parse, time_of};
use super::{Alert, Health, Request, Rollup, Slice, Unparsed};

/// Lines of the log, as they were read from their files.
pub const LINES: Topic<Option<String>, String> = Topic::new("access-log");

/// Lines that are none.
pub const UNPARSED: Topic<Option<String>, Unparsed> = Topic::new("access-log-unparsed");

/// Which service answers for the first part of a path.
pub const SERVICES: Topic<String, String> = Topic::new("services");

/// All requests, by their ids: whoever keeps them by these keeps each once.
pub const REQUESTS: Topic<String, Request> = Topic::new("requests");

/// Requests by minute, service and status, each told of once. The key is these three with `|` between.
pub const ROLLUPS: Topic<String, Rollup> = Topic::new("requests-per-minute");

/// Requests whose minute was closed when they came.
pub const LATE: Topic<Slice, Request> = Topic::new("late-requests");

/// Minutes in which a service failed too often.
pub const ALERTS: Topic<String, Alert> = Topic::new("alerts");

/// What each service has answered so far, for queries.
pub const HEALTH: KeyValueStore<String, Health> = KeyValueStore::new("health");

/// The minutes of the last day, for queries.
pub const MINUTES: WindowStore<Slice, i64> = WindowStore::new("minutes").retention(hours(24));

/// The header that says where in which file a line is.
const PLACE: &str = "place";

/// From so many requests of a minute on, a share of failures says something.
const ALERT_FROM_REQUESTS: u64 = 10;

/// Percent of the requests of a minute that may fail.
const ALERT_ABOVE_PERCENT: f64 = 20.0;

/// How far (ms) a line may be ahead of when it was read. One whose clock is wrong by more would close minutes that are not over, and
/// a broker refuses what lies an hour in its future.
const AHEAD_MAX_MS: i64 = 5 * 60_000;

/// How long a minute waits for what comes late.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// By event time, after the end of the minute.
    pub grace: Duration,
    /// By the wall clock, once the log has fallen silent.
    pub silence: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { grace: secs(30), silence: secs(30) }
    }
}

/// Reads [`LINES`] and [`SERVICES`]; writes the other topics and fills the stores.
///
/// # Errors
/// None but a mistake in this function.
pub fn topology(pace: Pace) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let services = builder.global_table(SERVICES);
    let lines = Consumed::from(LINES).timestamps_by(|line, _| Some(time_among(&line.value, line.timestamp)));
    let (parsed, unparsed) = builder
        .stream(lines)
        .process_values(|_| Identify)
        .try_map_values(|line| parse_line(&line).map_err(|why| Unparsed { line: line.text, why }));
    unparsed.to(UNPARSED);

    let requests = parsed.left_join_global(
        &services,
        |_, request| request.section().to_owned(),
        |request, service| Request {
            service: service.cloned().unwrap_or_else(|| "other".to_owned()),
            ..request
        },
    );
    requests.select_key(|_, request| request.id.clone()).to(REQUESTS);
    let requests = requests.select_key(|_, request| request.service.clone());

    requests
        .group_by(|_, request| Slice { service: request.service.clone(), status: request.status })
        .windowed_by(TimeWindows::of(mins(1)).grace(pace.grace))
        .emit(Emit::OnCloseOrSilence(pace.silence))
        .late(|late| drop(late.to(LATE)))
        .count(MINUTES)
        .to_stream()
        .flat_map(|slice, requests, out| out.extend(requests.map(|count| rollup(slice, count))))
        .to(ROLLUPS);

    let by_service = requests.group_by_key();
    drop(by_service.aggregate(HEALTH, Health::default, |_service, request, health| health.add(&request)));
    by_service
        .windowed_by(TimeWindows::of(mins(1)).grace(pace.grace))
        .emit(Emit::OnCloseOrSilence(pace.silence))
        .aggregate("minutes-of-services", Health::default, |_service, request, health| health.add(&request))
        .to_stream()
        .flat_map(|service, health, out| out.extend(health.and_then(|health| alert(service, &health))))
        .to(ALERTS);
    builder.build()
}

/// When a line was written, if it says so and that can be; or else when it was read.
fn time_among(line: &str, read_at: i64) -> i64 {
    time_of(line).filter(|time| *time <= read_at.saturating_add(AHEAD_MAX_MS)).unwrap_or(read_at)
}

/// The request of a line whose time was believed.
fn parse_line(line: &Line) -> Result<Request, String> {
    let request = parse(&line.text)?;
    if request.time != line.time {
        return Err(format!(
            "it was read {} s before it says it was written",
            (request.time - line.time) / 1_000
        ));
    }
    Ok(Request { id: line.id.clone(), ..request })
}

/// A line, what it is known by, and under which time it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
struct Line {
    id: String,
    time: i64,
    text: String,
}

/// Gives each line the name of its place: in its file, where whoever read it says so, or else in the topic. A line that is read
/// again, by Connect or by this program, has the name that it had.
struct Identify;

impl FixedKeyProcessor<Option<String>, String> for Identify {
    type Out = Line;

    fn process(
        &mut self,
        line: FixedKeyRecord<Option<String>, String>,
        cx: &mut FixedKeyContext<'_, '_, Option<String>, Line>,
    ) -> Result<(), ProcessError> {
        let place = line.headers().last(PLACE).and_then(|place| String::from_utf8(place.value.clone()?).ok());
        let in_topic = || cx.metadata().map(|line| format!("{}-{}", line.partition, line.offset));
        let id = place.or_else(in_topic).unwrap_or_default();
        let time = line.timestamp();
        cx.forward(line.map(|text| Line { id, time, text }));
        Ok(())
    }
}

fn rollup(slice: &Windowed<Slice>, requests: i64) -> (String, Rollup) {
    let (minute, Slice { service, status }) = (slice.window.start, slice.key.clone());
    (format!("{minute}|{service}|{status}"), Rollup { minute, service, status, requests })
}

fn alert(service: &Windowed<String>, health: &Health) -> Option<(String, Alert)> {
    let Health { requests, failed, .. } = *health;
    let is_alarming = requests >= ALERT_FROM_REQUESTS && health.error_percent() > ALERT_ABOVE_PERCENT;
    let (minute, service) = (service.window.start, service.key.clone());
    is_alarming.then(|| (service.clone(), Alert { minute, service, requests, failed }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A line of a second of the first hour, for a path, with a status.
    fn line(second: u32, path: &str, status: u16) -> String {
        let (minute, second) = (second / 60, second % 60);
        format!(
            r#"10.0.0.1 - - [22/Nov/2026:00:{minute:02}:{second:02} +0000] "GET {path} HTTP/1.1" {status} 7 "-" "-""#
        )
    }

    /// A minute before the lines say that they were written.
    const READ_AT: i64 = 1_795_305_540_000;

    fn driver() -> TestDriver {
        let topology = topology(Pace::default()).unwrap();
        let mut driver = TestDriver::builder(&topology).wall_clock(READ_AT).build().unwrap();
        driver.input(SERVICES).send("blog", "writing").unwrap();
        driver
    }

    #[test]
    fn what_does_not_parse_goes_aside_and_the_rest_is_enriched() {
        let mut driver = driver();
        for line in [&line(1, "/blog/x?y", 200), "what", &line(2, "/else", 404)] {
            driver.input(LINES).send(None, line).unwrap();
        }
        let unparsed = driver.output(UNPARSED).drain();
        assert_eq!(unparsed[0].value, Unparsed { line: "what".to_owned(), why: "no client".to_owned() });
        let requests = driver.output(REQUESTS).drain();
        let seen: Vec<_> = requests
            .iter()
            .map(|request| {
                (request.key.as_str(), request.value.service.as_str(), request.value.path.as_str())
            })
            .collect();
        assert_eq!(seen, [("0-0", "writing", "/blog/x"), ("0-2", "other", "/else")]);
        assert_eq!(requests[0].timestamp, time_of(&line(1, "/", 200)).unwrap());
    }

    #[test]
    fn a_line_from_the_future_goes_aside_and_closes_no_minute() {
        let mut driver = driver();
        let ahead = (AHEAD_MAX_MS / 1_000) as u32 - 60;
        for second in [0, 61, ahead + 1, 3_599, 1] {
            driver.input(LINES).send(None, line(second, "/blog/x", 200)).unwrap();
        }
        let unparsed = driver.output(UNPARSED).drain();
        assert_eq!(unparsed.len(), 2);
        assert_eq!(unparsed[0].value.line, line(ahead + 1, "/blog/x", 200));
        assert_eq!(unparsed[0].value.why, "it was read 301 s before it says it was written");
        assert_eq!(unparsed[0].timestamp, READ_AT);
        assert!(driver.output(LATE).drain().is_empty());
        assert_eq!(driver.output(REQUESTS).drain().len(), 3);
    }

    #[test]
    fn a_minute_is_told_of_once_with_what_came_late_and_not_too_late() {
        let mut driver = driver();
        for (second, status) in [(5, 200), (61, 200), (7, 200), (8, 500), (91, 200), (9, 200)] {
            driver.input(LINES).send(None, line(second, "/blog/x", status)).unwrap();
        }
        let told: BTreeMap<_, _> = driver
            .output(ROLLUPS)
            .drain()
            .into_iter()
            .map(|told| ((told.value.minute % 3_600_000, told.value.status), told.value.requests))
            .collect();
        assert_eq!(told, BTreeMap::from([((0, 200), 2), ((0, 500), 1)]));
        assert_eq!(driver.output(LATE).drain().len(), 1);
        let health = driver.store(HEALTH).unwrap().get("writing".to_owned()).unwrap().unwrap();
        assert_eq!((health.requests, health.failed), (6, 1));
    }

    #[test]
    fn a_minute_in_which_too_much_failed_raises_an_alert() {
        let mut driver = driver();
        for nth in 0..10 {
            let status = if nth < 3 { 503 } else { 200 };
            driver.input(LINES).send(None, line(nth, "/blog/x", status)).unwrap();
            driver.input(LINES).send(None, line(nth, "/fine", 200)).unwrap();
        }
        driver.input(LINES).send(None, line(120, "/blog/x", 200)).unwrap();
        let alerts = driver.output(ALERTS).drain();
        assert_eq!(alerts.len(), 1);
        let Alert { service, requests, failed, .. } = &alerts[0].value;
        assert_eq!((service.as_str(), *requests, *failed), ("writing", 10, 3));
    }
}
