use std::collections::BTreeMap;
use std::path::Path;

/// Where options stand in files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// The file that is being read.
    file: String,
    /// By connector, or of the worker, and by option: the file and the line.
    places: BTreeMap<Option<String>, BTreeMap<String, (String, usize)>>,
}

impl Lines {
    /// What is added from now on stands in that file.
    pub(super) fn begin(&mut self, file: &Path) {
        self.file = file.display().to_string();
    }

    pub(super) fn add(&mut self, connector: Option<String>, lines: BTreeMap<String, usize>) {
        let file = &self.file;
        let here = lines.into_iter().map(|(option, line)| (option, (file.clone(), line)));
        self.places.entry(connector).or_default().extend(here);
    }

    /// Of the option, of the nearest name above it, or of the whole, which begins at its first line.
    pub(super) fn place(&self, connector: Option<&str>, option: &str) -> Option<String> {
        let options = self.places.get(&connector.map(str::to_owned))?;
        let above = std::iter::successors(Some(option), |name| Some(name.rsplit_once('.')?.0));
        let first = || options.values().min_by_key(|(_, line)| *line);
        let (file, line) = above.into_iter().find_map(|name| options.get(name)).or_else(first)?;
        Some(format!("{file}:{line}"))
    }
}
