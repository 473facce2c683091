//! `millstream connect options`.

use anyhow::{Context, Result};
use clap::Args;
use millstream_connect::options::Definition;
use millstream_connect::{Named, Registry};
use serde::Serialize;

use crate::output::{self, Format, Row, say};

/// The group of other people's options, each with what to write instead.
const NOT_TAKEN: &str = "Not taken";

/// As wide as texts are made.
const WIDTH: usize = 100;

#[derive(Args)]
pub(crate) struct Options {
    /// A connector, transform, predicate or converter, by our name or Java's; without it all there are
    name: Option<String>,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

/// What can be named, a line.
#[derive(Serialize)]
struct Plugin {
    name: &'static str,
    kind: &'static str,
    classes: Vec<&'static str>,
    what: &'static str,
}

impl Row for Plugin {
    const COLUMNS: &[&str] = &["NAME", "KIND", "WHAT IT DOES"];

    fn cells(&self) -> Vec<String> {
        [self.name, self.kind, self.what].map(str::to_owned).to_vec()
    }
}

/// An option, an object.
#[derive(Serialize)]
struct Known {
    name: &'static str,
    aliases: &'static [&'static str],
    kind: &'static str,
    required: bool,
    default: Option<&'static str>,
    choices: &'static [&'static str],
    group: &'static str,
    documentation: &'static str,
}

impl Options {
    pub(crate) fn run(self) -> Result<()> {
        let registry = Registry::built_in();
        let Some(name) = &self.name else {
            let plugin =
                |Named { name, kind, classes, summary }| Plugin { name, kind, classes, what: summary };
            return output::rows(self.output, &registry.names().into_iter().map(plugin).collect::<Vec<_>>());
        };
        let definitions = registry
            .definitions_of(name)
            .with_context(|| format!("nothing is called {name}: millstream connect options lists all"))?;
        match self.output {
            Format::Json => output::json(&definitions.iter().map(known).collect::<Vec<_>>()),
            Format::Table => {
                let own = registry.find(name).map_or(definitions.len(), |plugin| plugin.definitions().len());
                say(page(&definitions, own))
            }
        }
    }
}

fn known(of: &Definition) -> Known {
    Known {
        name: of.name,
        aliases: of.aliases,
        kind: of.kind.as_str(),
        required: of.required,
        default: of.shown_default(),
        choices: of.choices,
        group: of.group,
        documentation: of.documentation,
    }
}

/// Options group by group, the `own` ones before those that every connector has, and what is not taken last.
fn page(definitions: &[Definition], own: usize) -> String {
    let (common, own) = definitions.split_at(definitions.len() - own);
    let mut groups: Vec<&str> = Vec::new();
    for definition in own.iter().chain(common) {
        if !groups.contains(&definition.group) {
            groups.push(definition.group);
        }
    }
    groups.sort_by_key(|group| *group == NOT_TAKEN);
    let mut page = String::new();
    for group in groups {
        page += &format!("{}\n", if group.is_empty() { "Options" } else { group });
        for definition in definitions.iter().filter(|one| one.group == group) {
            page += &format!("  {}\n", headline(definition));
            for line in wrapped(definition.documentation, WIDTH - 6) {
                page += &format!("      {line}\n");
            }
        }
        page.push('\n');
    }
    if page.is_empty() { "it has no options".to_owned() } else { page.trim_end().to_owned() }
}

fn headline(of: &Definition) -> String {
    let kind = of.kind.as_str().to_ascii_lowercase();
    let kind = if of.choices.is_empty() { kind } else { of.choices.join(" | ") };
    let counts = match (of.required, of.shown_default()) {
        (true, _) => ", required".to_owned(),
        (false, Some("")) | (false, None) => String::new(),
        (false, Some(default)) => format!(", {default} where nothing is said"),
    };
    let also = if of.aliases.is_empty() { String::new() } else { format!(" (or {})", of.aliases.join(", ")) };
    format!("{}{also}: {kind}{counts}", of.name)
}

/// The words of a text in lines of so many characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
