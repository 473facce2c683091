//! Blocks in layers and the lines between them: every line leads down, bends only between layers, and no two lie on each other.
//!
//! The classic method (Sugiyama): blocks get their layers, lines that pass a layer get a place in it, the order within layers is
//! chosen for few crossings, and then things are moved within their order until lines are straight.

mod order;
mod place;
mod rank;
mod route;

use crate::measure::Measure;

/// Something with a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// How far it reaches to the left and to the right of the column in which its lines leave.
    pub(crate) left: i32,
    pub(crate) right: i32,
    pub(crate) height: i32,
    /// How far below its top its lines leave.
    pub(crate) foot: i32,
    pub(crate) layer: Layer,
}

/// Which layer a block belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    First,
    Any,
    Last,
}

/// A line from a block to one below it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Where it leaves and enters, right of the middle of the blocks; where it enters is chosen if it is not said.
    pub(crate) leaves: i32,
    pub(crate) enters: Option<i32>,
    /// Lines of one kind that leave a block at one place are one line that forks.
    pub(crate) kind: LineKind,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LineKind {
    /// Records go this way.
    Flow,
    /// A processor uses a store.
    Use,
}

/// Where everything stands.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The middle and the top of each block.
    pub(crate) blocks: Vec<(i32, i32)>,
    /// The corners of each line.
    pub(crate) lines: Vec<Vec<(i32, i32)>>,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

/// A block, or the place where a line passes a layer.
#[derive(Debug, Clone)]
struct Item {
    layer: usize,
    left: i32,
    right: i32,
    above: Vec<Segment>,
    below: Vec<Segment>,
    is_bend: bool,
}

/// A line from one layer to the next, as seen from one of its ends.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// The item at the other end.
    other: usize,
    link: usize,
    /// Where it leaves here and arrives there, right of the middle.
    here: i32,
    there: i32,
}

/// Items and their order in the layers. The first items are the blocks.
struct Layers {
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
}

/// Lays out blocks without circles among them.
pub(crate) fn layout(blocks: &[Block], links: &[Link], measure: &Measure) -> Layout {
    let ranks = rank::ranks(blocks, links, measure);
    let mut layers = order::layers(blocks, links, &ranks);
    order::order(&mut layers);
    spread_entries(&mut layers, links, measure);
    let columns = place::place(&layers, measure);
    route::route(blocks, links, &layers, &columns, measure)
}

/// Gives the lines that enter a block places side by side, in the order in which they come.
fn spread_entries(layers: &mut Layers, links: &[Link], measure: &Measure) {
    let place = layers.places();
    for item in 0..layers.items.len() {
        let mut free: Vec<usize> = (0..layers.items[item].above.len()).collect();
        free.retain(|at| {
            let link = &links[layers.items[item].above[*at].link];
            !layers.items[item].is_bend && link.enters.is_none()
        });
        let key = |at: &usize| {
            let segment = layers.items[item].above[*at];
            (place[segment.other], segment.there)
        };
        free.sort_by_key(key);
        let from = -(measure.port * (free.len() as i32 - 1)) / 2;
        for (at, column) in free.into_iter().zip((0..).map(|number| from + number * measure.port)) {
            layers.items[item].above[at].here = column;
            let (other, link) = (layers.items[item].above[at].other, layers.items[item].above[at].link);
            let mirrored = |segment: &&mut Segment| segment.link == link && segment.other == item;
            layers.items[other].below.iter_mut().filter(mirrored).for_each(|segment| segment.there = column);
        }
    }
}

impl Layers {
    /// The place of each item in its layer.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.items.len()];
        for layer in &self.layers {
            for (place, item) in layer.iter().enumerate() {
                places[*item] = place;
            }
        }
        places
    }
}
