//! Which layer a block stands in.

use super::{Block, Layer, Link};
use crate::measure::Measure;

/// Layers from the top: a block stands below all that lead to it, in the first layer that has room, those first below which most
/// layers follow. A block to which nothing of substance leads then moves down to where it is needed.
pub(super) fn ranks(blocks: &[Block], links: &[Link], measure: &Measure) -> Vec<usize> {
    let below = |block: usize| links.iter().filter(move |link| link.from == block);
    let order = bottom_up(blocks.len(), links);
    let mut depth = vec![0; blocks.len()];
    for block in &order {
        depth[*block] = below(*block).map(|link| depth[link.to] + 1).max().unwrap_or(0);
    }
    let (mut ranks, last) = fill(blocks, links, &depth, measure);
    for block in order.into_iter().filter(|block| blocks[*block].layer == Layer::Any) {
        let is_begin =
            links.iter().filter(|link| link.to == block).all(|link| blocks[link.from].layer == Layer::First);
        let needed = below(block).map(|link| ranks[link.to] - 1).min().unwrap_or(ranks[block]);
        let room = measure.width - width_of(blocks, &ranks, needed, measure);
        if is_begin && needed > ranks[block] && extent(&blocks[block], measure) <= room {
            ranks[block] = needed;
        }
    }
    for (rank, _) in ranks.iter_mut().zip(blocks).filter(|(_, block)| block.layer == Layer::Last) {
        *rank = last;
    }
    without_gaps(ranks)
}

fn fill(blocks: &[Block], links: &[Link], depth: &[usize], measure: &Measure) -> (Vec<usize>, usize) {
    let first = |block: &Block| block.layer == Layer::First;
    let mut ranks: Vec<Option<usize>> = blocks.iter().map(|block| first(block).then_some(0)).collect();
    let mut waiting: Vec<usize> =
        (0..blocks.len()).filter(|block| blocks[*block].layer == Layer::Any).collect();
    waiting.sort_by_key(|block| usize::MAX - depth[*block]);
    let mut layer = usize::from(blocks.iter().any(first));
    while !waiting.is_empty() {
        let has_parents = |block: &usize| {
            let mut above = links.iter().filter(|link| link.to == *block);
            above.all(|link| ranks[link.from].is_some())
        };
        let mut ready: Vec<usize> = waiting.iter().copied().filter(has_parents).collect();
        if measure.width <= 1 {
            // One below the other, few lines are under way if each is followed to its end.
            let begun = |block: &usize| {
                links.iter().filter(|link| link.to == *block).filter_map(|link| ranks[link.from]).max()
            };
            ready.sort_by_key(|block| std::cmp::Reverse(begun(block)));
        }
        let passing =
            links.iter().filter(|link| ranks[link.from].is_some() && !ready.contains(&link.to)).count();
        let mut used = passing as i32 * (measure.gap + 1);
        for (place, block) in ready.iter().enumerate() {
            used += extent(&blocks[*block], measure);
            if place == 0 || used <= measure.width {
                ranks[*block] = Some(layer);
            }
        }
        waiting.retain(|block| ranks[*block].is_none());
        layer += 1;
    }
    (ranks.into_iter().map(|rank| rank.unwrap_or(layer)).collect(), layer)
}

fn extent(block: &Block, measure: &Measure) -> i32 {
    block.left + block.right + 1 + measure.gap
}

fn width_of(blocks: &[Block], ranks: &[usize], rank: usize, measure: &Measure) -> i32 {
    let there = blocks.iter().zip(ranks).filter(|(_, at)| **at == rank);
    there.map(|(block, _)| extent(block, measure)).sum()
}

/// The blocks, each after all that it leads to.
fn bottom_up(count: usize, links: &[Link]) -> Vec<usize> {
    let mut open = vec![0; count];
    links.iter().for_each(|link| open[link.from] += 1);
    let mut order: Vec<usize> = (0..count).filter(|block| open[*block] == 0).collect();
    let mut at = 0;
    while at < order.len() {
        let lower = order[at];
        for link in links.iter().filter(|link| link.to == lower) {
            open[link.from] -= 1;
            if open[link.from] == 0 {
                order.push(link.from);
            }
        }
        at += 1;
    }
    debug_assert_eq!(order.len(), count, "blocks without circles");
    order
}

fn without_gaps(ranks: Vec<usize>) -> Vec<usize> {
    let mut used = ranks.clone();
    used.sort_unstable();
    used.dedup();
    ranks.into_iter().map(|rank| used.partition_point(|other| *other < rank)).collect()
}
