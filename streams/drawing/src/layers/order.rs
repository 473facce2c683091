//! The order within layers: few crossings.

use super::{Block, Item, Layers, Link, Segment};

/// Passes over the layers, down and up in turns.
const PASSES: usize = 24;

/// Neighbours are exchanged one by one in layers of no more than this many items.
const MAX_EXCHANGED: usize = 80;

/// Blocks in their layers, with a place for each line in the layers that it passes, in the order in which a walk from the top meets
/// them.
pub(super) fn layers(blocks: &[Block], links: &[Link], ranks: &[usize]) -> Layers {
    let item = |(block, rank): (&Block, &usize)| Item {
        layer: *rank,
        left: block.left,
        right: block.right,
        above: Vec::new(),
        below: Vec::new(),
        is_bend: false,
    };
    let mut items: Vec<Item> = blocks.iter().zip(ranks).map(item).collect();
    for (number, link) in links.iter().enumerate() {
        let (mut upper, mut leaves) = (link.from, link.leaves);
        for layer in ranks[link.from] + 1..ranks[link.to] {
            let bend = items.len();
            items.push(Item {
                layer,
                left: 0,
                right: 0,
                above: Vec::new(),
                below: Vec::new(),
                is_bend: true,
            });
            join(&mut items, (upper, leaves), (bend, 0), number);
            (upper, leaves) = (bend, 0);
        }
        join(&mut items, (upper, leaves), (link.to, link.enters.unwrap_or(0)), number);
    }
    let mut layers = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    let mut seen = vec![false; items.len()];
    for start in 0..blocks.len() {
        let mut walk = if items[start].above.is_empty() { vec![start] } else { Vec::new() };
        while let Some(item) = walk.pop() {
            if !std::mem::replace(&mut seen[item], true) {
                layers[items[item].layer].push(item);
                walk.extend(items[item].below.iter().rev().map(|segment| segment.other));
            }
        }
    }
    Layers { items, layers }
}

fn join(items: &mut [Item], (upper, leaves): (usize, i32), (lower, enters): (usize, i32), link: usize) {
    items[upper].below.push(Segment { other: lower, link, here: leaves, there: enters });
    items[lower].above.push(Segment { other: upper, link, here: enters, there: leaves });
}

/// Puts each item where its neighbours are, again and again, and keeps the best order that was seen.
pub(super) fn order(layers: &mut Layers) {
    let mut best = (crossings(layers), layers.layers.clone());
    for pass in 0..PASSES {
        let down = pass % 2 == 0;
        let count = layers.layers.len();
        for step in 0..count {
            sort_layer(layers, if down { step } else { count - 1 - step }, down);
        }
        exchange_neighbours(layers);
        let now = crossings(layers);
        if now < best.0 {
            best = (now, layers.layers.clone());
        }
        if best.0 == 0 {
            break;
        }
    }
    layers.layers = best.1;
}

/// Where a line meets the item at the other end, as a number that grows from left to right.
fn position(layers: &Layers, places: &[usize], segment: &Segment) -> f64 {
    let other = &layers.items[segment.other];
    let inside = f64::from(segment.there + other.left + 1) / f64::from(other.left + other.right + 2);
    places[segment.other] as f64 + inside
}

fn sort_layer(layers: &mut Layers, layer: usize, by_above: bool) {
    let places = layers.places();
    let middle = |item: &usize| {
        let segments = if by_above { &layers.items[*item].above } else { &layers.items[*item].below };
        match segments.len() {
            0 => places[*item] as f64 + 0.5,
            count => {
                segments.iter().map(|segment| position(layers, &places, segment)).sum::<f64>() / count as f64
            }
        }
    };
    let mut sorted: Vec<(f64, usize)> =
        layers.layers[layer].iter().map(|item| (middle(item), *item)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    layers.layers[layer] = sorted.into_iter().map(|(_, item)| item).collect();
}

fn exchange_neighbours(layers: &mut Layers) {
    for layer in 0..layers.layers.len() {
        let count = layers.layers[layer].len();
        for _ in 0..if count > MAX_EXCHANGED { 0 } else { count } {
            let places = layers.places();
            let mut improved = false;
            for at in 1..count {
                let (a, b) = (layers.layers[layer][at - 1], layers.layers[layer][at]);
                if between(layers, &places, b, a) < between(layers, &places, a, b) {
                    layers.layers[layer].swap(at - 1, at);
                    improved = true;
                }
            }
            if !improved {
                break;
            }
        }
    }
}

/// Crossings of the lines of two items if `a` stands left of `b`.
fn between(layers: &Layers, places: &[usize], a: usize, b: usize) -> usize {
    let (a, b) = (&layers.items[a], &layers.items[b]);
    let side = |a: &[Segment], b: &[Segment]| {
        let crosses = |left: &Segment, right: &Segment| {
            usize::from(position(layers, places, left) > position(layers, places, right))
        };
        a.iter().map(|left| b.iter().map(|right| crosses(left, right)).sum::<usize>()).sum::<usize>()
    };
    side(&a.above, &b.above) + side(&a.below, &b.below)
}

fn crossings(layers: &Layers) -> usize {
    let places = layers.places();
    let of_layer = |layer: &Vec<usize>| {
        let mut lines: Vec<(f64, f64)> = Vec::new();
        for item in layer {
            for segment in &layers.items[*item].below {
                let upper = places[*item] as f64
                    + f64::from(segment.here + layers.items[*item].left + 1)
                        / f64::from(layers.items[*item].left + layers.items[*item].right + 2);
                lines.push((upper, position(layers, &places, segment)));
            }
        }
        let crosses = |(at, a): (usize, &(f64, f64))| {
            let other = |b: &&(f64, f64)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
            lines[at + 1..].iter().filter(other).count()
        };
        lines.iter().enumerate().map(crosses).sum::<usize>()
    };
    layers.layers.iter().map(of_layer).sum()
}
