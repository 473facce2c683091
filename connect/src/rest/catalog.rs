//! Everything that can be named in a configuration.

use crate::converters::{CONVERTERS, ConverterKind};
use crate::herder::Config;
use crate::options::{Definition, Fault};
use crate::predicates::{PREDICATES, PredicateKind};
use crate::registry::{Plugin, Registry};
use crate::transforms::{TRANSFORMS, TransformKind};
use serde::Serialize;
use std::sync::Arc;

/// What is wrong with a configuration.
type Faults = Box<dyn Fn(&Config) -> Vec<Fault> + Send + Sync>;

/// The plugins of a worker, and what its configurations must be like.
pub struct Catalog {
    registry: Arc<Registry>,
    faults: Faults,
}

/// A plugin as `GET /connector-plugins` lists it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PluginInfo {
    class: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    version: &'static str,
}

impl PluginInfo {
    fn new(class: impl Into<String>, kind: &'static str) -> Self {
        Self { class: class.into(), kind, version: env!("CARGO_PKG_VERSION") }
    }
}

impl Catalog {
    /// The connectors of a registry; `faults` says all that is wrong with a connector's configuration.
    pub fn new(
        registry: Arc<Registry>,
        faults: impl Fn(&Config) -> Vec<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { registry, faults: Box::new(faults) }
    }

    pub(super) fn faults(&self, config: &Config) -> Vec<Fault> {
        (self.faults)(config)
    }

    pub(super) fn connector(&self, class: &str) -> Option<Plugin<'_>> {
        self.registry.find(class).ok()
    }

    /// Under its own name, and under the names of the Java classes that it stands in for: tools look for these.
    pub(super) fn plugins(&self) -> Vec<PluginInfo> {
        let mut all = Vec::new();
        for (plugin, kind) in self.registry.all().map(|plugin| (plugin, plugin.kind())) {
            let about = plugin.about();
            let classes = about.aliases.iter().filter(|alias| alias.contains('.'));
            all.extend(
                std::iter::once(&about.name).chain(classes).map(|class| PluginInfo::new(*class, kind)),
            );
        }
        for TransformKind { name, class, halves, .. } in TRANSFORMS {
            all.push(PluginInfo::new(*name, "transformation"));
            let names = match (*halves, class.is_empty()) {
                (_, true) => Vec::new(),
                (false, false) => vec![(*class).to_owned()],
                (true, false) => vec![format!("{class}$Key"), format!("{class}$Value")],
            };
            all.extend(names.into_iter().map(|class| PluginInfo::new(class, "transformation")));
        }
        for PredicateKind { name, class, .. } in PREDICATES {
            all.extend([*name, class].map(|class| PluginInfo::new(class, "predicate")));
        }
        for ConverterKind { name, class, .. } in CONVERTERS {
            all.extend([*name, class].map(|class| PluginInfo::new(class, "converter")));
        }
        all
    }

    /// What can be said to a plugin of this name, whatever it is.
    pub(super) fn definitions(&self, name: &str) -> Option<Vec<Definition>> {
        self.registry.definitions_of(name)
    }
}

impl PluginInfo {
    pub(super) fn is_connector(&self) -> bool {
        ["source", "sink"].contains(&self.kind)
    }

    pub(super) fn class_name(&self) -> String {
        self.class.clone()
    }
}
