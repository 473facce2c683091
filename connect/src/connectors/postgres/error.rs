//! What an error of PostgreSQL means for the records.

use tokio_postgres::Error;

use crate::TaskError;

/// What a refused statement means: whether the records, the moment or the set-up is to blame.
pub(super) fn task_error(error: &Error) -> TaskError {
    let Some(refusal) = error.as_db_error() else { return TaskError::retry(describe(error)) };
    let why = describe(error);
    // The first two letters are the class: https://www.postgresql.org/docs/15/errcodes-appendix.html
    match refusal.code().code().get(..2).unwrap_or_default() {
        // Cardinality violation (two spellings of one key), data exception, integrity constraint violation; a check or trigger
        // that raises.
        "21" | "22" | "23" | "44" | "P0" => TaskError::rejected(why),
        // The table is not as it was looked up, or there are no rights to it.
        "42" if is_of_the_record(refusal.code().code()) => TaskError::rejected(why),
        "42" | "28" | "3D" | "3F" => TaskError::fatal(why),
        _ => TaskError::retry(why),
    }
}

/// A value that cannot be cast, though the statement is well: datatype mismatch, cannot coerce.
fn is_of_the_record(code: &str) -> bool {
    matches!(code, "42804" | "42846")
}

/// Whether the table was changed since it was looked up: undefined table, undefined column.
pub(super) fn is_stale(error: &Error) -> bool {
    error.as_db_error().is_some_and(|refusal| matches!(refusal.code().code(), "42P01" | "42703"))
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
