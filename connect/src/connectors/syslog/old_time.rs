//! The time with which an old message begins (RFC 3164), where its sender writes more than the parser reads: parts of a second.

use std::ops::Range;

/// What stands in a time: `<34>Oct 11 22:14:15`, with a year behind the day, or parts of a second.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OldTime {
    pub(super) has_year: bool,
    /// Where the parts of a second stand in the message, dot and all.
    pub(super) fraction: Option<Range<usize>>,
}

impl OldTime {
    /// The time that comes first in a message; nothing where something else does.
    pub(super) fn find(message: &str) -> Option<Self> {
        let mut rest = match message.strip_prefix('<') {
            Some(priority) => priority.split_once('>')?.1,
            None => message,
        };
        let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let month = word(&mut rest);
        if month.len() != 3
            || !month.bytes().all(|byte| byte.is_ascii_alphabetic())
            || !is_number(word(&mut rest))
        {
            return None;
        }
        let mut clock = word(&mut rest);
        let has_year = clock.len() == 4 && is_number(clock);
        if has_year {
            clock = word(&mut rest);
        }
        let seconds = clock.split('.').next().unwrap_or_default();
        if seconds.trim_end_matches(':').split(':').filter(|part| is_number(part)).count() != 3 {
            return None;
        }
        let from = message.len() - rest.len() - clock.len() + seconds.len();
        let digits = clock[seconds.len()..].trim_start_matches('.').bytes();
        let digits = digits.take_while(u8::is_ascii_digit).count();
        Some(Self { has_year, fraction: (digits > 0).then_some(from..from + 1 + digits) })
    }

    /// The parts of a second, in milliseconds.
    pub(super) fn millis(&self, message: &str) -> i64 {
        let digits = self.fraction.clone().and_then(|place| message.get(place.start + 1..place.end));
        let first: String = digits.unwrap_or_default().chars().chain("000".chars()).take(3).collect();
        first.parse().unwrap_or(0)
    }
}

/// The next word between blanks.
fn word<'a>(rest: &mut &'a str) -> &'a str {
    let begun = rest.trim_start_matches(' ');
    let (word, behind) = begun.split_at(begun.find(' ').unwrap_or(begun.len()));
    *rest = behind;
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_with_its_year_and_its_parts_of_a_second() {
        for (message, has_year, without, millis) in [
            ("<34>Oct 11 22:14:15 h a: x", false, "<34>Oct 11 22:14:15 h a: x", 0),
            ("<34>Oct 11 22:14:15.5 h a: 1.5", false, "<34>Oct 11 22:14:15 h a: 1.5", 500),
            ("<34> Oct  1 22:14:15.123456: %X", false, "<34> Oct  1 22:14:15: %X", 123),
            ("Oct 11 2026 22:14:15.04 h", true, "Oct 11 2026 22:14:15 h", 40),
            ("<34>Oct 11 2026 22:14:15: %X", true, "<34>Oct 11 2026 22:14:15: %X", 0),
            ("<34>Oct 11 22:14:15. x", false, "<34>Oct 11 22:14:15. x", 0),
        ] {
            let found = OldTime::find(message).unwrap();
            let mut cut = message.to_owned();
            found.fraction.clone().into_iter().for_each(|place| cut.replace_range(place, ""));
            assert_eq!((found.has_year, &*cut, found.millis(message)), (has_year, without, millis));
        }
        for none in [
            "",
            "<34>1 2026-11-23T03:14:15.123Z h a",
            "Oct 11 22:14 x",
            "<34",
            "October 11 22:14:15",
            "Oct x 1:2:3",
            "<34>Oct 11 22:14:15:16",
        ] {
            assert_eq!(OldTime::find(none), None, "{none}");
        }
    }
}
