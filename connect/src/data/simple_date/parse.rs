use super::calendar::{DAY_MS, Day, first_of_weeks, weekday};
use super::format::{MONTHS, WEEKDAYS};
use super::pattern::Part;
use chrono::{Datelike as _, Utc};

/// What was read so far; what was not is that of 1970-01-01 00:00:00 UTC.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    /// The year of a week: with the week and its day it says the date, whatever else does.
    week_year: Option<i64>,
    week: Option<i64>,
    /// From 0, Sunday.
    weekday: Option<i64>,
    before_christ: bool,
    month: i64,
    /// Without one, a weekday says which: the first of the month.
    day: Option<i64>,
    /// Wins over month and day where it came later.
    day_of_year: Option<i64>,
    hour: i64,
    /// Of twelve; counts with `afternoon`.
    half_hour: Option<i64>,
    afternoon: bool,
    minute: i64,
    second: i64,
    ms: i64,
    offset_ms: i64,
}

pub(super) fn parse(parts: &[Part], text: &str) -> Option<i64> {
    let mut fields = Fields { month: 1, ..Fields::default() };
    let mut rest = text;
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Part::Field(letter, count) => {
                // Before another number a field has as many digits as letters.
                let abuts = parts.get(index + 1).is_some_and(|next| matches!(next, Part::Field(..)));
                let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                rest = &rest[blanks..];
                rest = if part.is_numeric() {
                    let (number, digits, after) = number(rest, abuts.then(|| count.saturating_sub(blanks)))?;
                    fields.number(*letter, *count, number, digits)?;
                    after
                } else {
                    fields.text(*letter, *count, rest)?
                };
            }
        }
    }
    fields.ms()
}

/// Digits with perhaps a minus: their number, how many they are, and what follows.
fn number(text: &str, width: Option<usize>) -> Option<(i64, usize, &str)> {
    let within = match width {
        Some(width) => text.get(..width)?,
        None => text,
    };
    let negative = within.starts_with('-');
    let digits = &within[usize::from(negative)..];
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    // No more than a calendar's field holds: Java would keep the low bits.
    let number: i64 = digits.parse::<i32>().ok()?.into();
    let taken = usize::from(negative) + digits.len();
    Some((if negative { -number } else { number }, digits.len(), &text[taken..]))
}

/// Forms of an offset, beside those of one to three letters X: `+0130`, and `+01:30` behind GMT.
const RFC_822: usize = 2;
const GMT: usize = 4;

impl Fields {
    fn number(&mut self, letter: char, count: usize, number: i64, digits: usize) -> Option<()> {
        match letter {
            'y' | 'Y' => {
                let year =
                    Some(if count <= 2 && digits == 2 && number >= 0 { century(number) } else { number });
                if letter == 'y' {
                    (self.year, self.week_year) = (year, None);
                } else {
                    self.week_year = year;
                }
            }
            'M' | 'L' => (self.month, self.day_of_year) = (number, None),
            'd' => (self.day, self.day_of_year) = (Some(number), None),
            'D' => self.day_of_year = Some(number),
            'u' => self.weekday = Some(number % 7),
            'w' => self.week = Some(number),
            'H' => (self.hour, self.half_hour) = (number, None),
            'k' => (self.hour, self.half_hour) = (if number == 24 { 0 } else { number }, None),
            'K' => self.half_hour = Some(number),
            'h' => self.half_hour = Some(if number == 12 { 0 } else { number }),
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.ms = number,
            // Weeks of a month: what Java makes of them nobody means.
            _ => return None,
        }
        Some(())
    }

    fn text<'a>(&mut self, letter: char, count: usize, text: &'a str) -> Option<&'a str> {
        match letter {
            'G' => {
                let (index, rest) = name(text, ["AD", "BC"].into_iter())?;
                self.before_christ = index == 1;
                Some(rest)
            }
            'M' | 'L' => {
                let (index, rest) = name(
                    text,
                    MONTHS.into_iter().chain(MONTHS.into_iter().filter_map(|name| name.get(..3))),
                )?;
                (self.month, self.day_of_year) = (i64::try_from(index % 12).ok()? + 1, None);
                Some(rest)
            }
            'E' => {
                let short = WEEKDAYS.into_iter().filter_map(|name| name.get(..3));
                let (index, rest) = name(text, WEEKDAYS.into_iter().chain(short))?;
                self.weekday = i64::try_from(index % 7).ok();
                Some(rest)
            }
            'a' => {
                let (index, rest) = name(text, ["AM", "PM"].into_iter())?;
                self.afternoon = index == 1;
                Some(rest)
            }
            'X' if text.starts_with('Z') => Some(&text[1..]),
            'X' => self.offset(text, count),
            _ => self.zone(text),
        }
    }

    /// A zone by name, or its offset.
    fn zone<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        const HOURS: [(&str, i64); 12] = [
            ("UTC", 0),
            ("UT", 0),
            ("GMT", 0),
            ("EST", -5),
            ("EDT", -4),
            ("CST", -6),
            ("CDT", -5),
            ("MST", -7),
            ("MDT", -6),
            ("PST", -8),
            ("PDT", -7),
            ("CET", 1),
        ];
        if text.starts_with(['+', '-']) {
            return self.offset(text, RFC_822);
        }
        let (index, rest) = name(text, HOURS.iter().map(|(name, _)| *name))?;
        if HOURS[index].0 == "GMT" && rest.starts_with(['+', '-']) {
            return self.offset(rest, GMT);
        }
        self.offset_ms = HOURS[index].1 * 3_600_000;
        Some(rest)
    }

    /// `+01` for one letter X, `+0130` for two, `+01:30` for three.
    fn offset<'a>(&mut self, text: &'a str, form: usize) -> Option<&'a str> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let two = |text: &'a str| Some((text.get(..2)?.parse::<u8>().ok()?, text.get(2..)?));
        let (hours, mut rest) = two(&text[1..])?;
        let mut minutes = 0;
        if form > 1 {
            let colon = rest.strip_prefix(':');
            if form == 3 || form == GMT {
                rest = colon?;
            }
            (minutes, rest) = two(rest)?;
        }
        if hours > 23 || minutes > 59 {
            return None;
        }
        self.offset_ms = sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000;
        Some(rest)
    }

    fn ms(&self) -> Option<i64> {
        let days = self.days();
        let hour = match self.half_hour {
            Some(hour) => hour + if self.afternoon { 12 } else { 0 },
            None => self.hour,
        };
        days.checked_mul(DAY_MS)?.checked_add(
            hour * 3_600_000 + self.minute * 60_000 + self.second * 1_000 + self.ms - self.offset_ms,
        )
    }
}

impl Fields {
    fn days(&self) -> i64 {
        if let Some(year) = self.week_year {
            return first_of_weeks(year) + (self.week.unwrap_or(1) - 1) * 7 + self.weekday.unwrap_or(0);
        }
        let year = self.year.unwrap_or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        if let Some(day) = self.day_of_year {
            return Day { year, month: 1, day: 1 }.days() + day - 1;
        }
        let first = Day { year, month: self.month, day: 1 }.days();
        match (self.day, self.weekday) {
            (Some(day), _) => Day { year, month: self.month, day }.days(),
            (None, Some(of_week)) => first + (of_week - weekday(first)).rem_euclid(7),
            (None, None) => first,
        }
    }
}

/// The year of two digits: within 80 years before now and 20 after.
fn century(two_digits: i64) -> i64 {
    let from = i64::from(Utc::now().year()) - 80;
    let year = from - from.rem_euclid(100) + two_digits;
    if year < from { year + 100 } else { year }
}

/// The longest of the names that the text begins with, whatever its case, and what follows it.
fn name(text: &str, names: impl Iterator<Item = &'static str>) -> Option<(usize, &str)> {
    let found = names
        .enumerate()
        .filter(|(_, name)| text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)));
    found.max_by_key(|(_, name)| name.len()).map(|(index, name)| (index, &text[name.len()..]))
}
