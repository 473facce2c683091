//! The statements that write runs of rows, within a transaction.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use futures::SinkExt;
use futures::future::BoxFuture;
use tokio_postgres::{CopyInSink, Error, Transaction};

use super::binary;
use super::names::{TableName, quoted, quoted_list};
use super::options::InsertMode;
use super::plan::{Format, Plan, Run};
use super::staging::{self, NTH, Staged, Staging};

/// How many bytes of rows go out at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Of so many bytes at least is what is merged at once while more rows come.
const SLICE_MIN: usize = 256 << 10;

/// After so many more bytes a slice is seen to: each of its steps waits for the one before, and the server with it.
const LOOK_BYTES: usize = 8 << 10;

/// So many bytes are made at most while others are merged.
const SLICE_MAX: usize = 8 << 20;

/// Writes the runs of a plan. Rows of the first are on their way while the next ones are made: the server is at work meanwhile. Where
/// they are merged, it merges a slice of them while the next is made.
pub(super) struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    mode: InsertMode,
    staging: &'a Staging,
    staged: &'a mut Staged,
    /// The first run, as far as it is made.
    under_way: Option<Copying>,
    /// A slice of the first run, which goes on when it is polled.
    merging: Option<BoxFuture<'a, Result<(), Error>>>,
    /// Of how many bytes the first run is when there is something to send, or the slice before it to see to.
    look_at: usize,
    /// The tables whose rows mean what they should only where the columns are what they were.
    trusted: BTreeSet<(TableName, u64)>,
}

type Copying = Pin<Box<CopyInSink<Bytes>>>;

impl<'a> Writer<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        mode: InsertMode,
        staging: &'a Staging,
        staged: &'a mut Staged,
    ) -> Self {
        let (under_way, merging, trusted) = (None, None, BTreeSet::new());
        Self { transaction, mode, staging, staged, under_way, merging, look_at: CHUNK_BYTES, trusted }
    }

    /// Whether there is much to send.
    pub(super) fn is_due(&self, plan: &Plan) -> bool {
        plan.runs.first().is_some_and(|run| run.length() >= self.look_at)
    }

    /// Sends what there is of the first run, or of what is merged as much as the server can do meanwhile.
    pub(super) async fn drain(&mut self, plan: &mut Plan) -> Result<(), Error> {
        let Some(run) = plan.runs.first_mut() else { return Ok(()) };
        // Whatever else is merged reads the whole table, each time.
        if run.is_staged && !run.is_delete && self.mode == InsertMode::Upsert {
            return self.merge_on(run).await;
        }
        let mut copy = match self.under_way.take() {
            Some(copy) => copy,
            None => begin(self.transaction, run, self.staging.ready(run, self.staged)).await?,
        };
        copy.feed(run.take().into()).await?;
        self.under_way = Some(copy);
        Ok(())
    }

    /// Has the server merge a slice of a run, if it has nothing to do, or if that is as long as a slice may be.
    async fn merge_on(&mut self, run: &mut Run) -> Result<(), Error> {
        if run.length() >= SLICE_MAX {
            self.merged().await?;
        } else if let Some(merging) = &mut self.merging
            && let Poll::Ready(merged) = futures::poll!(merging)
        {
            self.merging = None;
            merged?;
        }
        if self.merging.is_none() && run.length() >= SLICE_MIN {
            let (transaction, mode, slice) = (self.transaction, self.mode, run.cut());
            self.trust(&slice);
            let ready = self.staging.ready(&slice, self.staged);
            let mut merging = Box::pin(async move {
                let copy = begin(transaction, &slice, ready).await?;
                end(transaction, copy, slice, mode).await
            });
            // Off it goes.
            if let Poll::Ready(merged) = futures::poll!(&mut merging) {
                return merged;
            }
            self.merging = Some(merging);
        }
        // Who carries the session's messages may wait for this very core.
        std::thread::yield_now();
        self.look_at = run.length() + LOOK_BYTES;
        Ok(())
    }

    /// Waits for the slice that is being merged.
    async fn merged(&mut self) -> Result<(), Error> {
        match self.merging.take() {
            Some(merging) => merging.await,
            None => Ok(()),
        }
    }

    fn trust(&mut self, run: &Run) {
        if run.format == Format::Binary {
            self.trusted.insert((run.table.clone(), run.shape));
        }
    }

    /// Sends the rest. Returns the tables whose rows mean what they should only where the columns are what they were.
    pub(super) async fn finish(mut self, plan: Plan) -> Result<BTreeSet<(TableName, u64)>, Error> {
        self.merged().await?;
        for run in plan.runs.into_iter().filter(|run| !run.is_empty()) {
            let copy = match self.under_way.take() {
                Some(copy) => copy,
                None => begin(self.transaction, &run, self.staging.ready(&run, self.staged)).await?,
            };
            self.trust(&run);
            end(self.transaction, copy, run, self.mode).await?;
        }
        Ok(self.trusted)
    }
}

/// Begins to send a run; `ready` is what readies its staging table.
async fn begin(transaction: &Transaction<'_>, run: &Run, ready: Option<String>) -> Result<Copying, Error> {
    if let Some(ready) = ready {
        transaction.batch_execute(&ready).await?;
    }
    let mut columns = quoted_list(run.columns());
    let into = if run.is_staged {
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
    let mut copy = Box::pin(transaction.copy_in(&copy).await?);
    copy.feed(Bytes::from_static(header)).await?;
    Ok(copy)
}

/// Sends the rest of a run, and merges it where it is staged.
async fn end(
    transaction: &Transaction<'_>,
    mut copy: Copying,
    mut run: Run,
    mode: InsertMode,
) -> Result<(), Error> {
    let mut rows = Bytes::from(run.take());
    while !rows.is_empty() {
        copy.feed(rows.split_to(rows.len().min(CHUNK_BYTES))).await?;
    }
    if run.format == Format::Binary {
        copy.feed(Bytes::from_static(binary::TRAILER)).await?;
    }
    copy.as_mut().finish().await?;
    if run.is_staged {
        transaction.batch_execute(&merge(&run, mode)).await?;
    }
    Ok(())
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
