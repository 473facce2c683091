//! What is logged, changed while the process runs (`PUT /admin/loggers/…`).

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

type Reload = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// Set once, where the log is set up.
static LOG: OnceLock<(String, Reload)> = OnceLock::new();

/// The levels that were set since.
static SET: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Remembers how the log is filtered, and what filters it otherwise.
pub(crate) fn remember(filter: String, reload: impl Fn(EnvFilter) + Send + Sync + 'static) {
    // The log is set up once.
    let _ = LOG.set((filter, Box::new(reload)));
}

/// Logs what `logger`, a module path, says at one of Kafka Connect's levels; `root` is all.
pub(crate) fn set(logger: &str, level: &str) {
    let Some((filter, reload)) = LOG.get() else { return };
    let level = match level {
        "FATAL" => "error",
        "ALL" => "trace",
        other => other,
    };
    let mut set = SET.lock().unwrap_or_else(PoisonError::into_inner);
    let before = set.insert(logger.to_owned(), level.to_ascii_lowercase());
    match EnvFilter::try_new(directives(filter, &set)) {
        Ok(filter) => reload(filter),
        // No module has such a name: there is nothing to log.
        Err(_) => match before {
            Some(before) => drop(set.insert(logger.to_owned(), before)),
            None => drop(set.remove(logger)),
        },
    }
}

fn directives(filter: &str, set: &BTreeMap<String, String>) -> String {
    let one = |(logger, level): (&String, &String)| match logger.as_str() {
        "root" => level.clone(),
        logger => format!("{logger}={level}"),
    };
    std::iter::once(filter.to_owned()).chain(set.iter().map(one)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_counts_more_than_what_was_said_at_the_start() {
        let set = [("root", "info"), ("millstream_connect", "debug")];
        let set = set.map(|(logger, level)| (logger.to_owned(), level.to_owned())).into();
        let text = directives("warn", &set);
        assert_eq!(text, "warn,millstream_connect=debug,info");
        assert_eq!(EnvFilter::try_new(text).unwrap().to_string(), "millstream_connect=debug,info");
    }
}
