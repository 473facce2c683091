//! What Kafka Streams said, as `tests/oracle/Oracle.java` wrote it.

use std::fmt;

/// A program, and what was said of it.
pub(super) struct Recorded<'a> {
    /// A remark, its name or its operators.
    pub(super) program: &'a str,
    pub(super) plain: Said,
    /// With all optimisations; none if Kafka Streams cannot do them.
    pub(super) optimised: Option<Said>,
}

/// The text of a topology, and the dialogue with its driver.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) dialogue: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, self.dialogue)
    }
}

impl Said {
    /// What comes to the topics of the user, in the order of the texts.
    pub(super) fn to_the_user(&self) -> Self {
        let mut lines: Vec<&str> = self.dialogue.lines().filter(|line| line.starts_with("out out")).collect();
        lines.sort_unstable();
        Self { text: String::new(), dialogue: lines.join("\n") }
    }
}

impl<'a> Recorded<'a> {
    fn parse(program: &'a str) -> Self {
        let head = ["# ", "op ", "program "];
        let (program, rest) = split(program, |line| !head.iter().any(|word| line.starts_with(word)));
        let (plain, optimised) = rest.split_once("optimised\n").unwrap();
        let plain = said(plain);
        let (text, dialogue) = match optimised.strip_prefix("same\n") {
            Some(dialogue) => (plain.text.clone(), dialogue.to_owned()),
            None => {
                let Said { text, dialogue } = said(optimised);
                (text, dialogue)
            }
        };
        let dialogue = if dialogue == "same\n" { plain.dialogue.clone() } else { dialogue };
        let optimised = (!text.is_empty()).then_some(Said { text, dialogue });
        Self { program, plain, optimised }
    }

    /// The changelogs of the stores without a cache, which Kafka Streams writes at each update and we at a commit.
    fn uncached(&self) -> Vec<String> {
        let stores = self.program.split([' ', '\n']).filter_map(|word| match word.strip_suffix('!') {
            Some(store) => Some(store),
            None => word
                .split(',')
                .next()
                .filter(|_| word.starts_with("tally") && word != "tally" || word.ends_with(",u")),
        });
        stores.map(|store| format!("out {store}-changelog ")).collect()
    }

    /// What was said, with what both say of stores that are not cached.
    pub(super) fn comparable(&self, said: &Said) -> Said {
        let uncached = self.uncached();
        let is_uncached = |line: &str| uncached.iter().any(|changelog| line.starts_with(changelog));
        let mut dialogue: Vec<&str> = Vec::new();
        for line in said.dialogue.lines() {
            dialogue.push(line);
            if is_uncached(line) {
                settle(&mut dialogue, is_uncached);
            }
        }
        Said { text: said.text.clone(), dialogue: dialogue.join("\n") }
    }

    /// The name of a program that is not written as operators.
    pub(super) fn name(&self) -> Option<&'a str> {
        self.program.lines().find_map(|line| line.strip_prefix("program "))
    }
}

fn said(text: &str) -> Said {
    let (text, dialogue) =
        split(text, |line| ["in ", "clock ", "same", "fails"].iter().any(|word| line.starts_with(word)));
    Said { text: text.to_owned(), dialogue: dialogue.to_owned() }
}

/// Before the first line that `ends`, and from it on.
fn split(text: &str, ends: impl Fn(&str) -> bool) -> (&str, &str) {
    let before = text.split_inclusive('\n').take_while(|line| !ends(line)).map(str::len).sum();
    text.split_at(before)
}

/// Puts the last line where its key belongs among those before it that `belong` together, in the place of an earlier one.
fn settle(dialogue: &mut Vec<&str>, belong: impl Fn(&str) -> bool) {
    let Some(line) = dialogue.pop() else { return };
    let head = |line: &str| line.split('|').next().map(str::to_owned);
    let from = dialogue.iter().rposition(|line| !belong(line)).map_or(0, |last| last + 1);
    match dialogue[from..].binary_search_by_key(&head(line), |line| head(line)) {
        Ok(at) => dialogue[from + at] = line,
        Err(at) => dialogue.insert(from + at, line),
    }
}

pub(super) fn programs(record: &str) -> impl Iterator<Item = Recorded<'_>> {
    record.split_terminator("====\n").map(Recorded::parse)
}
