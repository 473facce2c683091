//! The lines: down, along a track between two layers, down again.

use std::collections::BTreeMap;

use super::{Block, Layers, Layout, LineKind, Link};
use crate::measure::Measure;

/// Tracks are exchanged for fewer crossings between layers with no more lines than this.
const MAX_EXCHANGED: usize = 60;

/// What two lines cost that would lie on each other, in crossings.
const OVERLAP: usize = 1_000;

/// A line that leaves an item, with all its forks.
struct Net {
    from: i32,
    to: Vec<i32>,
    track: i32,
}

impl Net {
    fn is_straight(&self) -> bool {
        self.to.iter().all(|to| *to == self.from)
    }

    fn span(&self) -> (i32, i32) {
        let ends = self.to.iter().chain([&self.from]);
        (*ends.clone().min().unwrap_or(&0), *ends.max().unwrap_or(&0))
    }
}

/// The item, column and kind of a net.
type Start = (usize, i32, LineKind);

pub(super) fn route(
    blocks: &[Block],
    links: &[Link],
    layers: &Layers,
    columns: &[i32],
    measure: &Measure,
) -> Layout {
    let mut layout = Layout {
        blocks: vec![(0, 0); blocks.len()],
        lines: vec![Vec::new(); links.len()],
        width: 0,
        height: 0,
    };
    layout.width =
        (0..layers.items.len()).map(|item| columns[item] + layers.items[item].right + 1).max().unwrap_or(0);
    let mut top = 0;
    let mut tops = vec![0; layers.items.len()];
    for (number, layer) in layers.layers.iter().enumerate() {
        let height =
            layer.iter().filter_map(|item| blocks.get(*item)).map(|block| block.height).max().unwrap_or(0);
        for item in layer {
            tops[*item] = top;
            if let Some(place) = layout.blocks.get_mut(*item) {
                *place = (columns[*item], top);
            }
        }
        top += height;
        if number + 1 == layers.layers.len() {
            break;
        }
        let (nets, tracks) = nets(layers, links, layer, columns);
        let next = top + measure.lead + tracks * measure.track + measure.tail;
        for item in layer {
            let leave = tops[*item] + blocks.get(*item).map_or(0, |block| block.foot);
            for segment in &layers.items[*item].below {
                let (from, to) = (columns[*item] + segment.here, columns[segment.other] + segment.there);
                let net = &nets[&(*item, segment.here, links[segment.link].kind)];
                let track = top + measure.lead + net.track * measure.track;
                draw(&mut layout.lines[segment.link], (from, leave), track, (to, next));
            }
        }
        top = next;
    }
    layout.height = top;
    layout
}

fn draw(line: &mut Vec<(i32, i32)>, from: (i32, i32), track: i32, to: (i32, i32)) {
    // A line that goes on straight has no corner where it passed a layer.
    let joins = line.len() >= 2 && line[line.len() - 1].0 == from.0;
    match joins {
        true => drop(line.pop()),
        false => line.push(from),
    }
    if from.0 != to.0 {
        line.extend([(from.0, track), (to.0, track)]);
    }
    line.push(to);
}

/// The lines between a layer and the next, and how many tracks they need.
fn nets(layers: &Layers, links: &[Link], layer: &[usize], columns: &[i32]) -> (BTreeMap<Start, Net>, i32) {
    let mut nets: BTreeMap<Start, Net> = BTreeMap::new();
    for item in layer {
        for segment in &layers.items[*item].below {
            let from = columns[*item] + segment.here;
            let start = (*item, segment.here, links[segment.link].kind);
            let net = nets.entry(start).or_insert(Net { from, to: Vec::new(), track: 0 });
            net.to.push(columns[segment.other] + segment.there);
        }
    }
    let mut bent: Vec<&mut Net> = nets.values_mut().filter(|net| !net.is_straight()).collect();
    bent.sort_by_key(|net| net.span());
    exchange_tracks(&mut bent);
    let mut tracks = 0;
    for at in 0..bent.len() {
        let (begin, end) = bent[at].span();
        let meets = |other: &&&mut Net| {
            let span = other.span();
            span.0 <= end + 1 && begin <= span.1 + 1
        };
        let track = bent[..at].iter().filter(meets).map(|other| other.track + 1).max().unwrap_or(0);
        bent[at].track = track;
        tracks = tracks.max(track + 1);
    }
    (nets, tracks)
}

/// Orders nets from the top so that few lines cross: each is moved to its best place until none gets better.
fn exchange_tracks(nets: &mut Vec<&mut Net>) {
    if nets.len() > MAX_EXCHANGED {
        return;
    }
    for _ in 0..nets.len() {
        let mut improved = false;
        for at in 0..nets.len() {
            let mut costs = vec![0_i64; nets.len()];
            for place in (0..at).rev() {
                costs[place] = costs[place + 1] + gain(nets[at], nets[place]);
            }
            for place in at + 1..nets.len() {
                costs[place] = costs[place - 1] - gain(nets[at], nets[place]);
            }
            let best = (0..nets.len()).min_by_key(|place| costs[*place]).unwrap_or(at);
            if costs[best] < 0 {
                let net = nets.remove(at);
                nets.insert(best, net);
                improved = true;
            }
        }
        if !improved {
            break;
        }
    }
}

/// What it costs more to have `a` above `b` than below.
fn gain(a: &Net, b: &Net) -> i64 {
    cost(a, b) as i64 - cost(b, a) as i64
}

/// Crossings of two nets, the first on the higher track: the way down of the first crosses the second's track, the second's way
/// from above crosses the first's.
fn cost(upper: &Net, lower: &Net) -> usize {
    let (above, below) = (upper.span(), lower.span());
    let down = upper.to.iter().filter(|to| (below.0..=below.1).contains(to)).count();
    let from = usize::from((above.0..=above.1).contains(&lower.from));
    let overlaps = upper.to.contains(&lower.from);
    down + from + if overlaps { OVERLAP } else { 0 }
}
