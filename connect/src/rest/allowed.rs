//! Which connectors may be made by request: those that run programs give their makers the rights of the worker.

use super::RestOptions;
use crate::about::About;
use crate::herder::Config;
use crate::options::Fault;
use crate::registry::Registry;

/// Connectors whose configuration is a command.
const RUN_PROGRAMS: [&str; 2] = ["exec-sink", "exec-source"];

impl RestOptions {
    /// What is wrong with making this connector by request.
    pub(super) fn refusal(&self, registry: &Registry, config: &Config) -> Option<Fault> {
        let class = config.get("connector.class")?;
        let about = registry.find(class).ok()?.about();
        let why = self.why_not(about)?;
        Some(Fault::invalid("connector.class", class, &why))
    }

    fn why_not(&self, about: &About) -> Option<String> {
        let name = about.name;
        let is_among = |names: &[String]| names.iter().any(|name| about.is_called(name));
        if is_among(&self.denied) {
            return Some(format!(
                "the worker's connectors.denied has {name}, so that it is not made by request"
            ));
        }
        match &self.allowed {
            Some(allowed) if is_among(allowed) => None,
            Some(_) => Some(format!(
                "the worker's connectors.allowed has no {name}, so that it is not made by request"
            )),
            None if RUN_PROGRAMS.contains(&name) && !self.is_loopback() => Some(format!(
                "{name} runs any program that it is told to, and this worker answers other machines: it is not made by \
                 request unless the worker's connectors.allowed has it"
            )),
            None => None,
        }
    }

    /// Names in the lists that no connector has.
    pub(super) fn strangers(&self, registry: &Registry) -> Vec<Fault> {
        let lists = [
            ("connectors.allowed", self.allowed.as_deref().unwrap_or_default()),
            ("connectors.denied", self.denied.as_slice()),
        ];
        let of = |(option, names): (&'static str, &[String])| {
            let unknown = |name: &String| {
                let fault = registry.find(name).err()?;
                Some(Fault::new(option, fault.message.replacen("connector.class", option, 1)))
            };
            names.iter().filter_map(unknown).collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Given, Options};

    const BEYOND: (&str, &str) = ("listeners", "http://0.0.0.0:8083");

    fn options(pairs: &[(&str, &str)]) -> RestOptions {
        let given = [("rest.users", "me:secret")].iter().chain(pairs);
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RestOptions::read(&Given::new(&given)).unwrap()
    }

    fn refused(pairs: &[(&str, &str)], class: &str) -> Option<String> {
        let config = Config::from([("connector.class".into(), class.into())]);
        options(pairs).refusal(&Registry::built_in(), &config).map(|fault| fault.to_string())
    }

    #[test]
    fn programs_are_run_for_other_machines_only_where_the_operator_says_so() {
        for class in ["exec-source", "exec-sink"] {
            assert_eq!(refused(&[], class), None, "only this machine can ask");
            assert!(refused(&[BEYOND], class).unwrap().contains("connectors.allowed"));
            assert_eq!(refused(&[BEYOND, ("connectors.allowed", "exec-sink, exec-source")], class), None);
            assert!(refused(&[("connectors.denied", class)], class).unwrap().contains("connectors.denied"));
        }
        assert_eq!(refused(&[BEYOND], "file-source"), None);
    }

    #[test]
    fn lists_count_under_every_name_of_a_connector() {
        let allowed = ("connectors.allowed", "file-source");
        assert_eq!(refused(&[allowed], "org.apache.kafka.connect.file.FileStreamSourceConnector"), None);
        assert!(refused(&[allowed], "FileStreamSink").is_some());
        let denied = ("connectors.denied", "FileStreamSource");
        assert!(refused(&[allowed, denied], "file-source").is_some(), "what is denied is denied");
        assert_eq!(refused(&[], "nonsense"), None, "it is said elsewhere");
    }

    #[test]
    fn a_list_that_names_nobody_is_a_fault() {
        let faults = options(&[("connectors.denied", "exec-soruce")]).strangers(&Registry::built_in());
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].message.contains("connectors.denied: ") && faults[0].message.contains("exec-source")
        );
    }
}
