//! What can be named in a configuration, and what can be said to each.

use crate::converters::CONVERTERS;
use crate::options::Definition;
use crate::predicates::PREDICATES;
use crate::registry::{Plugin, Registry};
use crate::runtime::all_of;
use crate::transforms::TRANSFORMS;

/// Something that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What users write.
    pub name: &'static str,
    /// `source`, `sink`, `transformation`, `predicate` or `converter`.
    pub kind: &'static str,
    /// The classes of Java that it stands in for, in full.
    pub classes: Vec<&'static str>,
    /// What it does, in a sentence; empty for converters, whose names say it.
    pub summary: &'static str,
}

impl Plugin<'_> {
    /// `source` or `sink`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Sink(_) => "sink",
        }
    }
}

impl Registry {
    /// All that can be named: its connectors, then what every worker knows.
    #[must_use]
    pub fn names(&self) -> Vec<Named> {
        let connectors = self.all().map(|plugin| {
            let about = plugin.about();
            let classes = about.aliases.iter().copied().filter(|alias| alias.contains('.')).collect();
            Named { name: about.name, kind: plugin.kind(), classes, summary: about.summary }
        });
        let named = |kind, name, class: &'static str, summary| Named {
            name,
            kind,
            classes: Some(class).filter(|class| !class.is_empty()).into_iter().collect(),
            summary,
        };
        let transforms =
            TRANSFORMS.iter().map(|kind| named("transformation", kind.name, kind.class, kind.summary));
        let predicates =
            PREDICATES.iter().map(|kind| named("predicate", kind.name, kind.class, kind.summary));
        let converters = CONVERTERS.iter().map(|kind| named("converter", kind.name, kind.class, ""));
        connectors.chain(transforms).chain(predicates).chain(converters).collect()
    }

    /// What can be said to what is named, by one of ours or by Java's name: to a connector, its own options last.
    #[must_use]
    pub fn definitions_of(&self, name: &str) -> Option<Vec<Definition>> {
        if let Ok(plugin) = self.find(name) {
            return Some(all_of(plugin));
        }
        let last = |class: &str| class.rsplit('.').next() == Some(name);
        let is = |short: &str, class: &str| short == name || class == name || last(class);
        let bare = name.trim_end_matches("$Key").trim_end_matches("$Value");
        let transform = TRANSFORMS.iter().find(|kind| is(kind.name, kind.class) || kind.class == bare);
        let predicate =
            || PREDICATES.iter().find(|kind| is(kind.name, kind.class)).map(|kind| kind.definitions);
        let converter =
            || CONVERTERS.iter().find(|kind| is(kind.name, kind.class)).map(|kind| kind.definitions);
        let definitions = transform.map(|kind| kind.definitions).or_else(predicate).or_else(converter);
        definitions.map(|definitions| definitions())
    }
}
