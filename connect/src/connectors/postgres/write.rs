//! The statements that write runs of rows, within a transaction.

use std::collections::BTreeSet;
use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{CopyInSink, Error, Transaction};

use super::binary;
use super::names::{TableName, quoted, quoted_list};
use super::options::InsertMode;
use super::plan::{Format, Plan, Run};
use super::staging::{self, NTH, Staged, Staging};

/// How many bytes of rows go out at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Writes the runs of a plan. Rows of the first are on their way while the next ones are made: the server is at work meanwhile.
pub(super) struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    mode: InsertMode,
    staging: &'a Staging,
    staged: &'a mut Staged,
    /// The first run, as far as it is made.
    under_way: Option<Pin<Box<CopyInSink<Bytes>>>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        mode: InsertMode,
        staging: &'a Staging,
        staged: &'a mut Staged,
    ) -> Self {
        Self { transaction, mode, staging, staged, under_way: None }
    }

    /// Whether there is much to send.
    pub(super) fn is_due(plan: &Plan) -> bool {
        plan.runs.first().is_some_and(|run| run.length() >= CHUNK_BYTES)
    }

    /// Sends what there is of the first run.
    pub(super) async fn drain(&mut self, plan: &mut Plan) -> Result<(), Error> {
        let Some(run) = plan.runs.first_mut() else { return Ok(()) };
        let mut copy = match self.under_way.take() {
            Some(copy) => copy,
            None => self.begin(run).await?,
        };
        copy.feed(run.take().into()).await?;
        self.under_way = Some(copy);
        Ok(())
    }

    /// Sends the rest. Returns the tables whose rows mean what they should only where the columns are what they were.
    pub(super) async fn finish(mut self, plan: Plan) -> Result<BTreeSet<(TableName, u64)>, Error> {
        let mut trusted = BTreeSet::new();
        for mut run in plan.runs.into_iter().filter(|run| !run.is_empty()) {
            let mut copy = match self.under_way.take() {
                Some(copy) => copy,
                None => self.begin(&run).await?,
            };
            let mut rows = Bytes::from(run.take());
            while !rows.is_empty() {
                copy.feed(rows.split_to(rows.len().min(CHUNK_BYTES))).await?;
            }
            if run.format == Format::Binary {
                copy.feed(Bytes::from_static(binary::TRAILER)).await?;
                trusted.insert((run.table.clone(), run.shape));
            }
            copy.as_mut().finish().await?;
            if run.is_staged {
                self.transaction.batch_execute(&merge(&run, self.mode)).await?;
            }
        }
        Ok(trusted)
    }

    async fn begin(&mut self, run: &Run) -> Result<Pin<Box<CopyInSink<Bytes>>>, Error> {
        let mut columns = quoted_list(run.columns());
        let into = if run.is_staged {
            if let Some(statement) = self.staging.ready(run, self.staged) {
                self.transaction.batch_execute(&statement).await?;
            }
            columns = format!("{columns}, {NTH}");
            staging::name(run)
        } else {
            run.table.to_string()
        };
        let (format, header) = match run.format {
            Format::Binary => (" WITH (FORMAT binary)", binary::HEADER),
            Format::Text => ("", &b""[..]),
        };
        let copy = format!("COPY {into} ({columns}) FROM STDIN{format}");
        let mut copy = Box::pin(self.transaction.copy_in(&copy).await?);
        copy.feed(Bytes::from_static(header)).await?;
        Ok(copy)
    }
}

/// What moves rows from their staging table to where they belong.
fn merge(run: &Run, mode: InsertMode) -> String {
    let (target, staging) = (&run.table, counted(run));
    let columns: Vec<&str> = run.columns().collect();
    let (keys, values) = columns.split_at(run.keys);
    let same = |column: &&str| {
        let column = quoted(column);
        format!("target.{column} = staged.{column}")
    };
    let matched = keys.iter().map(same).collect::<Vec<_>>().join(" AND ");
    let set = |from: &str| {
        let assign = |column: &&str| format!("{} = {from}.{}", quoted(column), quoted(column));
        values.iter().map(assign).collect::<Vec<_>>().join(", ")
    };
    if run.is_delete {
        return format!("DELETE FROM {target} AS target USING {staging} WHERE {matched}");
    }
    if mode == InsertMode::Update && values.is_empty() {
        return String::new();
    }
    if mode == InsertMode::Update {
        return format!("UPDATE {target} AS target SET {} FROM {staging} WHERE {matched}", set("staged"));
    }
    let action =
        if values.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set("excluded")) };
    let (all, keys) = (quoted_list(columns.iter().copied()), quoted_list(keys.iter().copied()));
    format!("INSERT INTO {target} ({all}) SELECT {all} FROM {staging} ON CONFLICT ({keys}) DO {action}")
}

/// The staged rows that count. Where keys may be equal that are not written alike, the server tells which are.
fn counted(run: &Run) -> String {
    let staging = staging::name(run);
    let mut wanted = String::new();
    if !run.replaced.is_empty() {
        let replaced = run.replaced.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        wanted = format!(
            " WHERE NOT EXISTS (SELECT FROM unnest('{{{replaced}}}'::int[]) AS replaced (nth) WHERE replaced.nth = one.{NTH})"
        );
    }
    if !run.is_delete && !run.is_exact() {
        let keys = quoted_list(run.columns().take(run.keys));
        return format!(
            "(SELECT DISTINCT ON ({keys}) * FROM {staging} AS one{wanted} ORDER BY {keys}, {NTH} DESC) AS staged"
        );
    }
    if wanted.is_empty() {
        format!("{staging} AS staged")
    } else {
        format!("(SELECT * FROM {staging} AS one{wanted}) AS staged")
    }
}
