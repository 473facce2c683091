//! The statements that read what is new of a table or a query.

use super::fence;
use super::options::Awaited;

/// The parts of a statement.
pub(super) struct Wanted {
    pub(super) select: String,
    pub(super) source: String,
    /// The column that only grows, and how a parameter, for which `{}` stands, becomes its type.
    pub(super) number: Option<(String, &'static str)>,
    /// Whether that is the id of the transaction that wrote the row.
    pub(super) is_transaction: bool,
    /// Whose end is waited for.
    pub(super) awaited: Awaited,
    /// The column of changes, and how a number of microseconds, for which `{}` stands, becomes its type: an index on the column
    /// stays of use.
    pub(super) since: Option<(String, String)>,
}

impl Wanted {
    /// What a position leaves.
    fn rest(&self) -> String {
        match (&self.number, &self.since) {
            (None, None) => "true".to_owned(),
            (Some((number, how)), None) => {
                let last = of_parameter(how, "$1");
                format!("{number} IS NOT NULL AND ($1::bigint IS NULL OR {number} > {last})")
            }
            (None, Some((changed, how))) => {
                let last = of_parameter(how, "$1");
                format!("isfinite({changed}) AND ($1::bigint IS NULL OR {changed} > {last})")
            }
            (Some((number, how)), Some((changed, since))) => {
                let (last, latest) = (of_parameter(how, "$1"), of_parameter(since, "$2"));
                format!(
                    "isfinite({changed}) AND {number} IS NOT NULL \
                     AND ($2::bigint IS NULL OR ({changed}, {number}) > ({latest}, {last}))"
                )
            }
        }
    }

    /// Asks for the end of what is there, and for the transactions that may still add to it. Of rows that have the id of their
    /// transaction, all is there below the oldest that is open.
    pub(super) fn fence(&self) -> String {
        let Self { source, .. } = self;
        let rest = self.rest();
        if let (true, Some((number, _)), None) = (self.is_transaction, &self.number, &self.since) {
            return format!(
                "SELECT max({number}::text::bigint), '{{}}'::text[] FROM {source} \
                 WHERE {rest} AND {number} < pg_snapshot_xmin(pg_current_snapshot())"
            );
        }
        let end = match (&self.number, &self.since) {
            (_, Some((changed, _))) => format!("(extract(epoch FROM {changed}) * 1000000)::bigint"),
            (Some((number, _)), None) => format!("{number}::bigint"),
            (None, None) => "0".to_owned(),
        };
        format!("SELECT max({end}), {} FROM {source} WHERE {rest}", fence::open(self.awaited))
    }

    /// Rows in an order in which a position means something, up to a batch and those that share the last one's.
    pub(super) fn statement(&self, batch: usize) -> String {
        let Self { select, source, number, since, .. } = self;
        let begin = format!("SELECT {select} FROM {source}");
        let rest = self.rest();
        let (column, how, up_to) = match (number, since) {
            (None, None) => return begin,
            (Some((number, how)), None) => (number, *how, "$2"),
            (None, Some((changed, how))) => (changed, how.as_str(), "$2"),
            (Some((number, _)), Some((changed, how))) => {
                let up_to = of_parameter(how, "$3");
                return format!(
                    "{begin} WHERE {rest} AND {changed} <= {up_to} ORDER BY {changed}, {number} LIMIT {batch}"
                );
            }
        };
        let up_to = of_parameter(how, up_to);
        format!(
            "{begin} WHERE {rest} AND {column} <= {up_to} ORDER BY {column} FETCH FIRST {batch} ROWS WITH TIES"
        )
    }
}

/// A parameter, as what it is compared with.
fn of_parameter(how: &str, parameter: &str) -> String {
    how.replace("{}", &format!("{parameter}::bigint"))
}
