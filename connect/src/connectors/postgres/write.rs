//! The statements that write a run of rows, within a transaction.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{Error, Transaction};

use super::names::{quoted, quoted_list};
use super::options::InsertMode;
use super::plan::Run;

/// How many bytes of rows go out at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Writes a run.
pub(super) async fn write(transaction: &Transaction<'_>, run: Run, mode: InsertMode) -> Result<(), Error> {
    let target = run.table.to_string();
    let columns = quoted_list(run.columns.iter().map(String::as_str));
    if mode == InsertMode::Insert && !run.is_delete {
        return copy(transaction, &target, &columns, run).await;
    }
    let (staging, merge) = (staging(&run), merge(&run, mode));
    // It stays for the session, empty after each transaction.
    let prepare = format!(
        "CREATE TEMP TABLE IF NOT EXISTS {staging} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {target} WITH NO DATA; \
         TRUNCATE {staging}"
    );
    transaction.batch_execute(&prepare).await?;
    copy(transaction, &staging, &columns, run).await?;
    transaction.batch_execute(&merge).await
}

async fn copy(transaction: &Transaction<'_>, table: &str, columns: &str, run: Run) -> Result<(), Error> {
    let sink = transaction.copy_in(&format!("COPY {table} ({columns}) FROM STDIN")).await?;
    futures::pin_mut!(sink);
    let mut rows = Bytes::from(run.into_copy());
    while !rows.is_empty() {
        sink.send(rows.split_to(rows.len().min(CHUNK_BYTES))).await?;
    }
    sink.finish().await.map(|_| ())
}

/// The staging table of a run: one for each table and set of columns, since columns come and go.
fn staging(run: &Run) -> String {
    let mut hasher = DefaultHasher::new();
    (&run.table, &run.columns, run.is_delete).hash(&mut hasher);
    format!("millstream_staging_{:016x}", hasher.finish())
}

fn merge(run: &Run, mode: InsertMode) -> String {
    let (target, staging) = (&run.table, staging(run));
    let same = |column: &String| {
        let column = quoted(column);
        format!("target.{column} = staged.{column}")
    };
    let matched = run.columns[..run.keys].iter().map(same).collect::<Vec<_>>().join(" AND ");
    let set = |from: &str| {
        let assign = |column: &String| format!("{} = {from}.{}", quoted(column), quoted(column));
        run.columns[run.keys..].iter().map(assign).collect::<Vec<_>>().join(", ")
    };
    if run.is_delete {
        return format!("DELETE FROM {target} AS target USING {staging} AS staged WHERE {matched}");
    }
    if mode == InsertMode::Update {
        return format!(
            "UPDATE {target} AS target SET {} FROM {staging} AS staged WHERE {matched}",
            set("staged")
        );
    }
    let columns = quoted_list(run.columns.iter().map(String::as_str));
    let keys = quoted_list(run.columns[..run.keys].iter().map(String::as_str));
    let action = if run.columns.len() == run.keys {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", set("excluded"))
    };
    format!(
        "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT ({keys}) DO {action}"
    )
}
