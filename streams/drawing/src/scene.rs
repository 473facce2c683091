//! Everything that is drawn, with its place: the sub-topologies among the topics that they exchange.

use std::collections::BTreeMap;

use crate::drawing::{Drawing, Part, Topic};
use crate::layers::{Block, Layer, LineKind, Link, layout};
use crate::measure::Measure;
use crate::panel::{self, Panel};

/// Shapes, lines and frames, in cells or pixels from the upper left corner.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) frames: Vec<Frame>,
    pub(crate) lines: Vec<Line>,
    pub(crate) shapes: Vec<Shape>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rect {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

/// The frame of a sub-topology.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// Where the title begins, right of the frame's left side.
    pub(crate) title_at: i32,
    pub(crate) rect: Rect,
}

#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: ShapeKind,
    pub(crate) name: String,
    /// The name in lines.
    pub(crate) label: Vec<String>,
    pub(crate) rect: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShapeKind {
    /// A source, a processor or a sink.
    Node,
    Store,
    Topic,
    /// Topics of which only the records or the cluster know the names.
    Topics,
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) points: Vec<(i32, i32)>,
    pub(crate) kind: LineKind,
    pub(crate) has_head: bool,
}

impl Scene {
    pub(crate) fn of(drawing: &Drawing, measure: &Measure) -> Self {
        let panels: Vec<Panel> =
            drawing.parts.iter().map(|part| panel::panel(part, measure, false)).collect();
        Plan::of(&drawing.parts, panels, measure).scene(measure)
    }

    /// Each sub-topology with its topics in its frame, one below the other: a topic between two of them is drawn in both.
    pub(crate) fn apart(drawing: &Drawing, measure: &Measure) -> Self {
        let mut scene = Self::default();
        for part in &drawing.parts {
            let one = panel::panel(part, measure, true).scene;
            let top = scene.height;
            (scene.width, scene.height) = (scene.width.max(one.width), top + one.height);
            scene.add(one, (0, top));
        }
        scene
    }

    /// Adds what another scene shows, moved.
    fn add(&mut self, other: Self, (x, y): (i32, i32)) {
        let moved = |rect: Rect| Rect { x: rect.x + x, y: rect.y + y, ..rect };
        self.frames.extend(other.frames.into_iter().map(|frame| Frame { rect: moved(frame.rect), ..frame }));
        self.shapes.extend(other.shapes.into_iter().map(|shape| Shape { rect: moved(shape.rect), ..shape }));
        self.lines.extend(other.lines.into_iter().map(|mut line| {
            line.points.iter_mut().for_each(|point| *point = (point.0 + x, point.1 + y));
            line
        }));
    }
}

impl Shape {
    pub(crate) fn of_topic(topic: &Topic, rect: Rect, measure: &Measure) -> Self {
        let kind = if topic.is_named() { ShapeKind::Topic } else { ShapeKind::Topics };
        Self { kind, name: topic.label().to_owned(), label: measure.label(topic.label()), rect }
    }
}

/// Frames and topics before they have places: blocks, the frames first.
struct Plan {
    panels: Vec<Panel>,
    topics: Vec<Topic>,
    blocks: Vec<Block>,
    links: Vec<Link>,
}

impl Plan {
    fn of(parts: &[Part], panels: Vec<Panel>, measure: &Measure) -> Self {
        let order = in_order(parts);
        // A topic whose readers do not all come after its writers is drawn where it is read and where it is written.
        let comes_between = |topic: &Topic| {
            let with = |touches: &dyn Fn(&Part) -> bool| {
                let of = |part: &usize| touches(&parts[*part]);
                order.iter().enumerate().filter(|(_, part)| of(part)).map(|(at, _)| at).collect::<Vec<_>>()
            };
            let (writers, readers) = (with(&|part| writes(part, topic)), with(&|part| reads(part, topic)));
            writers.iter().max() < readers.iter().min() || readers.is_empty()
        };
        let mut plan = Self { panels, topics: Vec::new(), blocks: Vec::new(), links: Vec::new() };
        let mut found: BTreeMap<(Topic, Option<usize>, bool), Vec<Link>> = BTreeMap::new();
        for (number, panel) in plan.panels.iter().enumerate() {
            let rect = panel.scene_size();
            let (left, right) = (0, rect.0 - 1);
            plan.blocks.push(Block { left, right, height: rect.1, foot: rect.1, layer: Layer::Any });
            let own = |topic: &Topic| (!topic.is_named()).then_some(number);
            for (topic, x) in &panel.reads {
                let twice = !comes_between(topic);
                let link =
                    Link { from: usize::MAX, to: number, leaves: 0, enters: Some(*x), kind: LineKind::Flow };
                found.entry((topic.clone(), own(topic), twice)).or_default().push(link);
            }
            for (topic, x) in &panel.writes {
                let link =
                    Link { from: number, to: usize::MAX, leaves: *x, enters: None, kind: LineKind::Flow };
                found.entry((topic.clone(), own(topic), false)).or_default().push(link);
            }
        }
        for ((topic, ..), links) in found {
            plan.add_topic(topic, links, measure);
        }
        plan
    }

    fn add_topic(&mut self, topic: Topic, links: Vec<Link>, measure: &Measure) {
        let entering = links.iter().filter(|link| link.to == usize::MAX).count();
        let (width, height) = measure.boxed(&measure.label(topic.label()), entering);
        let (left, right) = (width / 2, width / 2);
        let block = self.blocks.len();
        self.blocks.push(Block { left, right, height, foot: height, layer: Layer::Any });
        self.topics.push(topic);
        self.links.extend(links.into_iter().map(|link| match link.to {
            usize::MAX => Link { to: block, ..link },
            _ => Link { from: block, ..link },
        }));
    }

    fn scene(self, measure: &Measure) -> Scene {
        let layout = layout(&self.blocks, &self.links, measure);
        let mut scene = Scene { width: layout.width, height: layout.height, ..Scene::default() };
        let frames = self.panels.len();
        for (points, link) in layout.lines.into_iter().zip(&self.links) {
            scene.lines.push(Line { points, kind: link.kind, has_head: link.to >= frames });
        }
        for (panel, place) in self.panels.into_iter().zip(&layout.blocks) {
            scene.add(panel.scene, *place);
        }
        for ((topic, block), (x, y)) in
            self.topics.into_iter().zip(&self.blocks[frames..]).zip(&layout.blocks[frames..])
        {
            let rect = Rect { x: x - block.left, y: *y, width: block.left * 2 + 1, height: block.height };
            scene.shapes.push(Shape::of_topic(&topic, rect, measure));
        }
        scene
    }
}

fn reads(part: &Part, topic: &Topic) -> bool {
    part.nodes.iter().any(|node| node.reads().contains(topic))
}

fn writes(part: &Part, topic: &Topic) -> bool {
    part.nodes.iter().any(|node| node.writes() == Some(topic))
}

/// The sub-topologies, those that write a topic before those that read it; where that goes in a circle, as they are numbered.
fn in_order(parts: &[Part]) -> Vec<usize> {
    let written =
        |part: &Part| part.nodes.iter().filter_map(|node| node.writes().cloned()).collect::<Vec<_>>();
    let feeds = |from: usize, to: usize| {
        from != to && written(&parts[from]).iter().any(|topic| topic.is_named() && reads(&parts[to], topic))
    };
    let fed: Vec<Vec<usize>> =
        (0..parts.len()).map(|to| (0..parts.len()).filter(|from| feeds(*from, to)).collect()).collect();
    let (mut order, mut left): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..parts.len()).collect());
    while !left.is_empty() {
        let is_free = |part: &usize| fed[*part].iter().all(|from| order.contains(from));
        let next = left.iter().position(is_free).unwrap_or(0);
        order.push(left.remove(next));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(a: Rect, b: Rect) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    /// The inside of what a piece of a line covers, ends left out.
    fn covered(from: (i32, i32), to: (i32, i32)) -> Rect {
        let (x, y) = (from.0.min(to.0), from.1.min(to.1));
        let (width, height) = ((from.0 - to.0).abs(), (from.1 - to.1).abs());
        match height {
            0 => Rect { x: x + 1, y, width: width - 1, height: 1 },
            _ => Rect { x, y: y + 1, width: 1, height: height - 2 },
        }
    }

    /// Two frames, a shared store, a fork, a long line past others, a topic written twice and one in a circle.
    const TANGLED: &str = "Topologies:
   Sub-topology: 0
    Source: in (topics: [a, back])
      --> fork
    Source: other (topics: [b])
      --> table
    Processor: fork (stores: [])
      --> x, y, z, join
    Processor: table (stores: [t, own])
      --> none
    Processor: join (stores: [t])
      --> out
    Processor: x (stores: [])
      --> merge
    Processor: y (stores: [])
      --> merge
    Processor: z (stores: [])
      --> merge, out-too
    Processor: merge (stores: [])
      --> out
    Sink: out (topic: mid)
    Sink: out-too (topic: mid)

   Sub-topology: 1
    Source: again (topics: [mid])
      --> back-sink, dynamic
    Sink: back-sink (topic: back)
    Sink: dynamic (extractor class: Choose)
";

    #[test]
    fn nothing_lies_on_anything_else() {
        let drawing: Drawing = TANGLED.parse().unwrap();
        for measure in [Measure::SVG, Measure::terminal(120, 120, 64), Measure::terminal(60, 1, 14)] {
            for scene in [Scene::of(&drawing, &measure), Scene::apart(&drawing, &measure)] {
                for (at, shape) in scene.shapes.iter().enumerate() {
                    let others = scene.shapes[at + 1..].iter();
                    assert!(others.clone().all(|other| !meet(shape.rect, other.rect)), "{shape:?}");
                    for line in &scene.lines {
                        for ends in line.points.windows(2) {
                            let meets = meet(shape.rect, covered(ends[0], ends[1]));
                            assert!(!meets, "{line:?} passes through {shape:?}");
                        }
                    }
                }
                for (at, frame) in scene.frames.iter().enumerate() {
                    assert!(scene.frames[at + 1..].iter().all(|other| !meet(frame.rect, other.rect)));
                }
            }
        }
    }

    #[test]
    fn a_topic_in_a_circle_is_drawn_where_it_is_read_and_where_it_is_written() {
        let scene = Scene::of(&TANGLED.parse().unwrap(), &Measure::SVG);
        let drawn = |name: &str| scene.shapes.iter().filter(|shape| shape.name == name).count();
        assert_eq!((drawn("back"), drawn("mid"), drawn("a")), (2, 1, 1));
    }
}
