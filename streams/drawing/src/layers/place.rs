//! The columns of items, in a given order: lines as straight as the order allows.

use super::{Item, Layers, Segment};
use crate::measure::Measure;

const PASSES: usize = 40;

/// What lines pull, by what they join: a line that is passing by should be straight before all others.
const PULL: [f64; 3] = [1.0, 3.0, 9.0];

/// The middle of each item; the leftmost item begins in column 0.
pub(super) fn place(layers: &Layers, measure: &Measure) -> Vec<i32> {
    let mut columns = vec![0.0; layers.items.len()];
    for layer in &layers.layers {
        settle(layers, layer, &mut columns, &|_| None, measure);
    }
    for pass in 0..PASSES {
        let down = pass % 2 == 0;
        let both = pass + 2 >= PASSES;
        for step in 0..layers.layers.len() {
            let layer = &layers.layers[if down { step } else { layers.layers.len() - 1 - step }];
            let wanted = |item: usize, columns: &[f64]| {
                let item = &layers.items[item];
                let above: &[Segment] = if down || both { &item.above } else { &[] };
                let below: &[Segment] = if !down || both { &item.below } else { &[] };
                pulled(layers, item, above.iter().chain(below), columns)
            };
            let before = columns.clone();
            settle(layers, layer, &mut columns, &|item| wanted(item, &before), measure);
        }
    }
    let mut columns = rounded(layers, &columns, measure);
    let window = squeeze(layers, &mut columns, measure);
    straighten(layers, &mut columns, window, measure);
    let begin = (0..columns.len()).map(|item| columns[item] - layers.items[item].left).min().unwrap_or(0);
    columns.iter_mut().for_each(|column| *column -= begin);
    columns
}

/// Where the lines of an item want it to be, and how much.
fn pulled<'a>(
    layers: &Layers,
    item: &Item,
    segments: impl Iterator<Item = &'a Segment>,
    columns: &[f64],
) -> Option<(f64, f64)> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for segment in segments {
        let bends = usize::from(item.is_bend) + usize::from(layers.items[segment.other].is_bend);
        let pull = PULL[bends];
        sum += pull * (columns[segment.other] + f64::from(segment.there - segment.here));
        weight += pull;
    }
    (weight > 0.0).then(|| (sum / weight, weight))
}

/// How far the middles of two neighbours are apart at least.
fn distance(left: &Item, right: &Item, measure: &Measure) -> i32 {
    let gap = if left.is_bend && right.is_bend { measure.port } else { measure.gap };
    left.right + gap + right.left + 1
}

/// Moves the items of a layer as near as possible to where they want to be (least squares), none past another: neighbours that
/// would overlap form a run, which stands where all of it is content on average.
fn settle(
    layers: &Layers,
    layer: &[usize],
    columns: &mut [f64],
    wanted: &dyn Fn(usize) -> Option<(f64, f64)>,
    measure: &Measure,
) {
    struct Run {
        /// Where its first item would like to be, and how much.
        at: f64,
        weight: f64,
        /// Its items with their distances from the first one.
        items: Vec<(usize, f64)>,
    }
    let mut runs: Vec<Run> = Vec::new();
    for item in layer {
        let (at, weight) = wanted(*item).unwrap_or((columns[*item], 0.05));
        let mut run = Run { at, weight, items: vec![(*item, 0.0)] };
        while let Some(last) = runs.pop_if(|last| {
            let (end, offset) = last.items[last.items.len() - 1];
            let apart = distance(&layers.items[end], &layers.items[run.items[0].0], measure);
            run.at < last.at + offset + f64::from(apart)
        }) {
            let (end, offset) = last.items[last.items.len() - 1];
            let apart =
                offset + f64::from(distance(&layers.items[end], &layers.items[run.items[0].0], measure));
            let weight = last.weight + run.weight;
            let at = (last.at * last.weight + (run.at - apart) * run.weight) / weight;
            let mut items = last.items;
            items.extend(run.items.into_iter().map(|(item, offset)| (item, offset + apart)));
            run = Run { at, weight, items };
        }
        runs.push(run);
    }
    for run in runs {
        run.items.into_iter().for_each(|(item, offset)| columns[item] = run.at + offset);
    }
}

fn rounded(layers: &Layers, columns: &[f64], measure: &Measure) -> Vec<i32> {
    let mut rounded = vec![0; columns.len()];
    for layer in &layers.layers {
        let mut before: Option<usize> = None;
        for item in layer {
            let free = before.map(|before| {
                rounded[before] + distance(&layers.items[before], &layers.items[*item], measure)
            });
            rounded[*item] = free.unwrap_or(i32::MIN).max(columns[*item].round() as i32);
            before = Some(*item);
        }
    }
    rounded
}

/// Pushes what stands too far to the left or to the right inwards, and returns the columns between which all stands then.
fn squeeze(layers: &Layers, columns: &mut [i32], measure: &Measure) -> (i32, i32) {
    let ends =
        |item: usize| (columns[item] - layers.items[item].left, columns[item] + layers.items[item].right);
    let begin = (0..columns.len()).map(|item| ends(item).0).min().unwrap_or(0);
    let end = (0..columns.len()).map(|item| ends(item).1).max().unwrap_or(0);
    let needed = |layer: &Vec<usize>| {
        let apart =
            layer.windows(2).map(|pair| distance(&layers.items[pair[0]], &layers.items[pair[1]], measure));
        let (first, last) = (layer.first(), layer.last());
        let outside = first.map_or(0, |item| layers.items[*item].left)
            + last.map_or(0, |item| layers.items[*item].right);
        apart.sum::<i32>() + outside + 1
    };
    let width = layers.layers.iter().map(needed).max().unwrap_or(0).max(measure.limit);
    if end - begin < width {
        return (begin, begin + width - 1);
    }
    let begin = i32::midpoint(begin, end) - width / 2;
    let end = begin + width - 1;
    for layer in &layers.layers {
        for (way, low) in [(1, true), (-1, false)] {
            let count = layer.len();
            let mut bound: Option<(i32, usize)> = None;
            for step in 0..count {
                let item = layer[if low { step } else { count - 1 - step }];
                let of = &layers.items[item];
                let at = match bound {
                    None if low => begin + of.left,
                    None => end - of.right,
                    Some((at, before)) => {
                        let (left, right) = if low { (before, item) } else { (item, before) };
                        at + way * distance(&layers.items[left], &layers.items[right], measure)
                    }
                };
                columns[item] = if low { columns[item].max(at) } else { columns[item].min(at) };
                bound = Some((at, item));
            }
        }
    }
    (begin, end)
}

/// Moves items with a single line above them right below where it comes from, if nothing stands there; then from below.
fn straighten(layers: &Layers, columns: &mut [i32], (begin, end): (i32, i32), measure: &Measure) {
    let count = layers.layers.len();
    for (step, down) in (0..count).map(|step| (step, true)).chain((0..count).rev().map(|step| (step, false)))
    {
        let layer = &layers.layers[step];
        for (at, item) in layer.iter().enumerate() {
            let of = &layers.items[*item];
            let (side, opposite) = if down { (&of.above, &of.below) } else { (&of.below, &of.above) };
            let [segment] = side[..] else { continue };
            let other = &layers.items[segment.other];
            let forks = if down { other.below.len() } else { other.above.len() } > 1;
            let wanted = columns[segment.other] + segment.there - segment.here;
            let left = at.checked_sub(1).map(|at| layer[at]);
            let low = left
                .map_or(begin + of.left, |left| columns[left] + distance(&layers.items[left], of, measure));
            let right = layer.get(at + 1);
            let high = right.map_or(end - of.right, |right| {
                columns[*right] - distance(of, &layers.items[*right], measure)
            });
            let is_near = (columns[*item] - wanted).abs() <= measure.gap;
            let is_straight =
                |segment: &Segment| columns[segment.other] + segment.there == columns[*item] + segment.here;
            // Upwards, nothing that is straight already is bent for another line.
            let is_free = down || !opposite.iter().any(is_straight);
            if (!forks || is_near) && (low..=high).contains(&wanted) && is_free {
                columns[*item] = wanted;
            }
        }
    }
}
