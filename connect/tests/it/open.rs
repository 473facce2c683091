//! A connector by the name and the options that a user writes, without the runtime around it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use millstream_connect::{
    Finding, Plugin, Registry, SinkContext, SinkTask, SourceContext, SourceOffset, SourcePartition,
    SourceTask,
};

/// A configuration of pairs.
pub(crate) fn config(options: &[(&str, &str)]) -> BTreeMap<String, String> {
    options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The only task of a source.
pub(crate) async fn source(class: &str, options: &[(&str, &str)]) -> Result<Box<dyn SourceTask>> {
    source_at(class, options, Vec::new()).await
}

/// The only task of a source that was read so far.
pub(crate) async fn source_at(
    class: &str,
    options: &[(&str, &str)],
    positions: Vec<(SourcePartition, SourceOffset)>,
) -> Result<Box<dyn SourceTask>> {
    let registry = Registry::built_in();
    let Ok(Plugin::Source(source)) = registry.find(class) else { bail!("{class} is no source") };
    let context =
        SourceContext { connector: class.to_owned(), tasks: 1, positions, ..SourceContext::default() };
    source.open(&config(options), context).await.with_context(|| format!("opening {class}"))
}

/// The only task of a sink.
pub(crate) async fn sink(class: &str, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let registry = Registry::built_in();
    let Ok(Plugin::Sink(sink)) = registry.find(class) else { bail!("{class} is no sink") };
    let context = SinkContext { connector: class.to_owned(), task: 0, ..SinkContext::default() };
    sink.open(&config(options), context).await.with_context(|| format!("opening {class}"))
}

/// What a connector finds when it looks at the other side.
pub(crate) async fn check(class: &str, options: &[(&str, &str)]) -> Result<Vec<Finding>> {
    let registry = Registry::built_in();
    let Ok(plugin) = registry.find(class) else { bail!("{class} is no connector") };
    plugin.check(&config(options)).await.with_context(|| format!("checking {class}"))
}
