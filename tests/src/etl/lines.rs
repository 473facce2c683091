use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How a log writes a time.
const TIME_FORMAT: &str = "%d/%b/%Y:%H:%M:%S %z";

/// What is added to the lines of a real server, so that there is something to see.
#[derive(Debug, Clone, Copy)]
pub struct Extra {
    /// Says which lines.
    pub seed: u64,
    /// How many lines, over the last minutes before the end.
    pub lines: usize,
    /// Over how many minutes.
    pub minutes: i64,
    /// How many of a hundred are for one path.
    pub hot_percent: u32,
    /// How many of a thousand come late, by up to 20 seconds.
    pub late_permille: u32,
    /// How many of a thousand are no lines of a log.
    pub junk_permille: u32,
}

impl Default for Extra {
    fn default() -> Self {
        Self { seed: 7, lines: 20_000, minutes: 20, hot_percent: 60, late_permille: 30, junk_permille: 2 }
    }
}

/// The path of which most is asked.
const HOT: &str = "/checkout/pay";

/// Seconds that a line comes late at most: less than a minute waits for.
const LATE_MAX_S: i64 = 20;

/// A server's log whose last line was written at `end`: the lines of `real`, moved in time as a whole, and the extra ones, in the
/// order in which they arrive.
pub fn log(real: &str, extra: Extra, end: DateTime<Utc>) -> Result<Vec<String>> {
    let times = real.lines().map(time_of).collect::<Result<Vec<_>>>()?;
    let last = times.iter().max().context("the log is empty")?;
    let shift = end.signed_duration_since(last);
    // Within a minute the real log is in no order: all of a minute arrive with its end.
    let mut arrivals: Vec<(i64, String)> = Vec::with_capacity(times.len() + extra.lines);
    for (line, time) in real.lines().zip(&times) {
        let moved = *time + shift;
        arrivals.push((moved.timestamp().div_euclid(60) * 60 + 59, with_time(line, moved)?));
    }
    arrivals.extend(extra_lines(extra, end));
    arrivals.sort_by_key(|(at, _)| *at);
    Ok(arrivals.into_iter().map(|(_, line)| line).collect())
}

/// Lines with the second at which each arrives.
fn extra_lines(extra: Extra, end: DateTime<Utc>) -> impl Iterator<Item = (i64, String)> {
    let mut random = StdRng::seed_from_u64(extra.seed);
    let span = extra.minutes * 60;
    // One minute in which the shop is ill.
    let burst = random.random_range(0..extra.minutes.max(1));
    (0..extra.lines).map(move |_| {
        let ago = random.random_range(0..span);
        let time = end - TimeDelta::seconds(ago);
        let is_hot = random.random_range(0..100) < extra.hot_percent;
        let late = if random.random_range(0..1_000) < extra.late_permille {
            random.random_range(1..=LATE_MAX_S)
        } else {
            0
        };
        if random.random_range(0..1_000) < extra.junk_permille {
            return (
                time.timestamp(),
                format!("kernel: [{ago}.000000] oom-killer: gfp_mask=0x{:x}", random.random::<u32>()),
            );
        }
        let path = if is_hot { HOT.to_owned() } else { format!("/cart/{}", random.random_range(0..500)) };
        let is_ill = ago / 60 == burst && random.random_bool(0.5);
        let status = if is_ill {
            503
        } else if random.random_bool(0.01) {
            500
        } else {
            200
        };
        (time.timestamp() + late, line(&mut random, time, &path, status))
    })
}

fn line(random: &mut StdRng, time: DateTime<Utc>, path: &str, status: u16) -> String {
    let (client, bytes) = (random.random_range(1..255), random.random_range(100..5_000));
    let time = time.format(TIME_FORMAT);
    format!("10.0.0.{client} - - [{time}] \"POST {path} HTTP/1.1\" {status} {bytes} \"-\" \"shop/1.0\"")
}

/// Where in a line its time is.
fn place_of_time(line: &str) -> Option<(usize, usize)> {
    let start = line.find('[')? + 1;
    Some((start, start + line[start..].find(']')?))
}

fn time_of(line: &str) -> Result<DateTime<Utc>> {
    let (start, end) = place_of_time(line).with_context(|| format!("no time in {line}"))?;
    Ok(DateTime::parse_from_str(&line[start..end], TIME_FORMAT)?.to_utc())
}

fn with_time(line: &str, time: DateTime<Utc>) -> Result<String> {
    let (start, end) = place_of_time(line).with_context(|| format!("no time in {line}"))?;
    Ok(format!("{}{}{}", &line[..start], time.format(TIME_FORMAT), &line[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = "a - - [17/May/2015:10:05:43 +0000] \"GET /1 HTTP/1.1\" 200 1\n\
                        b - - [17/May/2015:10:05:03 +0000] \"GET /2 HTTP/1.1\" 200 1\n\
                        c - - [17/May/2015:11:05:00 +0000] \"GET /3 HTTP/1.1\" 200 1";

    #[test]
    fn the_last_real_line_is_written_at_the_end_and_the_others_as_long_before_it_as_they_were() {
        let end = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let lines = log(REAL, Extra { lines: 0, ..Extra::default() }, end).unwrap();
        let times: Vec<i64> =
            lines.iter().map(|line| time_of(line).unwrap().timestamp() - end.timestamp()).collect();
        assert_eq!(times, [-3_557, -3_597, 0]);
        assert!(lines[0].starts_with("a - - [") && lines[0].ends_with("] \"GET /1 HTTP/1.1\" 200 1"));
    }

    #[test]
    fn no_line_comes_later_than_a_minute_waits_for_it() {
        let end = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let lines = log(REAL, Extra::default(), end).unwrap();
        assert_eq!(lines, log(REAL, Extra::default(), end).unwrap(), "a seed says which lines");
        let (mut latest, mut late) = (0, 0);
        for time in lines.iter().filter_map(|line| time_of(line).ok()).map(|time| time.timestamp()) {
            let minute_end = time.div_euclid(60) * 60 + 60;
            assert!(latest < minute_end + 30, "a minute of 30 seconds' grace would be closed");
            late += usize::from(time < latest);
            latest = latest.max(time);
        }
        assert!(late > 100, "{late}");
        let hot = lines.iter().filter(|line| line.contains(HOT)).count();
        assert!((11_000..13_000).contains(&hot), "{hot}");
    }
}
