use std::path::PathBuf;

use crate::options::{Choice, Fault, Options};

/// Which index or data stream a record goes to, and what is made where there is none.
#[derive(Options, Clone, Debug)]
#[options(check = agree)]
pub struct TargetOptions {
    /// The index of a record: a text with `${topic}` and `${time:FORMAT}` in it, such as `logs-${time:%Y.%m.%d}`, which takes
    /// the record's timestamp (UTC) in strftime's format.
    #[option(name = "index.name", default = "${topic}", check = super::super::index::check, group = "Index")]
    pub index: String,
    /// Whether an index or data stream that is not there is made before the first record goes to it.
    #[option(name = "index.create", alias = "auto.create.indices.at.start", default = true, group = "Index")]
    pub create: bool,
    /// A file with an index template (JSON), put on the server under `index.template.name` when a task starts.
    #[option(name = "index.template.file", group = "Index")]
    pub template: Option<PathBuf>,
    /// The name of that template; the connector's without.
    #[option(name = "index.template.name", group = "Index")]
    pub template_name: Option<String>,
    /// Whether a template of that name that is there already is replaced.
    #[option(name = "index.template.overwrite", default = false, group = "Index")]
    pub template_overwrite: bool,
    /// The kind of data stream to write to, as `logs` or `metrics`; `none` writes to indices.
    #[option(name = "data.stream.type", default = "none", importance = "low", group = "Data stream")]
    pub stream_type: String,
    /// What kind of data the stream has: the second part of its name.
    #[option(name = "data.stream.dataset", default = "", importance = "low", group = "Data stream")]
    pub stream_dataset: String,
    /// The third part of its name, in which `${topic}` stands for the record's topic.
    #[option(
        name = "data.stream.namespace",
        default = "${topic}",
        importance = "low",
        group = "Data stream"
    )]
    pub stream_namespace: String,
    /// Fields of which the first that a record has becomes `@timestamp`; the record's own timestamp does without.
    #[option(name = "data.stream.timestamp.field", default = "", importance = "low", group = "Data stream")]
    pub stream_timestamp: Vec<String>,
    /// What `topic.to.external.resource.mapping` names: `index`, `alias_index`, `datastream`, `alias_datastream`; nothing is
    /// made then. `disabled`: it names nothing.
    #[option(name = "external.resource.usage", default = "disabled", importance = "low", group = "Index")]
    pub usage: ResourceUsage,
    /// Indices, data streams or aliases that topics go to: `topic:name` with commas between.
    #[option(name = "topic.to.external.resource.mapping", default = "", importance = "low", group = "Index", check = pairs)]
    pub resources: Vec<String>,
    /// How many of these there may be.
    #[option(name = "max.external.resource.mappings", default = 15, importance = "low", group = "Index")]
    pub resources_max: usize,
}

/// What the names given to topics are.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceUsage {
    /// There are none.
    Disabled,
    /// Indices.
    Index,
    /// Data streams.
    Datastream,
    /// Aliases of indices.
    #[choice("alias_index")]
    AliasIndex,
    /// Aliases of data streams.
    #[choice("alias_datastream")]
    AliasDatastream,
}

/// The parts of a data stream's name before the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataStream<'a> {
    /// `logs`, `metrics` or another.
    pub kind: &'a str,
    /// What kind of data.
    pub dataset: &'a str,
}

fn pairs(resources: &[String]) -> Result<(), String> {
    let wrong =
        |pair: &&String| pair.split_once(':').is_none_or(|(topic, name)| topic.is_empty() || name.is_empty());
    match resources.iter().find(wrong) {
        Some(pair) => Err(format!("{pair} is no pair: write topic:name")),
        None => Ok(()),
    }
}

fn agree(options: &TargetOptions) -> Result<(), Fault> {
    let named = !options.resources.is_empty();
    if named != (options.usage != ResourceUsage::Disabled) {
        let why = "external.resource.usage and topic.to.external.resource.mapping need each other";
        return Err(Fault::new("external.resource.usage", why));
    }
    if options.resources.len() > options.resources_max {
        let why = format!("more than the {} of max.external.resource.mappings", options.resources_max);
        return Err(Fault::invalid("topic.to.external.resource.mapping", "", &why));
    }
    let Some(stream) = options.data_stream() else { return Ok(()) };
    if stream.dataset.is_empty() {
        let why = "data.stream.type needs data.stream.dataset, the second part of the stream's name";
        return Err(Fault::new("data.stream.dataset", why));
    }
    let lower = |part: &str| !part.contains(|c: char| c.is_uppercase() || "\\/*?\"<>| ,#:-".contains(c));
    if !lower(stream.kind) || !lower(stream.dataset) {
        let why = "a data stream's type and dataset are in lower case and hold none of \\ / * ? \" < > | , # : - and blank";
        return Err(Fault::new("data.stream.dataset", why));
    }
    if named || options.index != "${topic}" {
        let why = "a record goes to a data stream or to an index: leave out data.stream.type, or index.name and \
                   topic.to.external.resource.mapping";
        return Err(Fault::new("data.stream.type", why));
    }
    Ok(())
}

impl TargetOptions {
    /// The data stream to write to. `None`: indices.
    pub fn data_stream(&self) -> Option<DataStream<'_>> {
        let is_none = self.stream_type.is_empty() || self.stream_type.eq_ignore_ascii_case("none");
        (!is_none).then_some(DataStream { kind: &self.stream_type, dataset: &self.stream_dataset })
    }

    /// Whether what is written to takes documents with `create` alone.
    pub fn only_creates(&self) -> bool {
        self.data_stream().is_some()
            || matches!(self.usage, ResourceUsage::Datastream | ResourceUsage::AliasDatastream)
    }

    /// The name given to a topic. `None`: none is, so `index.name` counts.
    pub fn resource(&self, topic: &str) -> Option<&str> {
        self.resources
            .iter()
            .find_map(|pair| pair.split_once(':').filter(|(named, _)| *named == topic))
            .map(|(_, name)| name)
    }
}
