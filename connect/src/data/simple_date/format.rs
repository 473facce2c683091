use super::calendar::{DAY_MS, Day, week, weekday};
use super::pattern::Part;
use std::fmt::Write as _;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) fn format(parts: &[Part], ms: i64) -> String {
    let (days, time) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let day = Day::of(days);
    let hour = time / 3_600_000;
    let mut text = String::new();
    for part in parts {
        let (letter, count) = match part {
            Part::Text(literal) => {
                text.push_str(literal);
                continue;
            }
            Part::Field(letter, count) => (*letter, *count),
        };
        match letter {
            'G' => text.push_str(if day.year > 0 { "AD" } else { "BC" }),
            'y' => year(&mut text, if day.year > 0 { day.year } else { 1 - day.year }, count),
            'Y' => year(&mut text, week(days).0, count),
            'M' | 'L' if count >= 3 => name(&mut text, &MONTHS, day.month - 1, count),
            'E' => name(&mut text, &WEEKDAYS, weekday(days), count),
            'a' => text.push_str(if hour < 12 { "AM" } else { "PM" }),
            'z' => text.push_str(if count >= 4 { "Coordinated Universal Time" } else { "UTC" }),
            'Z' => text.push_str("+0000"),
            'X' => text.push('Z'),
            letter => _ = write!(text, "{:0count$}", number(letter, days, day, time)),
        }
    }
    text
}

fn number(letter: char, days: i64, day: Day, time: i64) -> i64 {
    let hour = time / 3_600_000;
    match letter {
        'M' | 'L' => day.month,
        'd' => day.day,
        'D' => day.day_of_year(),
        'w' => week(days).1,
        'W' => (day.day - 1 + weekday(days - day.day + 1)) / 7 + 1,
        'F' => (day.day - 1) / 7 + 1,
        'u' => (weekday(days) + 6) % 7 + 1,
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'm' => time / 60_000 % 60,
        's' => time / 1_000 % 60,
        _ => time % 1_000,
    }
}

/// Two letters show two digits. A sign is none of the digits.
fn year(text: &mut String, year: i64, count: usize) {
    if count == 2 {
        _ = write!(text, "{:02}", year.unsigned_abs() % 100);
        return;
    }
    if year < 0 {
        text.push('-');
    }
    _ = write!(text, "{:0count$}", year.unsigned_abs());
}

fn name(text: &mut String, names: &[&str], index: i64, count: usize) {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
    text.push_str(if count >= 4 { name } else { name.get(..3).unwrap_or(name) });
}
