use crate::counts::{Counts, beyond, sum};
use crate::evidence::Evidence;

/// What deaths have made the two sub-topologies do again, by word.
///
/// Each death may repeat what its process did after the last commit, and nothing else. Nothing is guessed: what reached the
/// topics beyond the committed offsets is there to be read, word by word.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Words of uncommitted lines that were in the repartition topic already.
    sent: Counts,
    /// Uncommitted words of the repartition topic that the changelog had counted already.
    counted: Counts,
}

impl Ledger {
    /// Looks at what a process has left that died over `text`.
    pub(crate) fn note_a_death(&mut self, evidence: &Evidence, text: &str) {
        let (committed, uncommitted) = evidence.lines(text);
        let (counted, uncounted) = evidence.repartitioned();
        let sent = beyond("committed lines", &sum(&counted, &uncounted), &committed);
        let now_sent = beyond("repeated lines", &sent, &self.sent);
        beyond("words sent since the last commit", &uncommitted, &now_sent);
        self.sent = sent;

        let counted = beyond("committed words", &evidence.changelog(), &counted);
        let now_counted = beyond("repeated words", &counted, &self.counted);
        beyond("words counted since the last commit", &uncounted, &now_counted);
        self.counted = counted;
    }

    /// What may be counted beyond the truth, and must be: it was counted, and read again.
    pub(crate) fn excess(&self) -> Counts {
        sum(&self.sent, &self.counted)
    }
}
