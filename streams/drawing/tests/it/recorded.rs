//! The texts in the fixtures of `millstream`, as Kafka Streams printed them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

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
        } else if let Some(content) = read(&path) {
            for begin in content.split("Topologies:\n").skip(1) {
                let lines = begin.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
                texts.push(format!("Topologies:\n{}\n", lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
}

/// A text, compressed or not.
fn read(path: &Path) -> Option<String> {
    match path.extension()?.to_str()? {
        "txt" => fs::read_to_string(path).ok(),
        "gz" => {
            let mut content = String::new();
            GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut content).unwrap();
            Some(content)
        }
        _ => None,
    }
}
