//! What is known of the tables that a session writes to.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Client;

use super::names::TableName;
use super::options::PostgresSinkOptions;
use super::row::Row;
use super::table::{self, Table};
use crate::{Record, TaskError};

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

    /// Looks up the tables of records, makes those that are missing, adds missing columns.
    pub(super) async fn prepare(
        &mut self,
        client: &Client,
        options: &PostgresSinkOptions,
        records: &[&Record],
    ) -> Result<(), TaskError> {
        for (at, record) in records.iter().enumerate() {
            let topic = &record.topic;
            let is_there = self.known.get(topic).is_some_and(|(_, table)| table.is_some());
            if is_there && !options.evolves {
                continue;
            }
            let Ok(row) = Row::of(record, options) else { continue };
            // A table that was not there when only deletes came may be made for what comes now.
            let is_known = self.known.contains_key(topic) && (is_there || row.is_delete);
            if !is_known {
                self.look_up(client, options, topic, &records[at..]).await?;
            }
            if options.evolves {
                self.evolve(client, topic, &row).await?;
            }
        }
        Ok(())
    }

    async fn look_up(
        &mut self,
        client: &Client,
        options: &PostgresSinkOptions,
        topic: &Arc<str>,
        records: &[&Record],
    ) -> Result<(), TaskError> {
        let name = TableName::of_topic(&options.table_format, topic);
        let mut found = table::look_up(client, &name).await?;
        if found.is_none() && !options.creates {
            let why = format!("table {name} does not exist: create it, or set auto.create=true");
            return Err(TaskError::fatal(why));
        }
        if found.is_none() {
            let of_topic = records.iter().filter(|other| other.topic == *topic);
            let rows = of_topic.filter_map(|record| Row::of(record, options).ok());
            // What was never written needs no deleting.
            let written: Vec<Row<'_>> = rows.filter(|row| !row.is_delete).collect();
            if let Some((first, others)) = written.split_first()
                && table::create(client, &name, first, others.iter()).await?
            {
                found = table::look_up(client, &name).await?;
            }
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
