//! The texts in the fixtures of `millstream`, as Kafka Streams printed them.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    collect(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data"), &mut texts);
    texts
}

fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            let content = fs::read_to_string(&path).unwrap();
            for begin in content.split("Topologies:\n").skip(1) {
                let lines = begin.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
                texts.push(format!("Topologies:\n{}\n", lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
}
