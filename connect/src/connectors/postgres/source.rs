use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::{Purpose, Session};
use super::error::{describe, is_stale, task_error};
use super::fence::Fence;
use super::names::TableName;
use super::options::{PostgresSourceOptions, SourceMode};
use super::reading::{From, Position, Reading};
use crate::connectors::parts;
use crate::{
    About, ConnectError, End, Finding, Record, Share, Source, SourceBatch, SourceContext, SourceOffset,
    SourcePartition, SourceTask, TaskError,
};

/// The name in a share of the tables that a task reads.
const TABLES: &str = "task.tables";

/// What positions call a query.
const QUERY: &str = "query";

/// Reads rows of PostgreSQL: whole tables, or what is new by a growing number or a time of change. A row that is committed out
/// of order is not passed over: what was there is read once every transaction has ended that was open then and may write before
/// it. What cannot be known of: a number that was taken before its transaction began; a row that a view shows later than others;
/// and, unless all transactions are awaited, a time that one took long before it first wrote. What cannot be sound is refused:
/// numbers and times on a standby, tables of other servers, materialized views.
pub struct PostgresSource;

#[async_trait]
impl Source for PostgresSource {
    type Options = PostgresSourceOptions;

    const ABOUT: About = About {
        name: "postgres-query",
        aliases: &[
            "io.confluent.connect.jdbc.JdbcSourceConnector",
            "io.aiven.connect.jdbc.JdbcSourceConnector",
        ],
        summary: "Reads rows of PostgreSQL that are new or changed, and loses none that is committed out of order.",
    };

    async fn check(options: &Self::Options) -> Vec<Finding> {
        super::check::source(options).await
    }

    async fn split(options: &Self::Options, max: usize) -> Result<Vec<Share>, ConnectError> {
        if options.query().is_some() {
            return Ok(vec![Share::new()]);
        }
        let tasks = max.clamp(1, options.tables.len());
        let tables = |task: usize| -> Vec<&str> {
            options.tables.iter().skip(task).step_by(tasks).map(String::as_str).collect()
        };
        Ok((0..tasks).map(|task| Share::from([(TABLES.to_owned(), tables(task).join(","))])).collect())
    }

    fn check_position(
        options: &Self::Options,
        partition: &SourcePartition,
        offset: &SourceOffset,
        _: Option<&SourceOffset>,
    ) -> Result<(), String> {
        let parts: Vec<_> = match options.query() {
            Some(_) => vec![part(QUERY)],
            None => options.tables.iter().map(|table| part(table)).collect(),
        };
        parts::is_read(partition, &parts)?;
        Position::check(offset, options.mode)
    }

    async fn open(
        options: Self::Options,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let named = context.share.get(TABLES);
        let names: Vec<String> = match named {
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => options.tables.clone(),
        };
        let lanes: Vec<Lane> = match options.query() {
            Some(query) => {
                vec![Lane::new(From::Query(query.to_owned()), QUERY, &options.topic_prefix, &context)]
            }
            None => names
                .iter()
                .map(|name| {
                    let table = TableName::parse(name);
                    let topic = format!("{}{}", options.topic_prefix, table.table);
                    Lane::new(From::Table(table), name, &topic, &context)
                })
                .collect(),
        };
        let name = format!("millstream-connect {} {}", context.connector, context.task);
        Ok(Box::new(Task {
            options,
            name,
            lanes: lanes.into(),
            session: None,
            at_end: watch::Sender::new(false),
        }))
    }
}

/// A table, or [`QUERY`].
fn part(name: &str) -> SourcePartition {
    SourcePartition::from_iter([("table".to_owned(), name.into())])
}

struct Task {
    options: PostgresSourceOptions,
    /// What the server's list of sessions shows.
    name: String,
    /// The one whose turn it is first.
    lanes: VecDeque<Lane>,
    /// `None`: not yet, or lost.
    session: Option<Session>,
    /// Whether each has been read to where it ended then.
    at_end: watch::Sender<bool>,
}

/// A table or query that is read.
struct Lane {
    from: From,
    topic: Arc<str>,
    partition: SourcePartition,
    position: Position,
    /// `None`: not planned in this session.
    reading: Option<Reading>,
    /// When it is asked next.
    due: Instant,
    /// How far is being read.
    fence: Option<Fence>,
    /// Whether all rows are being read, a batch after the other, in a transaction that shows them as they were at its begin.
    is_under_way: bool,
    /// Whether the last look at it brought all that there was.
    is_at_end: bool,
}

impl Lane {
    fn new(from: From, name: &str, topic: &str, context: &SourceContext) -> Self {
        let partition = part(name);
        let position = context.position(&partition).map(Position::of).unwrap_or_default();
        Self {
            from,
            topic: topic.into(),
            partition,
            position,
            reading: None,
            due: Instant::now(),
            fence: None,
            is_under_way: false,
            is_at_end: false,
        }
    }
}

#[async_trait]
impl SourceTask for Task {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        loop {
            let Some(due) = self.lanes.iter().map(|lane| lane.due).min() else { return Ok(None) };
            tokio::time::sleep_until(due).await;
            self.connect().await?;
            // Whose turn it was goes last, so that a busy table leaves room for the others.
            let under_way = self.lanes.iter().position(|lane| lane.is_under_way);
            let at = under_way
                .or_else(|| self.lanes.iter().position(|lane| lane.due <= Instant::now()))
                .unwrap_or(0);
            self.lanes.rotate_left(at);
            let Some(session) = &self.session else { continue };
            let silence = session.silence.clone();
            let read = silence.bound(self.read()).await;
            let batch = read.inspect_err(|_| self.session = None)??;
            self.lanes.rotate_left(1);
            if !batch.records.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    fn end(&self) -> End {
        End::Told(self.at_end.subscribe())
    }
}

impl Task {
    async fn connect(&mut self) -> Result<(), TaskError> {
        if self.session.as_ref().is_none_or(Session::is_lost) {
            self.session = None;
            for lane in &mut self.lanes {
                (lane.reading, lane.fence, lane.is_under_way) = (None, None, false);
            }
            self.session = Some(Session::open(&self.options.connection, &self.name, Purpose::Read).await?);
        }
        Ok(())
    }

    /// Reads what is new of the first.
    async fn read(&mut self) -> Result<SourceBatch, TaskError> {
        let (Some(session), Some(lane)) = (&self.session, self.lanes.front_mut()) else {
            return Ok(SourceBatch::default());
        };
        let reading = match &mut lane.reading {
            Some(reading) => reading,
            none => none.insert(Reading::plan(&session.client, &lane.from, &self.options).await?),
        };
        let is_bulk = self.options.mode == SourceMode::Bulk;
        let rows = if is_bulk {
            reading.next_of_all(&session.client, &mut lane.is_under_way, self.options.batch).await
        } else {
            reading.new_rows(&session.client, &mut lane.fence, lane.position, self.options.batch).await
        };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) if is_stale(&error) => {
                lane.reading = None;
                return Err(TaskError::retry(describe(&error)));
            }
            Err(error) => return Err(task_error(&error)),
        };
        let is_full = rows.len() >= self.options.batch;
        let mut records = Vec::with_capacity(rows.len());
        let mut position = lane.position;
        for row in &rows {
            let (value, after) = reading.value(row).map_err(TaskError::fatal)?;
            records.push(Record::new(lane.topic.clone(), value));
            position = after.or(position);
        }
        if !is_full {
            lane.due = Instant::now() + self.options.interval;
        }
        (lane.position, lane.is_at_end) = (position, !is_full);
        let positions = vec![(lane.partition.clone(), position.to_offset())];
        self.at_end.send_replace(self.lanes.iter().all(|lane| lane.is_at_end));
        Ok(SourceBatch { records, positions, receipt: None })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::options::{Given, Options};

    #[tokio::test]
    async fn each_table_is_read_by_one_task() {
        let pairs = [("connection.url", "postgres://h/db"), ("tables", "a,b,c,d,e"), ("mode", "bulk")];
        let given: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = PostgresSourceOptions::read(&Given::new(&given)).unwrap();
        for (max, expected) in
            [(1, &["a,b,c,d,e"][..]), (2, &["a,c,e", "b,d"]), (9, &["a", "b", "c", "d", "e"])]
        {
            let shares = PostgresSource::split(&options, max).await.unwrap();
            let tables: Vec<&str> = shares.iter().map(|share| share[TABLES].as_str()).collect();
            assert_eq!(tables, expected);
        }
    }
}
