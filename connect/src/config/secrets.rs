//! References to secrets: `${env:NAME}`, `${file:/path:key}`, `${dir:/path:file}`.
//!
//! They are resolved when a task starts, in the options that it is given, and nowhere else: whoever asks for a configuration,
//! a status or a log line sees the reference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::passwords::secrets_of;
use super::properties;
use super::veil::{TELLING_BYTES, Veil};
use crate::options::Secret;

/// A file of secrets that is longer is none.
const FILE_MAX: u64 = 1 << 20;

/// Why a reference cannot be resolved. Tells where the secret was looked for, never what was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    /// No such variable in the environment of the worker.
    #[error("{reference}: the worker's environment has no variable {name}")]
    NoVariable {
        /// As written.
        reference: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{reference}: {path} cannot be read: {why}")]
    Unreadable {
        /// As written.
        reference: String,
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// The file has no such entry.
    #[error("{reference}: {path} has no entry {key}")]
    NoEntry {
        /// As written.
        reference: String,
        /// The file.
        path: String,
        /// What was looked for.
        key: String,
    },
    /// A key of `${dir:...}` that is a path.
    #[error("{reference}: the name of a file in that directory is expected, not a path")]
    Outside {
        /// As written.
        reference: String,
    },
}

/// Resolves what a configuration refers to, from the environment and the files of this process.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// References may only point below these directories (`secrets.allowed.paths`); any where there is none.
    pub allowed_paths: Vec<PathBuf>,
}

impl Secrets {
    /// The configuration with every reference resolved.
    ///
    /// # Errors
    /// The first reference that cannot be.
    pub fn resolve(
        &self,
        config: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, SecretError> {
        let one =
            |(name, value): (&String, &String)| Ok((name.clone(), self.resolve_text(value)?.into_owned()));
        config.iter().map(one).collect()
    }

    /// A text with every reference resolved.
    pub(crate) fn resolve_text<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, SecretError> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, reference, after)) = next_reference(rest) {
            resolved.push_str(before);
            resolved.push_str(&self.look_up(reference)?);
            rest = after;
        }
        if rest.len() == text.len() {
            return Ok(Cow::Borrowed(text));
        }
        resolved.push_str(rest);
        Ok(Cow::Owned(resolved))
    }

    /// What hides all that a configuration refers to behind the references, and the passwords that it has in plain text.
    pub(crate) fn veil(
        &self,
        written: &BTreeMap<String, String>,
        is_password: impl Fn(&str) -> bool,
    ) -> Veil {
        let mut veil = self.references(written);
        for (name, raw) in written {
            let secrets = secrets_of(raw, is_password(name)).into_iter();
            secrets
                .filter(|text| text.len() >= TELLING_BYTES)
                .for_each(|text| veil.hide(text, Secret::HIDDEN));
        }
        veil
    }

    /// What hides all that a configuration refers to behind the references, and nothing else: what was made of it can be resolved
    /// again.
    pub(crate) fn references(&self, written: &BTreeMap<String, String>) -> Veil {
        let mut veil = Veil::default();
        for raw in written.values() {
            if let Ok(Cow::Owned(whole)) = self.resolve_text(raw) {
                veil.hide(&whole, raw);
            }
            let mut rest = raw.as_str();
            while let Some((_, reference, after)) = next_reference(rest) {
                let value = self.look_up(reference).ok().filter(|value| value.len() >= TELLING_BYTES);
                if let Some(value) = value {
                    veil.hide(&value, &reference.written());
                }
                rest = after;
            }
        }
        veil
    }

    fn look_up(&self, reference: Reference<'_>) -> Result<String, SecretError> {
        match reference.provider {
            Provider::Env => {
                let missing = |_| SecretError::NoVariable {
                    reference: reference.written(),
                    name: reference.key.into(),
                };
                std::env::var(reference.key).map_err(missing)
            }
            Provider::File => {
                let text = self.read(reference, Path::new(reference.path))?;
                let entry = properties::parse(&text).into_iter().rev().find(|(key, _)| key == reference.key);
                entry.map(|(_, value)| value).ok_or_else(|| SecretError::NoEntry {
                    reference: reference.written(),
                    path: reference.path.into(),
                    key: reference.key.into(),
                })
            }
            Provider::Dir => {
                let mut parts = Path::new(reference.key).components();
                let plain =
                    matches!(parts.next(), Some(std::path::Component::Normal(_))) && parts.next().is_none();
                if !plain {
                    return Err(SecretError::Outside { reference: reference.written() });
                }
                let text = self.read(reference, &Path::new(reference.path).join(reference.key))?;
                Ok(text.strip_suffix('\n').map_or(text.clone(), str::to_owned))
            }
        }
    }

    fn read(&self, reference: Reference<'_>, path: &Path) -> Result<String, SecretError> {
        let unreadable = |why: String| SecretError::Unreadable {
            reference: reference.written(),
            path: path.display().to_string(),
            why,
        };
        let real = path.canonicalize().map_err(|error| unreadable(error.to_string()))?;
        if !self.allowed_paths.is_empty()
            && !self.allowed_paths.iter().any(|allowed| real.starts_with(allowed))
        {
            return Err(unreadable("it lies outside of secrets.allowed.paths".into()));
        }
        let size = std::fs::metadata(&real).map_err(|error| unreadable(error.to_string()))?.len();
        if size > FILE_MAX {
            return Err(unreadable(format!("it has {size} bytes, more than a file of secrets may have")));
        }
        std::fs::read_to_string(&real).map_err(|error| unreadable(error.to_string()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    Env,
    File,
    Dir,
}

#[derive(Debug, Clone, Copy)]
struct Reference<'a> {
    provider: Provider,
    path: &'a str,
    key: &'a str,
}

impl Reference<'_> {
    fn written(self) -> String {
        match self.provider {
            Provider::Env => format!("${{env:{}}}", self.key),
            Provider::File => format!("${{file:{}:{}}}", self.path, self.key),
            Provider::Dir => format!("${{dir:{}:{}}}", self.path, self.key),
        }
    }
}

/// Whether a text is a reference to a secret and nothing else.
pub(crate) fn is_reference(text: &str) -> bool {
    next_reference(text).is_some_and(|(before, _, after)| before.is_empty() && after.is_empty())
}

/// Whether there is a reference in a text.
pub(super) fn has_reference(text: &str) -> bool {
    next_reference(text).is_some()
}

/// What looks like a reference and is none, by its words: of a provider that is not there, or of one that is there without what it
/// needs. It stays as it is, as with Kafka Connect.
pub(crate) fn strangers(text: &str) -> Vec<&str> {
    let is_strange = |inside: &str| {
        let Some((provider, rest)) = inside.split_once(':') else { return false };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        // A shell's `${NAME:-word}`.
        let is_shells = rest.starts_with(['-', '=', '+', '?']);
        !provider.is_empty()
            && provider.chars().all(is_name)
            && !is_shells
            && !FILLED_IN.contains(&provider)
            && parse(inside).is_none()
    };
    places(text).filter(|(_, inside)| is_strange(inside)).map(|(at, _)| &text[at]).collect()
}

/// What connectors fill in by such a place, a record at a time.
const FILLED_IN: [&str; 2] = ["time", "value"];

/// What stands before the first reference, the reference, and what stands after it. Other `${...}` are left alone: topic names and
/// patterns of connectors have them.
fn next_reference(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    places(text).find_map(|(at, inside)| Some((&text[..at.start], parse(inside)?, &text[at.end..])))
}

/// Where `${...}` stand, and what is in their braces.
fn places(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.match_indices("${").filter_map(|(start, _)| {
        let end = start + text[start..].find('}')?;
        Some((start..end + 1, &text[start + 2..end]))
    })
}

fn parse(inside: &str) -> Option<Reference<'_>> {
    let (provider, rest) = inside.split_once(':')?;
    match provider {
        // Kafka's EnvVarConfigProvider takes a path before the name and ignores it.
        "env" => Some(Reference { provider: Provider::Env, path: "", key: rest.rsplit(':').next()? }),
        "file" | "dir" => {
            let (path, key) = rest.rsplit_once(':')?;
            let provider = if provider == "file" { Provider::File } else { Provider::Dir };
            Some(Reference { provider, path, key })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<String, SecretError> {
        Secrets::default().resolve_text(text).map(Cow::into_owned)
    }

    #[test]
    fn references_are_resolved_wherever_they_stand_and_other_braces_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        std::fs::write(dir.path().join("db"), "user=me\npassword: s3:cret\n").unwrap();
        std::fs::write(dir.path().join("token"), "abc\n").unwrap();
        assert_eq!(
            resolve(&format!("${{file:{path}/db:user}}:${{file:{path}/db:password}}@h")).unwrap(),
            "me:s3:cret@h"
        );
        assert_eq!(resolve(&format!("Bearer ${{dir:{path}:token}}")).unwrap(), "Bearer abc");
        assert_eq!(resolve("${topic}-${timestamp} ${unclosed").unwrap(), "${topic}-${timestamp} ${unclosed");
        assert!(resolve("${env:PATH}").unwrap().contains('/'));
    }

    #[test]
    fn what_looks_like_a_reference_and_is_none_is_known() {
        let all = "${vault:secret/db:word}@${topic}:${file:/path}, ${AWS-1:x}${env:A} ${dir:a:b} ${unclosed:";
        assert_eq!(strangers(all), ["${vault:secret/db:word}", "${file:/path}", "${AWS-1:x}"]);
        for none in ["${time:%Y}-${value:/a}", "${HOME:-/root}", "${a b:c}", "^${0,1}:{2}$", "${:x}"] {
            assert_eq!(strangers(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_told_by_its_reference() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("db"), "user=topsecret\n").unwrap();
        let path = dir.path().display();
        let said = |text: &str| resolve(text).unwrap_err().to_string();
        assert_eq!(
            said("${env:NO_SUCH_VAR}"),
            "${env:NO_SUCH_VAR}: the worker's environment has no variable NO_SUCH_VAR"
        );
        let no_entry = said(&format!("${{file:{path}/db:password}}"));
        assert!(no_entry.ends_with("has no entry password") && !no_entry.contains("topsecret"), "{no_entry}");
        assert!(said(&format!("${{dir:{path}:../db}}")).contains("not a path"));
        assert!(said("${file:/no/such/file:x}").contains("cannot be read"));
    }

    #[test]
    fn files_outside_of_the_allowed_paths_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("k"), "v").unwrap();
        std::fs::write(dir.path().join("k"), "v").unwrap();
        let secrets = Secrets { allowed_paths: vec![inside.canonicalize().unwrap()] };
        let at = |path: &Path| {
            secrets.resolve_text(&format!("${{dir:{}:k}}", path.display())).map(Cow::into_owned)
        };
        assert_eq!(at(&inside).unwrap(), "v");
        assert!(at(dir.path()).unwrap_err().to_string().contains("secrets.allowed.paths"));
        assert!(at(&inside.join("..")).is_err(), "nor by way of ..");
    }

    #[test]
    fn what_was_resolved_is_concealed_in_whole_and_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.properties");
        std::fs::write(&file, "word=s3cret\nport=1\n").unwrap();
        let reference = |key: &str| format!("${{file:{}:{key}}}", file.display());
        let url = format!("http://u:{}@host:{}", reference("word"), reference("port"));
        let written = BTreeMap::from([("url".to_owned(), url.clone())]);
        let secrets = Secrets::default();
        assert_eq!(
            secrets.references(&written).over("cannot reach http://u:s3cret@host:1"),
            format!("cannot reach {url}")
        );
        assert_eq!(
            secrets.references(&written).over("the word s3cret, 1 time"),
            format!("the word {}, 1 time", reference("word"))
        );
    }
}
