//! `millstream dlq purge`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use millstream_client::TopicPartition;

use super::reader::Reader;
use super::{Letter, Letters};
use crate::cluster::all;
use crate::output::say;
use crate::time::moment;

/// Deletes letters. A log is cut off at its start and nowhere else, so what lies behind a letter that is to stay stays too.
#[derive(Args)]
pub(super) struct Purge {
    #[command(flatten)]
    letters: Letters,
    /// Only those whose record is older, e.g. 2026-11-22T05:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<i64>,
    /// Do it, rather than say what would be done
    #[arg(long)]
    yes: bool,
}

/// What a purge would do to a partition.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cut {
    /// Letters that can go: all up to the first that stays.
    go: usize,
    /// Where the log begins then.
    at: i64,
    /// Whether a letter was met that stays.
    is_closed: bool,
    /// Letters that were asked for and lie behind it.
    behind: usize,
}

impl Cut {
    fn add(&mut self, offset: i64, goes: bool) {
        self.is_closed |= !goes;
        match (self.is_closed, goes) {
            (false, _) => (self.go, self.at) = (self.go + 1, offset + 1),
            (true, true) => self.behind += 1,
            (true, false) => {}
        }
    }
}

impl Purge {
    pub(super) async fn run(self) -> Result<()> {
        let cuts = self.plan().await?;
        let (mut cut, mut behind) = (Vec::new(), 0);
        for (partition, plan) in cuts {
            behind += plan.behind;
            if plan.go > 0 {
                let verb = if self.yes { "deleting" } else { "would delete" };
                say(format!(
                    "partition {}: {verb} {} up to offset {}",
                    partition.partition, plan.go, plan.at
                ))?;
                cut.push((partition, plan.at));
            }
        }
        if behind > 0 {
            say(format!("{behind} more lie behind letters that are to stay, and stay with them"))?;
        }
        match (cut.is_empty(), self.yes) {
            (true, _) => say("nothing to delete"),
            (false, false) => say("nothing was deleted: say --yes to do it"),
            (false, true) => {
                let admin = self.letters.cluster.admin().await?;
                let outcomes = admin.delete_records(cut).await?;
                all(&admin, outcomes).await.map(drop)
            }
        }
    }

    async fn plan(&self) -> Result<BTreeMap<TopicPartition, Cut>> {
        let consumer = self.letters.consumer()?.build().await?;
        let from = self.letters.partitions().await?.into_iter().map(|partition| (partition, 0));
        let mut reader = Reader::open(consumer, from.collect()).await?;
        let mut cuts: BTreeMap<TopicPartition, Cut> = BTreeMap::new();
        while let Some(chunk) = reader.next().await? {
            let cut = cuts.entry(chunk.partition).or_default();
            chunk.letters.iter().for_each(|letter| cut.add(letter.offset, self.goes(letter)));
        }
        Ok(cuts)
    }

    fn goes(&self, letter: &Letter) -> bool {
        self.letters.asks_for(letter) && self.before.is_none_or(|before| letter.timestamp < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_before_the_first_letter_that_stays() {
        let mut cut = Cut::default();
        for (offset, goes) in [(3, true), (5, true), (6, false), (7, true), (8, false)] {
            cut.add(offset, goes);
        }
        assert_eq!(cut, Cut { go: 2, at: 6, is_closed: true, behind: 1 });
    }
}
