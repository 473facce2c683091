//! Which letters of a partition were sent back.

use millstream_client::OffsetAndMetadata;

/// The longest text that a broker keeps beside an offset (`offset.metadata.max.bytes`).
const METADATA_MAX: usize = 4_096;
/// What the text begins with, should there ever be another.
const FORM: &str = "sent:";

/// All letters below an offset, and runs of them above: what did not match is left between. It is kept as the committed offset of a
/// group and, in the text beside it, how far it is to each run and how long that is: `sent:3+2,1+7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    below: i64,
    /// First offset and the one after the last; in order, none touching the one before.
    runs: Vec<(i64, i64)>,
}

impl Done {
    /// As it was committed. A text that is none of ours stands for no runs.
    pub(super) fn read(committed: &OffsetAndMetadata) -> Self {
        let mut done = Self { below: committed.offset, runs: Vec::new() };
        let runs = committed.metadata.strip_prefix(FORM).unwrap_or_default();
        for run in runs.split(',').filter(|run| !run.is_empty()) {
            let number = |text: &str| text.parse().ok().filter(|number: &i64| *number > 0);
            let read = run.split_once('+').and_then(|(gap, length)| {
                let first = done.end().checked_add(number(gap)?)?;
                Some((first, first.checked_add(number(length)?)?))
            });
            let Some(run) = read else { break };
            done.runs.push(run);
        }
        done
    }

    /// As it is to be committed. `None`: there are too many runs.
    pub(super) fn written(&self) -> Option<OffsetAndMetadata> {
        let (mut runs, mut at) = (Vec::with_capacity(self.runs.len()), self.below);
        for (first, end) in &self.runs {
            runs.push(format!("{}+{}", first - at, end - first));
            at = *end;
        }
        let metadata = if runs.is_empty() { String::new() } else { format!("{FORM}{}", runs.join(",")) };
        let fits = metadata.len() <= METADATA_MAX;
        fits.then(|| OffsetAndMetadata { metadata, ..OffsetAndMetadata::from(self.below) })
    }

    /// Where the first letter may be that was not sent.
    pub(super) fn below(&self) -> i64 {
        self.below
    }

    pub(super) fn contains(&self, offset: i64) -> bool {
        let at = self.runs.partition_point(|(_, end)| *end <= offset);
        offset < self.below || self.runs.get(at).is_some_and(|(first, _)| *first <= offset)
    }

    /// One more letter. `after` is the offset of the letter before it, or -1: there is none in between.
    pub(super) fn add(&mut self, after: i64, offset: i64) {
        if self.contains(offset) {
            return;
        }
        let (mut first, mut end) = (after + 1, offset + 1);
        self.runs.retain(|(run_first, run_end)| {
            let touches = *run_first <= end && first <= *run_end;
            if touches {
                (first, end) = (first.min(*run_first), end.max(*run_end));
            }
            !touches
        });
        let at = self.runs.partition_point(|(run, _)| *run < first);
        self.runs.insert(at, (first, end));
        self.settle();
    }

    /// The log begins there: what was before it is gone.
    pub(super) fn begin(&mut self, offset: i64) {
        self.below = self.below.max(offset);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some((first, end)) = self.runs.first().copied()
            && first <= self.below
        {
            self.below = self.below.max(end);
            self.runs.remove(0);
        }
    }

    fn end(&self) -> i64 {
        self.runs.last().map_or(self.below, |(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Letters lie at every third offset; some are sent, in passes from the first to the last.
    #[test]
    fn what_was_sent_is_known_and_nothing_else_whatever_was_sent_before() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut done, mut sent) = (Done::default(), BTreeSet::new());
            let begin = random.random_range(0..3) * 3;
            for _ in 0..4 {
                done.begin(begin);
                let share = random.random_range(0.0..1.0);
                let mut before = begin - 1;
                for offset in (begin..150).step_by(3) {
                    if random.random_bool(share) {
                        done.add(before, offset);
                        sent.insert(offset);
                    }
                    before = offset;
                }
                done = Done::read(&done.written().unwrap());
                for offset in (begin..150).step_by(3) {
                    assert_eq!(
                        done.contains(offset),
                        sent.contains(&offset),
                        "seed {seed}: {offset} in {done:?}"
                    );
                }
                let first = (begin..150).step_by(3).find(|offset| !sent.contains(offset)).unwrap_or(148);
                assert!(done.below() <= first && done.below() > first - 3, "seed {seed}: {first}, {done:?}");
            }
        }
    }

    #[test]
    fn it_is_written_so_that_people_can_read_it_and_bounded() {
        let mut done = Done::default();
        [(-1, 0), (4, 5), (5, 6), (9, 10)].into_iter().for_each(|(after, offset)| done.add(after, offset));
        let written = done.written().unwrap();
        assert_eq!((written.offset, written.metadata.as_str()), (1, "sent:4+2,3+1"));
        for offset in (0..10_000).step_by(2) {
            done.add(offset - 1, offset);
        }
        assert_eq!(done.written(), None);
    }

    #[test]
    fn another_text_stands_for_nothing_sent() {
        for text in
            ["", "anything", "sent:", "sent:x+1", "sent:1", "sent:-3+1", "sent:99999999999999999999+1"]
        {
            let committed = OffsetAndMetadata { metadata: text.to_owned(), ..OffsetAndMetadata::from(7) };
            assert_eq!(Done::read(&committed), Done { below: 7, runs: Vec::new() }, "{text}");
        }
    }
}
