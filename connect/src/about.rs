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

    /// How alike it is called at most (0 to 1), and that name, with its own where that is another. Packages do not count: those
    /// of Java are alike where connectors are not.
    pub(crate) fn nearest(&self, name: &str) -> (f64, String) {
        let last = |class: &str| class.rsplit('.').next().unwrap_or(class).to_ascii_lowercase();
        let alike = |known: &str| strsim::jaro_winkler(&last(name), &last(known));
        let alias =
            self.aliases.iter().map(|alias| (alike(alias), alias)).max_by(|(a, _), (b, _)| a.total_cmp(b));
        match alias.filter(|(score, _)| *score > alike(self.name)) {
            Some((score, alias)) => (score, format!("{} ({alias})", self.name)),
            None => (alike(self.name), self.name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_written_wrong_is_near_the_class_that_is_meant() {
        let said = |class: &str| crate::Registry::built_in().find(class).err().unwrap().message;
        let sink = "file-sink (org.apache.kafka.connect.file.FileStreamSinkConnector)";
        for wrong in ["org.apache.kafka.connect.file.FileStreamSinkConnecter", "FileStreamSinkConector"] {
            assert!(said(wrong).contains(&format!("the nearest are: {sink}")), "{}", said(wrong));
        }
        assert!(said("datagn").contains("the nearest are: datagen, "), "{}", said("datagn"));
    }

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
