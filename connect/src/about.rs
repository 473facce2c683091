/// What a connector is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// What users write as `connector.class`: short, in lower case, `-` between words.
    pub name: &'static str,
    /// Names of Kafka's connectors that this one stands in for, in full and by their last part.
    pub aliases: &'static [&'static str],
    /// What it does, in a sentence.
    pub summary: &'static str,
}

impl About {
    /// Whether a user may mean this by a name: a Java class counts in full, without its package, and without its package and its
    /// last word, as Kafka Connect has it.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let means = |class: &str| {
            let last = class.rsplit('.').next().unwrap_or(class);
            name == class || name == last || last.strip_suffix("Connector") == Some(name)
        };
        self.name == name || self.aliases.iter().any(|alias| means(alias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_class_is_known_in_full_and_in_short() {
        let about =
            About { name: "file", aliases: &["org.example.FileSourceConnector"], summary: "Reads files." };
        for name in ["file", "org.example.FileSourceConnector", "FileSourceConnector", "FileSource"] {
            assert!(about.is_called(name), "{name}");
        }
        for name in ["File", "example.FileSourceConnector", "Source", "Connector", ""] {
            assert!(!about.is_called(name), "{name}");
        }
    }
}
