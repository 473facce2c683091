//! Java's `GregorianCalendar`: Julian before 1582-10-15, Gregorian since.

pub(super) const DAY_MS: i64 = 86_400_000;

/// Days from 1970-01-01 to the first Gregorian day.
const CUTOVER: i64 = -141_427;

/// A day of the calendar; year 0 is 1 BC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Day {
    /// The day that many days after 1970-01-01.
    pub(super) fn of(days: i64) -> Self {
        let julian = days < CUTOVER;
        // Days since 1 March of the year 0, of whichever calendar.
        let days = days + if julian { 719_470 } else { 719_468 };
        let (year, day_of_year) = if julian {
            let (cycle, day) = (days.div_euclid(1_461), days.rem_euclid(1_461));
            let year = (day - day / 1_460) / 365;
            (cycle * 4 + year, day - year * 365)
        } else {
            let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
            let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
            (era * 400 + year, day - (365 * year + year / 4 - year / 100))
        };
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Day { year: year + i64::from(month <= 2), month, day: day_of_year - (153 * shifted + 2) / 5 + 1 }
    }

    /// Days since 1970-01-01; months and days beyond their range roll over, as lenient calendars do.
    pub(super) fn days(self) -> i64 {
        let year = self.year + (self.month - 1).div_euclid(12);
        let month = (self.month - 1).rem_euclid(12) + 1;
        let gregorian = days_of(year, month, true) + self.day - 1;
        if gregorian >= CUTOVER { gregorian } else { days_of(year, month, false) + self.day - 1 }
    }

    /// From 1.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - Day { month: 1, day: 1, ..self }.days() + 1
    }
}

/// Of the first day of a month.
fn days_of(year: i64, month: i64, gregorian: bool) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * shifted + 2) / 5;
    if gregorian {
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        return era * 146_097 + year * 365 + year / 4 - year / 100 + in_year - 719_468;
    }
    year.div_euclid(4) * 1_461 + year.rem_euclid(4) * 365 + in_year - 719_470
}

/// From 0, Sunday.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The year and week of a day as the United States count: weeks begin on Sunday, the first is that of 1 January.
pub(super) fn week(days: i64) -> (i64, i64) {
    let year = Day::of(days).year;
    let year = if days >= first_of_weeks(year + 1) { year + 1 } else { year };
    (year, (days - first_of_weeks(year)) / 7 + 1)
}

/// The Sunday with which the first week of a year begins.
pub(super) fn first_of_weeks(year: i64) -> i64 {
    let new_year = Day { year, month: 1, day: 1 }.days();
    new_year - weekday(new_year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_day_after_the_4th_of_october_1582_was_the_15th() {
        assert_eq!(Day::of(CUTOVER), Day { year: 1582, month: 10, day: 15 });
        assert_eq!(Day::of(CUTOVER - 1), Day { year: 1582, month: 10, day: 4 });
        assert_eq!(Day::of(0), Day { year: 1970, month: 1, day: 1 });
        assert_eq!(Day { year: 1, month: 1, day: 1 }.days(), -719_164);
    }

    proptest! {
        #[test]
        fn every_day_has_one_name(days in -3_000_000_i64..3_000_000) {
            prop_assert_eq!(Day::of(days).days(), days);
        }
    }
}
