use crate::herder::State;
use crate::herder::records::{ActiveTopic, Status, StatusRecord, Unit};
use std::collections::BTreeMap;

/// What the status topic says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statuses {
    units: BTreeMap<Unit, Status>,
    /// By connector, then topic.
    topics: BTreeMap<String, BTreeMap<String, ActiveTopic>>,
}

impl Statuses {
    pub(crate) fn apply(&mut self, record: StatusRecord) {
        match record {
            StatusRecord::Connector(name, status) => self.put(Unit::connector(&name), status),
            StatusRecord::Task(id, status) => self.put(Unit::task(&id.connector, id.task), status),
            StatusRecord::Topic(topic, connector, Some(active)) => {
                self.topics.entry(connector).or_default().insert(topic, active);
            }
            StatusRecord::Topic(topic, connector, None) => {
                let topics = self.topics.entry(connector.clone()).or_default();
                topics.remove(&topic);
                if topics.is_empty() {
                    self.topics.remove(&connector);
                }
            }
        }
    }

    fn put(&mut self, unit: Unit, status: Option<Status>) {
        let Some(status) = status else {
            self.units.remove(&unit);
            return;
        };
        // Who has lost a unit says so late: what its new holder said stands.
        let late = status.state == State::Unassigned
            && self.units.get(&unit).is_some_and(|now| now.generation > status.generation);
        if !late {
            self.units.insert(unit, status);
        }
    }

    pub(crate) fn get(&self, unit: &Unit) -> Option<&Status> {
        self.units.get(unit)
    }

    pub(crate) fn topics(&self, connector: &str) -> impl Iterator<Item = &String> {
        self.topics.get(connector).into_iter().flat_map(BTreeMap::keys)
    }

    /// What is said of connectors that `is_gone`, as tombstones.
    pub(crate) fn left_over<'a>(
        &'a self,
        is_gone: impl Fn(&str) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = StatusRecord> + 'a {
        let units =
            self.units.keys().filter(move |unit| is_gone(&unit.connector)).map(|unit| match unit.task_id() {
                Some(id) => StatusRecord::Task(id, None),
                None => StatusRecord::Connector(unit.connector.clone(), None),
            });
        let topics = self.topics.iter().filter(move |(connector, _)| is_gone(connector));
        units.chain(topics.flat_map(|(connector, topics)| {
            topics.keys().map(|topic| StatusRecord::Topic(topic.clone(), connector.clone(), None))
        }))
    }
}
