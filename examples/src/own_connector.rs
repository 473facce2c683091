//! A connector of one's own, in a page: a trait, a struct of options, and a line that registers it.
//!
//! It makes up the tides of a harbour, a record an hour. CONTRIBUTING.md goes through it.

use std::sync::Arc;

use millstream_connect::data::{Map, SchemaAndValue};
use millstream_connect::options::Options;
use millstream_connect::{
    About, ConnectError, Record, Source, SourceBatch, SourceContext, SourceOffset, SourcePartition,
    SourceTask, TaskError, async_trait,
};
use serde_json::{Value as Json, json};

/// The hours between two high waters.
const PERIOD_HOURS: f64 = 12.42;

/// What can be said to [`Tides`]. Validation, the documentation and the form of the REST API follow from it.
#[derive(Options, Clone, Debug)]
pub struct TideOptions {
    /// The topic to write to.
    #[option(importance = "high")]
    topic: String,
    /// How high the water is above the mean at high water.
    #[option(name = "height.cm", default = 250, range = 1..=2000)]
    height: i64,
    /// How many hours there are. There is no end without.
    hours: Option<u64>,
}

/// Makes tides up.
pub struct Tides;

#[async_trait]
impl Source for Tides {
    type Options = TideOptions;

    const ABOUT: About = About { name: "tides", aliases: &[], summary: "Makes up the tides of a harbour." };

    async fn open(options: TideOptions, context: SourceContext) -> Result<Box<dyn SourceTask>, ConnectError> {
        let partition: SourcePartition = [("harbour".to_owned(), json!("nantucket"))].into_iter().collect();
        // How far it came is what the runtime stored last: only what is in the topic counts.
        let stored = context.position(&partition).and_then(|offset| offset.get("hour"));
        let hour = stored.and_then(Json::as_u64).unwrap_or(0);
        Ok(Box::new(TideTask { topic: options.topic.as_str().into(), options, partition, hour }))
    }
}

struct TideTask {
    topic: Arc<str>,
    options: TideOptions,
    partition: SourcePartition,
    /// The next that is written.
    hour: u64,
}

#[async_trait]
impl SourceTask for TideTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        // The future may be dropped at any `.await`: what was taken must be in `self` until it is returned. Here is none.
        if self.options.hours.is_some_and(|hours| self.hour >= hours) {
            return Ok(None);
        }
        let turn = self.hour as f64 / PERIOD_HOURS * std::f64::consts::TAU;
        let level = (self.options.height as f64 * turn.cos()).round() as i64;
        let value = Map::new().with("hour", self.hour.cast_signed()).with("level_cm", level);
        let record = Record::new(self.topic.clone(), SchemaAndValue::schemaless(value));
        self.hour += 1;
        let position: SourceOffset = [("hour".to_owned(), json!(self.hour))].into_iter().collect();
        let positions = vec![(self.partition.clone(), position)];
        Ok(Some(SourceBatch { records: vec![record], positions, receipt: None }))
    }
}
