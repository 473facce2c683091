//! What the answers of all instances come to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::{Pace, Partition};
use super::ask::Asked;

/// A partition with so many times the mean of its topic is hot.
const HOT_RATIO: f64 = 2.0;

/// A key with such a share of its partition is hot: no further instance helps with it.
const HOT_KEY: f64 = 0.5;

/// The skew of an application.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) instances: Vec<Instance>,
    pub(super) topics: Vec<Topic>,
}

#[derive(Serialize)]
pub(super) struct Instance {
    pub(super) instance: String,
    /// Partitions that it reads.
    pub(super) partitions: usize,
    #[serde(flatten)]
    pub(super) pace: Option<Pace>,
    /// Why it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreachable: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Topic {
    pub(super) topic: String,
    /// Records of the busiest partition over the mean of all: 1 is even.
    pub(super) imbalance: Option<f64>,
    pub(super) partitions: Vec<Told>,
}

#[derive(Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) partition: Partition,
    pub(super) instance: String,
    /// Of the records of its topic.
    pub(super) share: Option<f64>,
    pub(super) hot: bool,
    pub(super) hot_key: bool,
}

impl Report {
    pub(super) fn of(asked: Vec<Asked>) -> Self {
        let mut instances = Vec::new();
        let mut topics: BTreeMap<String, BTreeMap<(i32, String), Told>> = BTreeMap::new();
        for Asked { instance, answer } in asked {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let unreachable = Some(format!("{error:#}"));
                    instances.push(Instance { instance, partitions: 0, pace: None, unreachable });
                    continue;
                }
            };
            let partitions = answer.topics.iter().map(|topic| topic.partitions.len()).sum();
            for topic in answer.topics {
                let known = topics.entry(topic.topic).or_default();
                topic.partitions.into_iter().for_each(|partition| add(known, partition, &instance));
            }
            instances.push(Instance { instance, partitions, pace: answer.pace, unreachable: None });
        }
        let topics = topics.into_iter().map(|(topic, told)| Topic::of(topic, told.into_values().collect()));
        Self { instances, topics: topics.collect() }
    }
}

/// A partition that has moved while the instances were asked was told of twice: who has read the newest has it.
fn add(known: &mut BTreeMap<(i32, String), Told>, partition: Partition, instance: &str) {
    let key = (partition.partition, partition.task.clone());
    let newer =
        known.get(&key).is_none_or(|before| before.partition.last_timestamp <= partition.last_timestamp);
    if newer {
        let instance = instance.to_owned();
        known.insert(key, Told { partition, instance, share: None, hot: false, hot_key: false });
    }
}

impl Topic {
    fn of(topic: String, mut partitions: Vec<Told>) -> Self {
        let sum: u64 = partitions.iter().map(|told| told.partition.records).sum();
        let mean = sum as f64 / partitions.len().max(1) as f64;
        for told in &mut partitions {
            let records = told.partition.records as f64;
            told.share = (sum > 0).then(|| records / sum as f64);
            told.hot = sum > 0 && records / mean >= HOT_RATIO;
            told.hot_key = told.partition.top_keys.first().is_some_and(|key| key.share >= HOT_KEY);
        }
        let most = partitions.iter().map(|told| told.partition.records).max().unwrap_or(0);
        let imbalance = (sum > 0).then(|| most as f64 / mean);
        Self { topic, imbalance, partitions }
    }
}
