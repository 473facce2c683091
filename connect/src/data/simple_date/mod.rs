//! Java's `SimpleDateFormat` in UTC and English: what the timestamp transforms and header values are written and read with.

mod calendar;
mod format;
mod parse;
mod pattern;

use pattern::Part;

/// A compiled pattern, e.g. `yyyy-MM-dd'T'HH:mm:ss.SSSX`.
#[derive(Clone, Debug)]
pub(crate) struct SimpleDate {
    parts: Vec<Part>,
}

impl SimpleDate {
    /// Compiles a pattern, or says what is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        pattern::compile(pattern).map(|parts| SimpleDate { parts })
    }

    /// The text of a moment.
    pub(crate) fn format(&self, ms: i64) -> String {
        format::format(&self.parts, ms)
    }

    /// The moment of a text that begins so; what follows is not looked at. Lenient as Java: the 32nd of January is the
    /// 1st of February.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        parse::parse(&self.parts, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // What SimpleDateFormat (UTC, Locale.US) answers for 1700000000123 = Tue 2023-11-14 22:13:20.123.
    #[test]
    fn moments_are_written_as_java_does() {
        for (pattern, text) in [
            ("yyyyMMdd", "20231114"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2023-11-14T22:13:20.123Z"),
            ("yy/M/d h:mm a", "23/11/14 10:13 PM"),
            ("EEE, d MMM yyyy HH:mm:ss Z", "Tue, 14 Nov 2023 22:13:20 +0000"),
            ("EEEE MMMM DDD u z", "Tuesday November 318 2 UTC"),
            ("YYYY 'w'ww W F G", "2023 w46 3 2 AD"),
            ("k K 'o''clock'", "22 10 o'clock"),
        ] {
            assert_eq!(SimpleDate::new(pattern).unwrap().format(1_700_000_000_123), text, "{pattern}");
        }
    }

    #[test]
    fn texts_are_read_leniently_as_java_does() {
        for (pattern, text, ms) in [
            ("yyyy-MM-dd", "1970-01-02", Some(86_400_000)),
            ("yyyy-MM-dd", "1970-01-32 and more", Some(31 * 86_400_000)),
            ("yyyyMMdd", "19700102", Some(86_400_000)),
            ("HH:mm:ss.SSS", "00:00:01.5", Some(1_005)),
            ("dd MMM yyyy HH:mm:ss z", "02 jan 1970 01:00:00 GMT+01:00", Some(86_400_000)),
            ("yyyy-MM-dd'T'HH:mm:ssX", "1970-01-01T01:00:00+01", Some(0)),
            ("h a", "12 AM", Some(0)),
            ("yyyy", "x", None),
            ("yyyy-MM", "1970/01", None),
        ] {
            assert_eq!(SimpleDate::new(pattern).unwrap().parse(text), ms, "{pattern} {text}");
        }
    }

    #[test]
    fn letters_that_mean_nothing_are_refused() {
        for pattern in ["bbb", "yyyy'", "P"] {
            assert!(SimpleDate::new(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            for pattern in ["yyyy-MM-dd HH:mm:ss.SSS", "G yyyy MMM dd hh:mm:ss.SSS a Z", "DDD yyyy kk mm ss SSS"] {
                let date = SimpleDate::new(pattern).unwrap();
                prop_assert_eq!(date.parse(&date.format(ms)), Some(ms), "{}", date.format(ms));
            }
        }

        #[test]
        fn no_text_and_no_pattern_breaks_it(pattern in "[yMdHhmsSzZXaEDkKuG' :-]{0,12}", text in ".{0,24}", ms in any::<i64>()) {
            if let Ok(date) = SimpleDate::new(&pattern) {
                let _ = date.parse(&text);
                let _ = date.format(ms);
            }
        }
    }
}
