use super::{Definition, Fault, Given};

/// How alike two names must be for one to be offered for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// A fault for each name that none of the definitions has; `belongs` says which names are others' matter.
#[must_use]
pub fn unknown(given: &Given<'_>, definitions: &[Definition], belongs: impl Fn(&str) -> bool) -> Vec<Fault> {
    unknown_beside(&[], given, definitions, belongs)
}

/// As [`unknown`]; `others` are names that are read in other places, and may be the ones that are meant.
pub(crate) fn unknown_beside(
    others: &[&'static str],
    given: &Given<'_>,
    definitions: &[Definition],
    belongs: impl Fn(&str) -> bool,
) -> Vec<Fault> {
    let defined =
        definitions.iter().flat_map(|known| [known.name].into_iter().chain(known.aliases.iter().copied()));
    let names: Vec<&str> = defined.chain(others.iter().copied()).collect();
    let strange = given.all().keys().filter(|name| !names.contains(&name.as_str()) && !belongs(name));
    strange.map(|name| fault(name, &names)).collect()
}

fn fault(name: &str, names: &[&str]) -> Fault {
    let scored = names.iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let nearest = scored.filter(|(score, _)| *score >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"));
    Fault::new(name, format!("Unknown configuration {name}{hint}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::options::Options;

    #[derive(Options, Clone)]
    struct Reader {
        /// Lines of a batch.
        #[option(name = "batch.size", default = 2_000, alias = "lines.max")]
        #[expect(dead_code, reason = "only its name counts here")]
        batch: u32,
    }

    fn said(name: &str) -> Vec<String> {
        let given = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        let faults = unknown(&Given::new(&given), &Reader::definitions(), |name| name == "topics");
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(said("bacth.size"), ["Unknown configuration bacth.size; did you mean batch.size?"]);
        assert_eq!(said("xyzzy"), ["Unknown configuration xyzzy"]);
    }

    #[test]
    fn names_aliases_and_what_belongs_to_others_are_known() {
        for name in ["batch.size", "lines.max", "topics"] {
            assert!(said(name).is_empty(), "{name}");
        }
    }
}
