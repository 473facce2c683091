use std::time::{Duration, Instant};

/// The first wait, and the longest.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait before a program that failed is started again: twice as long each time, until it ran for a while.
#[derive(Debug, Default)]
pub(super) struct Pause {
    last: Duration,
}

impl Pause {
    /// A program that was started then has failed now.
    pub(super) fn after(&mut self, started: Instant, now: Instant) -> Duration {
        let ran = now.saturating_duration_since(started);
        self.last = if ran >= LONGEST { SHORTEST } else { (self.last * 2).clamp(SHORTEST, LONGEST) };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_last_until_the_program_ran_for_a_while() {
        let (mut pause, started) = (Pause::default(), Instant::now());
        let mut after = |ran_s| pause.after(started, started + Duration::from_secs(ran_s)).as_millis();
        assert_eq!([after(0), after(0), after(59)], [200, 400, 800]);
        for _ in 0..20 {
            after(0);
        }
        assert_eq!([after(0), after(61), after(0)], [60_000, 200, 400]);
    }
}
