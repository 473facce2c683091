//! Whether what is new of a source can be known at all.

use serde_json::Value;
use tokio_postgres::Client;

use super::error::task_error;
use super::statement::Wanted;
use crate::TaskError;

/// What to do where it cannot.
const INSTEAD: &str = "use mode=bulk, or read the table that it is made of where it is written";

/// Refuses what rows come into that are older than others that were seen: a position would pass over them.
pub(super) async fn check(client: &Client, wanted: &Wanted) -> Result<(), TaskError> {
    let is_sound_anywhere = wanted.is_transaction && wanted.since.is_none();
    if !is_sound_anywhere && is_standby(client).await? {
        return Err(TaskError::fatal(
            "this server is a standby, and does not tell which transactions of its primary are open: a row that is \
             committed late would be passed over. Connect to the primary, use mode=bulk, or give each row the id of its \
             transaction and read by that: ALTER TABLE … ADD COLUMN written xid8 DEFAULT pg_current_xact_id(), and \
             incrementing.column.name=written",
        ));
    }
    let mut scanned = Scanned::default();
    scanned.walk(&plan(client, &wanted.source).await?);
    if let Some(foreign) = scanned.foreign {
        let why =
            format!("{foreign} is of another server, whose open transactions nobody tells of: {INSTEAD}");
        return Err(TaskError::fatal(why));
    }
    if let Some(name) = scanned.materialized(client).await? {
        let why = format!(
            "{name} is a materialized view, which is filled by REFRESH, late rows after others: {INSTEAD}"
        );
        return Err(TaskError::fatal(why));
    }
    Ok(())
}

async fn is_standby(client: &Client) -> Result<bool, TaskError> {
    let told = client.query_one("SELECT pg_is_in_recovery()", &[]).await;
    told.and_then(|row| row.try_get(0)).map_err(|error| task_error(&error))
}

/// What the server would scan, through views as well.
async fn plan(client: &Client, source: &str) -> Result<Value, TaskError> {
    let explain = format!("EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT * FROM {source}");
    let told = client.query_one(&explain, &[]).await;
    told.and_then(|row| row.try_get(0)).map_err(|error| task_error(&error))
}

/// The tables of a plan.
#[derive(Debug, Default)]
struct Scanned {
    schemas: Vec<String>,
    names: Vec<String>,
    foreign: Option<String>,
}

impl Scanned {
    fn walk(&mut self, plan: &Value) {
        match plan {
            Value::Array(parts) => parts.iter().for_each(|part| self.walk(part)),
            Value::Object(parts) => {
                let text =
                    |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let (schema, name) = (text("Schema"), text("Relation Name"));
                if text("Node Type") == "Foreign Scan" {
                    self.foreign = Some(if name.is_empty() { text("Relations") } else { name.clone() });
                }
                if !name.is_empty() {
                    self.schemas.push(schema);
                    self.names.push(name);
                }
                parts.values().for_each(|part| self.walk(part));
            }
            _ => {}
        }
    }

    async fn materialized(&self, client: &Client) -> Result<Option<String>, TaskError> {
        const FIND: &str = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'm' AND (n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($1::text[], $2::text[])) LIMIT 1";
        let found = client.query_opt(FIND, &[&self.schemas, &self.names]).await;
        let found = found.map_err(|error| task_error(&error))?;
        Ok(found.map(|row| row.get(0)))
    }
}
