//! How far it is safe to read: nothing can come any more below it.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::options::Awaited;

/// How far is read once all transactions have ended that were open when it was raised, and might write below it.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    /// The largest number, or the latest change in microseconds, that was there.
    pub(super) up_to: i64,
    /// The transactions that were open then.
    open: Vec<String>,
}

impl Fence {
    /// `ends` says how far there is something; nothing where there is nothing new.
    pub(super) async fn raise(
        client: &Client,
        ends: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Self>, Error> {
        let told = client.query_one(ends, parameters).await?;
        let (up_to, open): (Option<i64>, Vec<String>) = (told.try_get(0)?, told.try_get(1)?);
        Ok(up_to.map(|up_to| Self { up_to, open }))
    }

    pub(super) async fn is_passed(&self, client: &Client, awaited: Awaited) -> Result<bool, Error> {
        if self.open.is_empty() {
            return Ok(true);
        }
        let passed =
            format!("SELECT NOT EXISTS (SELECT FROM ({}) AS held WHERE holder = ANY ($1))", holders(awaited));
        client.query_one(&passed, &[&self.open]).await?.try_get(0)
    }
}

/// An array of those who may still write a number or a time that they have taken.
pub(super) fn open(awaited: Awaited) -> String {
    format!("(SELECT coalesce(array_agg(holder), '{{}}') FROM ({}) AS held)", holders(awaited))
}

/// The open transactions of others. Who has written has an id, and a lock on it, also after PREPARE TRANSACTION. Who has not may
/// have a number already: `nextval` locks its sequence until the transaction ends, and an INSERT its table before it asks for a
/// default. Who has done nothing of that may have a time, the transaction's begin, and a lock on nothing but itself.
fn holders(awaited: Awaited) -> String {
    let any = match awaited {
        Awaited::Writing => "",
        Awaited::All => "OR locktype = 'virtualxid' AND mode = 'ExclusiveLock'",
    };
    format!(
        "SELECT DISTINCT CASE locktype WHEN 'transactionid' THEN transactionid::text ELSE virtualtransaction END AS holder \
         FROM pg_locks WHERE granted AND pid IS DISTINCT FROM pg_backend_pid() AND ( \
         locktype = 'transactionid' AND mode = 'ExclusiveLock' \
         OR locktype = 'relation' AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) {any})"
    )
}
