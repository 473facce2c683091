//! What is known of the tables that a session writes to.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Client;

use super::names::TableName;
use super::options::PostgresSinkOptions;
use super::row::Row;
use super::table::{self, Table};
use crate::TaskError;

/// Tables as they were looked up, by the topics that are written to them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: HashMap<Arc<str>, (TableName, Option<Table>), foldhash::fast::RandomState>,
}

impl Tables {
    /// The table of a topic; nothing where there is none and none is made.
    pub(super) fn of(&self, topic: &Arc<str>) -> Option<(&TableName, Option<&Table>)> {
        self.known.get(topic).map(|(name, table)| (name, table.as_ref()))
    }

    /// Whether none was looked up.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether all of these topics have tables that were looked up.
    pub(super) fn know<'a>(&self, topics: impl Iterator<Item = &'a Arc<str>>) -> bool {
        let mut last: Option<&Arc<str>> = None;
        topics
            .filter(|topic| !last.replace(topic).is_some_and(|last| Arc::ptr_eq(last, topic)))
            .all(|topic| self.known.get(topic).is_some_and(|(_, table)| table.is_some()))
    }

    /// Somebody may have changed them: they are looked up again.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Looks up the tables of rows, makes those that are missing, adds missing columns.
    pub(super) async fn prepare(
        &mut self,
        client: &Client,
        options: &PostgresSinkOptions,
        rows: &[(&Arc<str>, Row<'_>)],
    ) -> Result<(), TaskError> {
        for (at, (topic, row)) in rows.iter().enumerate() {
            if !self.is_known(topic, row) {
                self.look_up(client, options, topic, &rows[at..]).await?;
            }
            if options.evolves {
                self.evolve(client, topic, row).await?;
            }
        }
        Ok(())
    }

    /// A table that was not there when only deletes came may be made for what comes now.
    fn is_known(&self, topic: &Arc<str>, row: &Row<'_>) -> bool {
        self.known.get(topic).is_some_and(|(_, table)| table.is_some() || row.is_delete)
    }

    async fn look_up(
        &mut self,
        client: &Client,
        options: &PostgresSinkOptions,
        topic: &Arc<str>,
        rows: &[(&Arc<str>, Row<'_>)],
    ) -> Result<(), TaskError> {
        let name = TableName::of_topic(&options.table_format, topic);
        let mut found = table::look_up(client, &name).await?;
        if found.is_none() && !options.creates {
            let why = format!("table {name} does not exist: create it, or set auto.create=true");
            return Err(TaskError::fatal(why));
        }
        // What was never written needs no deleting.
        let of_topic = rows.iter().filter(|(other, _)| *other == topic).map(|(_, row)| row);
        let mut written = of_topic.filter(|row| !row.is_delete);
        if let (None, Some(first)) = (&found, written.next())
            && table::create(client, &name, first, written).await?
        {
            found = table::look_up(client, &name).await?;
        }
        self.known.insert(Arc::clone(topic), (name, found));
        Ok(())
    }

    async fn evolve(&mut self, client: &Client, topic: &Arc<str>, row: &Row<'_>) -> Result<(), TaskError> {
        let Some((name, Some(table))) = self.known.get_mut(topic) else { return Ok(()) };
        if row.is_delete || !table.lacks(row) {
            return Ok(());
        }
        table::evolve(client, name, table, row).await?;
        if let Some(found) = table::look_up(client, name).await? {
            *table = found;
        }
        Ok(())
    }
}
