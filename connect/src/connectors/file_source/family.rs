use std::path::Path;

/// Whether one of two files may be what log rotation made of the other: `app.log` and `app.log.1`, `app.log-20260101.gz`,
/// `app-20260101.log`. It only narrows down whose contents are compared.
pub(super) fn are_related(one: &Path, other: &Path) -> bool {
    one.parent() == other.parent() && stem(one).is_some_and(|stem_of_one| Some(stem_of_one) == stem(other))
}

/// A file's name without what rotation adds to it.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(GZIP).unwrap_or(name);
    Some(name.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '_')).collect())
}

/// What gzip appends to a name.
pub(super) const GZIP: &str = ".gz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_related_and_others_are_not() {
        let related = |one: &str, other: &str| are_related(Path::new(one), Path::new(other));
        for rotated in
            ["/l/app.log.1", "/l/app.log.12.gz", "/l/app.log-20261122", "/l/app-20261122.log", "/l/app.1.log"]
        {
            assert!(related("/l/app.log", rotated), "{rotated}");
        }
        for other in ["/l/web.log", "/m/app.log.1", "/l/app.err"] {
            assert!(!related("/l/app.log", other), "{other}");
        }
    }
}
