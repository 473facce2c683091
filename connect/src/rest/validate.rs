//! `PUT /connector-plugins/{plugin}/config/validate`: every option with what is said of it and what is wrong with that.

use super::catalog::Catalog;
use crate::herder::Config;
use crate::options::{Definition, Fault};
use crate::runtime::all_of;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An option as forms show it (Kafka's `ConfigKeyInfo`).
pub(super) fn key_info(definition: &Definition, order: usize) -> Value {
    let group = (!definition.group.is_empty()).then_some(definition.group);
    json!({
        "name": definition.name,
        "type": definition.kind.as_str(),
        "required": definition.required,
        "default_value": definition.shown_default(),
        "importance": definition.importance.as_str(),
        "documentation": definition.documentation,
        "group": group,
        "order_in_group": order,
        "width": "NONE",
        "display_name": definition.name,
        "dependents": [],
    })
}

/// The definitions with their places in their groups.
pub(super) fn key_infos(definitions: &[Definition]) -> Vec<Value> {
    let order = |index: usize, group: &str| {
        definitions[..index].iter().filter(|other| other.group == group).count() + 1
    };
    definitions.iter().enumerate().map(|(index, one)| key_info(one, order(index, one.group))).collect()
}

impl Catalog {
    /// Kafka's `ConfigInfos`.
    pub(super) fn validated(&self, class: &str, config: &Config, nulls: &[String]) -> Value {
        let definitions = self.connector(class).map(all_of).unwrap_or_default();
        let faults: Vec<Fault> = self.faults(config).into_iter().chain(null_faults(nulls)).collect();
        let shown = self.masked(config);
        let keys = key_infos(&definitions);
        let mut configs: Vec<Value> = definitions
            .iter()
            .zip(keys)
            .map(|(definition, key)| json!({"definition": key, "value": value(definition, &shown, &faults)}))
            .collect();
        configs.extend(strangers(&definitions, &shown, &faults));
        let mut groups: Vec<&str> = Vec::new();
        for group in definitions.iter().map(|definition| definition.group).filter(|group| !group.is_empty()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        json!({"name": class, "error_count": faults.len(), "groups": groups, "configs": configs})
    }

    /// As `POST /connectors` says it; none where all is well.
    pub(super) fn refusal(&self, config: &Config, nulls: &[String]) -> Option<String> {
        let faults = self.faults(config).into_iter().chain(null_faults(nulls));
        let lines: Vec<String> = faults.map(|fault| fault.to_string()).collect();
        if lines.is_empty() {
            return None;
        }
        Some(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above \
             list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
            lines.len(),
            lines.join("\n")
        ))
    }

    /// In Kafka Connect's words, as far as they hold.
    pub(super) fn no_such_class(&self, class: &str) -> String {
        let names: Vec<String> =
            self.plugins().iter().filter(|one| one.is_connector()).map(|one| one.class_name()).collect();
        format!(
            "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}",
            names.join(", ")
        )
    }
}

fn null_faults(nulls: &[String]) -> impl Iterator<Item = Fault> {
    let why = "Null value can not be supplied as the configuration value.";
    nulls.iter().map(|name| Fault::new(name, why.to_owned()))
}

fn value(definition: &Definition, config: &Config, faults: &[Fault]) -> Value {
    let names = || std::iter::once(&definition.name).chain(definition.aliases);
    let said = names().find_map(|name| config.get(*name)).map(String::as_str);
    json!({
        "name": definition.name,
        "value": said.or(definition.shown_default()),
        "recommended_values": definition.choices,
        "errors": errors(definition.name, faults),
        "visible": true,
    })
}

fn errors<'a>(name: &str, faults: &'a [Fault]) -> Vec<&'a str> {
    faults.iter().filter(|fault| fault.option == name).map(|fault| fault.message.as_str()).collect()
}

/// What is wrong with names that have no definition.
fn strangers(definitions: &[Definition], config: &Config, faults: &[Fault]) -> Vec<Value> {
    let known = |name: &str| definitions.iter().any(|definition| definition.name == name);
    let names: BTreeSet<&str> =
        faults.iter().map(|fault| fault.option.as_str()).filter(|name| !known(name)).collect();
    let one = |name: &str| {
        let value = json!({
            "name": name,
            "value": config.get(name),
            "recommended_values": [],
            "errors": errors(name, faults),
            "visible": true,
        });
        json!({"definition": null, "value": value})
    };
    names.into_iter().map(one).collect()
}
