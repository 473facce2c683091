//! What an error of PostgreSQL means for the records.

use tokio_postgres::Error;

use crate::TaskError;

/// What a refused statement means: whether the records, the moment or the set-up is to blame.
pub(super) fn task_error(error: &Error) -> TaskError {
    let why = describe(error);
    let Some(refusal) = error.as_db_error() else { return TaskError::retry(why) };
    match blame(refusal.code().code()) {
        Blame::Records => TaskError::rejected(why),
        Blame::Moment => TaskError::retry(why),
        Blame::SetUp => TaskError::fatal(why),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    Records,
    Moment,
    SetUp,
}

/// What is to blame, by <https://www.postgresql.org/docs/15/errcodes-appendix.html>: the first two letters are the class. What is
/// not known passes, or the budget of retries ends.
fn blame(code: &str) -> Blame {
    match code {
        // A view that takes no rows, an object of a wrong kind: not a matter of time, as the rest of the class is.
        "55000" => Blame::SetUp,
        _ => match code.get(..2).unwrap_or_default() {
            // A trigger's refusals; two spellings of one key; values; constraints, among them those of triggers and views; external
            // routines; a row or an entry of an index that is too large; RAISE.
            "09" | "20" | "21" | "22" | "23" | "27" | "2F" | "38" | "39" | "44" | "54" | "P0" => {
                Blame::Records
            }
            // What the server cannot do; passwords and roles; databases and schemas that are not there; statements that do not fit
            // their tables, rights.
            "0A" | "0L" | "0P" | "28" | "3D" | "3F" | "42" => Blame::SetUp,
            // Connections, transactions, read-only servers, deadlocks, locks, resources, operators, disks.
            _ => Blame::Moment,
        },
    }
}

/// Whether the table was changed since it was looked up: undefined table, undefined column, datatype mismatch, cannot coerce; binary
/// values of another type or length.
pub(super) fn is_stale(error: &Error) -> bool {
    error
        .as_db_error()
        .map(|refusal| refusal.code().code())
        .is_some_and(|code| matches!(code, "42P01" | "42703" | "42804" | "42846" | "22P03" | "08P01"))
}

/// Whether nothing more can be asked in the session: the server, or the way there, has ended it.
pub(super) fn ends_session(error: &Error) -> bool {
    error.as_db_error().is_none_or(|refusal| matches!(refusal.code().code().get(..3), Some("57P" | "080")))
}

/// What the server said, with the detail that names the row, or why it could not be asked.
pub(super) fn describe(error: &Error) -> String {
    let Some(refusal) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        return text;
    };
    let mut text = format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code());
    for more in [refusal.detail(), refusal.hint()].into_iter().flatten() {
        text = format!("{text}; {more}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_blamed_only_for_what_they_are() {
        for (code, expected) in [
            ("23505", Blame::Records), // a key that is there
            ("22P02", Blame::Records), // no number
            ("54000", Blame::Records), // too large for its index
            ("P0001", Blame::Records), // a trigger's RAISE
            ("40P01", Blame::Moment),  // deadlock
            ("55P03", Blame::Moment),  // a lock that is not had in time
            ("25006", Blame::Moment),  // a standby
            ("25P03", Blame::Moment),  // idle in a transaction
            ("53100", Blame::Moment),  // a full disk
            ("57P01", Blame::Moment),  // shut down
            ("42501", Blame::SetUp),   // no right
            ("42P10", Blame::SetUp),   // no index for ON CONFLICT
            ("55000", Blame::SetUp),   // a view
        ] {
            assert_eq!(blame(code), expected, "{code}");
        }
    }
}
