//! Where each leader epoch of a partition began (Kafka: `LeaderEpochFileCache`, KIP-101).

use millstream_wire::ids::{LeaderEpoch, Offset};

/// Epochs with the offset of their first record, both rising. It fills `leader-epoch-checkpoint`:
///
/// ```text
/// 0            version
/// 2            number of entries
/// 0 0          epoch, start offset
/// 3 117
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epochs {
    starts: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// The epoch of the last record, if there is any.
    pub(super) fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|(epoch, _)| *epoch)
    }

    /// Takes note that the record at `start` is of `epoch`. Returns whether that was news.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        self.starts.push((epoch, start));
        true
    }

    /// The epoch at or below `epoch` that has records, and the offset after its last one; `None` if every epoch
    /// of the log is newer or `epoch` is unknown (`LeaderEpochFileCache.endOffsetFor`).
    pub(super) fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let after = self.starts.partition_point(|(start, _)| *start <= epoch);
        let (found, _) = *self.starts.get(after.checked_sub(1)?)?;
        let end = self.starts.get(after).map_or(log_end, |(_, start)| *start);
        Some((found, end))
    }

    /// Forgets what lies at or beyond `end`.
    pub(super) fn cut_end(&mut self, end: Offset) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// Forgets epochs that ended before `start`; the one in force there begins there.
    pub(super) fn cut_start(&mut self, start: Offset) {
        let after = self.starts.partition_point(|(_, epoch_start)| *epoch_start <= start);
        if after > 0 {
            self.starts.drain(..after - 1);
            self.starts[0].1 = start;
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.starts.len());
        for (epoch, start) in &self.starts {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        text
    }

    /// `None` where the text is not a checkpoint: the caller rebuilds it from the batches.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()?;
        let count: usize = lines.next()?.parse().ok()?;
        let starts: Vec<_> = lines
            .map(|line| {
                let (epoch, start) = line.split_once(' ')?;
                Some((LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?)))
            })
            .collect::<Option<_>>()?;
        let rising = starts.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        (version == "0" && starts.len() == count && rising).then_some(Self { starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        assert!(epochs.assign(LeaderEpoch(1), Offset(0)));
        assert!(epochs.assign(LeaderEpoch(4), Offset(100)));
        assert!(!epochs.assign(LeaderEpoch(4), Offset(120)));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let end = Offset(150);
        assert_eq!(epochs().end_of(LeaderEpoch(0), end), None);
        assert_eq!(epochs().end_of(LeaderEpoch(1), end), Some((LeaderEpoch(1), Offset(100))));
        assert_eq!(epochs().end_of(LeaderEpoch(3), end), Some((LeaderEpoch(1), Offset(100))));
        assert_eq!(epochs().end_of(LeaderEpoch(4), end), Some((LeaderEpoch(4), end)));
    }

    #[test]
    fn the_text_is_kafkas_and_comes_back() {
        assert_eq!(epochs().to_text(), "0\n2\n1 0\n4 100\n");
        assert_eq!(Epochs::from_text("0\n2\n1 0\n4 100\n"), Some(epochs()));
        for damaged in ["", "0\n3\n1 0\n4 100\n", "1\n0\n", "0\n2\n4 0\n1 100\n", "0\n1\n1 x\n"] {
            assert_eq!(Epochs::from_text(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn cutting_keeps_the_epoch_in_force() {
        let mut cut = epochs();
        cut.cut_start(Offset(120));
        assert_eq!(cut.to_text(), "0\n1\n4 120\n");
        let mut cut = epochs();
        cut.cut_end(Offset(100));
        assert_eq!(cut.to_text(), "0\n1\n1 0\n");
    }
}
