//! What a connector's converters and transforms make of a record, without a task around them.

use std::collections::BTreeMap;

use millstream_client::{Admin, Consumer, Fetched, Record as Wire};

use super::RunError;
use super::clients::{Clients, inherited};
use super::conversion::Conversion;
use super::failure::Failure;
use crate::record::Record;

/// Looks at records as a connector does.
pub(crate) struct Lens {
    conversion: Conversion,
    clients: Clients,
}

/// What became of a record.
pub(crate) enum Seen {
    Record(Record),
    Dropped,
    Failed { stage: &'static str, why: String },
}

impl Lens {
    pub(crate) fn new(
        config: &BTreeMap<String, String>,
        worker: &BTreeMap<String, String>,
    ) -> Result<Self, RunError> {
        let conversion = Conversion::read(config, worker).map_err(RunError::Config)?;
        Ok(Self { conversion, clients: Clients::new(&inherited(worker), config, "tap".to_owned()) })
    }

    /// A reader outside of the connector's group.
    pub(crate) async fn consumer(&self) -> Result<Consumer, String> {
        let mut config = self.clients.consumer_config("tap").map_err(|error| error.to_string())?;
        config.group_id = None;
        config.build().await.map_err(|error| error.to_string())
    }

    pub(crate) async fn admin(&self) -> Result<Admin, String> {
        self.clients.admin().await.map_err(|error| error.to_string())
    }

    /// A record that a source has read.
    pub(crate) fn of_source(&self, record: Record) -> Seen {
        match self.conversion.transform(record) {
            Ok(Some(record)) => match self.conversion.encode(&record) {
                Ok(_) => Seen::Record(record),
                Err(failure) => failed(failure),
            },
            Ok(None) => Seen::Dropped,
            Err(failure) => failed(failure),
        }
    }

    /// A record that a sink would read.
    pub(crate) fn of_sink(&self, fetched: &Fetched, wire: &Wire<'_>) -> Seen {
        match self.conversion.decode(fetched, wire).and_then(|record| self.conversion.transform(record)) {
            Ok(Some(record)) => Seen::Record(record),
            Ok(None) => Seen::Dropped,
            Err(failure) => failed(failure),
        }
    }
}

fn failed(failure: Failure) -> Seen {
    Seen::Failed { stage: failure.stage.as_str(), why: failure.message }
}
