//! The statements that write runs of rows, within a transaction.

use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{CopyInSink, Error, Transaction};

use super::names::{quoted, quoted_list};
use super::options::InsertMode;
use super::plan::{Plan, Run};
use super::staging::{self, Staged, Staging};

/// How many bytes of rows go out at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Writes the runs of a plan. Rows that are only appended are on their way while the next ones become text: the server is at
/// work meanwhile.
pub(super) struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    mode: InsertMode,
    /// The first run, as far as it is made.
    under_way: Option<Pin<Box<CopyInSink<Bytes>>>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, mode: InsertMode) -> Self {
        Self { transaction, mode, under_way: None }
    }

    /// Sends what there is much of.
    pub(super) async fn drain(&mut self, plan: &mut Plan) -> Result<(), Error> {
        let Some(run) = plan.runs.first_mut() else { return Ok(()) };
        if run.length() < CHUNK_BYTES || !is_appended(self.mode, run) {
            return Ok(());
        }
        if self.under_way.is_none() {
            self.under_way = Some(begin(self.transaction, &run.table.to_string(), run).await?);
        }
        match &mut self.under_way {
            Some(copy) => copy.feed(run.take().into()).await,
            None => Ok(()),
        }
    }

    /// Sends the rest.
    pub(super) async fn finish(
        mut self,
        plan: Plan,
        staging: &Staging,
        staged: &mut Staged,
    ) -> Result<(), Error> {
        for run in plan.runs {
            match self.under_way.take() {
                Some(copy) => send(copy, run.into_copy()).await?,
                None if is_appended(self.mode, &run) => {
                    let copy = begin(self.transaction, &run.table.to_string(), &run).await?;
                    send(copy, run.into_copy()).await?;
                }
                None => self.merge(run, staging, staged).await?,
            }
        }
        Ok(())
    }

    async fn merge(&self, run: Run, staging: &Staging, staged: &mut Staged) -> Result<(), Error> {
        if let Some(statement) = staging.ready(&run, staged) {
            self.transaction.batch_execute(&statement).await?;
        }
        let merge = merge(&run, self.mode);
        let copy = begin(self.transaction, &staging::name(&run), &run).await?;
        send(copy, run.into_copy()).await?;
        self.transaction.batch_execute(&merge).await
    }
}

/// Whether rows go to their table as they are.
fn is_appended(mode: InsertMode, run: &Run) -> bool {
    mode == InsertMode::Insert && !run.is_delete
}

async fn begin(
    transaction: &Transaction<'_>,
    table: &str,
    run: &Run,
) -> Result<Pin<Box<CopyInSink<Bytes>>>, Error> {
    let columns = quoted_list(run.columns());
    Ok(Box::pin(transaction.copy_in(&format!("COPY {table} ({columns}) FROM STDIN")).await?))
}

async fn send(mut copy: Pin<Box<CopyInSink<Bytes>>>, rows: Vec<u8>) -> Result<(), Error> {
    let mut rows = Bytes::from(rows);
    while !rows.is_empty() {
        copy.feed(rows.split_to(rows.len().min(CHUNK_BYTES))).await?;
    }
    copy.as_mut().finish().await.map(|_| ())
}

fn merge(run: &Run, mode: InsertMode) -> String {
    let (target, staging) = (&run.table, staging::name(run));
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
        return format!("DELETE FROM {target} AS target USING {staging} AS staged WHERE {matched}");
    }
    if mode == InsertMode::Update && values.is_empty() {
        return String::new();
    }
    if mode == InsertMode::Update {
        return format!(
            "UPDATE {target} AS target SET {} FROM {staging} AS staged WHERE {matched}",
            set("staged")
        );
    }
    let action =
        if values.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set("excluded")) };
    let (all, keys) = (quoted_list(columns.iter().copied()), quoted_list(keys.iter().copied()));
    format!("INSERT INTO {target} ({all}) SELECT {all} FROM {staging} ON CONFLICT ({keys}) DO {action}")
}
