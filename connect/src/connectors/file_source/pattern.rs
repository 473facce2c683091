//! Which paths a pattern names.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// What stands for any number of directories.
const ANY_DEPTH: &str = "**";

/// A path, or one that cannot be followed and why.
type Named = Result<PathBuf, (PathBuf, io::Error)>;

/// What a pattern names. A name with a bracket in it is a name first of all, of a file and nothing else.
pub(super) fn paths(pattern: &str) -> Vec<Named> {
    let why = match fs::metadata(pattern) {
        Ok(found) if found.is_file() => return vec![Ok(pattern.into())],
        Ok(_) => io::Error::other("it is no regular file"),
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => why,
        Err(_) => return matched(pattern),
    };
    vec![Err((pattern.into(), why))]
}

/// What matches a pattern, of whatever kind; of a directory that cannot be read, why not.
fn matched(pattern: &str) -> Vec<Named> {
    let parts: Vec<Component<'_>> = Path::new(pattern).components().collect();
    // `glob` follows links below `**` round and round.
    let Some(at) = parts.iter().position(|part| part.as_os_str() == ANY_DEPTH) else {
        return globbed(pattern);
    };
    let (above, below) = parts.split_at(at);
    let above: PathBuf = above.iter().collect();
    let Ok(below) = Pattern::new(&below.iter().collect::<PathBuf>().to_string_lossy()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // No path at all is the directory that the worker runs in.
    let roots =
        if above.as_os_str().is_empty() { vec![Ok(above)] } else { globbed(&above.to_string_lossy()) };
    for root in roots {
        match root {
            Ok(root) => Walk { root: &root, below: &below, found: &mut found }.enter(&root, &mut Vec::new()),
            Err(shut) => found.push(Err(shut)),
        }
    }
    found
}

fn globbed(pattern: &str) -> Vec<Named> {
    let shut = |error: glob::GlobError| (error.path().to_owned(), io::Error::from(error));
    glob::glob(pattern).into_iter().flatten().map(|found| found.map_err(shut)).collect()
}

/// All directories below one.
struct Walk<'a> {
    root: &'a Path,
    /// What is looked for, from there on.
    below: &'a Pattern,
    found: &'a mut Vec<Named>,
}

impl Walk<'_> {
    /// `inside`: the directories that this one is in, as they are without links: a link to one of them leads nowhere new.
    fn enter(&mut self, directory: &Path, inside: &mut Vec<PathBuf>) {
        let named = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let entries = fs::canonicalize(named).and_then(|real| Ok((real, fs::read_dir(named)?)));
        let (real, entries) = match entries {
            Ok(read) => read,
            // A file has nothing in it, and what is gone is gone.
            Err(why) if matches!(why.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => {
                return;
            }
            Err(why) => return self.found.push(Err((directory.to_owned(), why))),
        };
        if inside.contains(&real) {
            return;
        }
        inside.push(real);
        for entry in entries.filter_map(Result::ok) {
            let path = directory.join(entry.file_name());
            if path.is_dir() {
                self.enter(&path, inside);
            } else if self.is_named(&path) {
                self.found.push(Ok(path));
            }
        }
        inside.pop();
    }

    fn is_named(&self, path: &Path) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        path.strip_prefix(self.root).is_ok_and(|rest| self.below.matches_path_with(rest, options))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn found(directory: &Path, pattern: &str) -> Vec<String> {
        let pattern = directory.join(pattern);
        let all = paths(pattern.to_str().unwrap()).into_iter().map(Result::unwrap);
        let mut names: Vec<String> =
            all.map(|path| path.strip_prefix(directory).unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn any_depth_is_looked_through_along_links_and_never_in_a_circle() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::create_dir_all(at("d")).unwrap();
        for file in ["x.log", "a/x.log", "a/b/c/x.log", "a/b/c/y", "d/x.log"] {
            fs::write(at(file), "").unwrap();
        }
        assert_eq!(found(dir.path(), "**/x.log"), ["a/b/c/x.log", "a/x.log", "d/x.log", "x.log"]);
        assert_eq!(found(dir.path(), "a/**/*"), ["a/b/c/x.log", "a/b/c/y", "a/x.log"]);
        assert_eq!(found(dir.path(), "**/c/*.log"), ["a/b/c/x.log"]);
        assert_eq!(found(dir.path(), "[ad]/**/x.log"), ["a/b/c/x.log", "a/x.log", "d/x.log"]);

        // Two circles: each turn of one leads to both.
        symlink("..", at("a/b/up")).unwrap();
        symlink("a", at("again")).unwrap();
        symlink(".", at("d/here")).unwrap();
        let all = found(dir.path(), "**/y");
        assert_eq!(all, ["a/b/c/y", "again/b/c/y"]);
    }

    #[test]
    fn a_file_is_no_place_to_look_below() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        assert!(found(dir.path(), "a/**/x").is_empty());
        assert!(found(dir.path(), "b/**/x").is_empty());
    }
}
