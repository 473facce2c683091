//! A sub-topology in its frame: sources above, sinks below, each store beside the processor that has it for itself.

use crate::drawing::{Node, Part, Topic};
use crate::layers::{Block, Layer, Layout, LineKind, Link, layout};
use crate::measure::Measure;
use crate::scene::{Frame, Line, Rect, Scene, Shape, ShapeKind};

/// The inside of a frame, from the frame's corner, and where lines pass the frame.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) scene: Scene,
    /// What is read, and in which column it comes in.
    pub(crate) reads: Vec<(Topic, i32)>,
    pub(crate) writes: Vec<(Topic, i32)>,
}

impl Panel {
    pub(crate) fn scene_size(&self) -> (i32, i32) {
        (self.scene.width, self.scene.height)
    }
}

/// Lays out a sub-topology; its topics stand in the frame with it if they are `inside`.
pub(crate) fn panel(part: &Part, measure: &Measure, inside: bool) -> Panel {
    let sides = 2 * measure.sides;
    let inner = Measure { width: measure.width - sides, limit: measure.limit - sides, ..*measure };
    let mut plan = Plan::of(part, &inner);
    if inside {
        plan.add_topics(part, &inner);
    } else {
        plan.add_passages(part);
    }
    plan.add_borders(&inner);
    let layout = layout(&plan.blocks, &plan.links, &inner);
    plan.panel(part, &layout, measure)
}

/// Blocks before they have places: the nodes, then the stores that several nodes share, then where lines pass the frame.
struct Plan {
    blocks: Vec<Block>,
    links: Vec<Link>,
    /// The stores that stand beside a node, which is their only one.
    own: Vec<Vec<String>>,
    shared: Vec<String>,
    /// The topics that stand in the frame.
    topics: Vec<Topic>,
    reads: Vec<Topic>,
    writes: Vec<Topic>,
}

impl Plan {
    fn of(part: &Part, measure: &Measure) -> Self {
        let users = |store: &str| users(&part.nodes, store);
        let is_own = |store: &&String| users(store).len() == 1;
        let own: Vec<Vec<String>> =
            part.nodes.iter().map(|node| node.stores.iter().filter(is_own).cloned().collect()).collect();
        let mut shared: Vec<String> = part.nodes.iter().flat_map(|node| &node.stores).cloned().collect();
        shared.retain(|store| users(store).len() > 1);
        shared.sort();
        shared.dedup();
        let (reads, writes) = (Vec::new(), Vec::new());
        let (blocks, links, topics) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Self { blocks, links, own, shared, topics, reads, writes };
        plan.add_flow(part);
        let users: Vec<Vec<usize>> = plan.shared.iter().map(|store| users(store)).collect();
        plan.add_uses(part, &users, measure);
        plan.add_nodes(part, measure);
        plan
    }

    fn add_flow(&mut self, part: &Part) {
        for (from, node) in part.nodes.iter().enumerate() {
            let link = |to: &usize| Link { from, to: *to, leaves: 0, enters: None, kind: LineKind::Flow };
            self.links.extend(node.below.iter().map(link));
        }
    }

    /// The first user of a shared store stands above it, the others below.
    fn add_uses(&mut self, part: &Part, users: &[Vec<usize>], measure: &Measure) {
        let kind = LineKind::Use;
        for (store, users) in (part.nodes.len()..).zip(users) {
            let (first, others) = (users[0], &users[1..]);
            let lines =
                self.links.iter().filter(|link| link.from == first && link.kind == kind).count() as i32;
            let leaves = if part.nodes[first].below.is_empty() { lines } else { lines + 1 } * measure.port;
            self.links.push(Link { from: first, to: store, leaves, enters: None, kind });
            self.links.extend(others.iter().map(|to| Link {
                from: store,
                to: *to,
                leaves: 0,
                enters: None,
                kind,
            }));
        }
    }

    fn add_nodes(&mut self, part: &Part, measure: &Measure) {
        let names = part.nodes.iter().map(|node| &node.name).chain(&self.shared);
        for (at, name) in names.enumerate() {
            let is_store = at >= part.nodes.len();
            let entering = self.links.iter().filter(|link| link.to == at).count()
                + part.nodes.get(at).map_or(0, |node| node.reads().len());
            let leaving =
                self.links.iter().filter(|link| link.from == at).map(|link| link.leaves).max().unwrap_or(0);
            let (width, mut height) =
                measure.boxed(&measure.label(name), entering.max(2 * (leaving / measure.port) as usize));
            height += if is_store { measure.lid } else { 0 };
            let (left, mut right, foot) = (width / 2, width / 2, height);
            for (rect, _) in beside(self.own.get(at).map_or(&[][..], |own| own), (0, 0), right, measure) {
                right = right.max(rect.x + rect.width - 1);
                height = height.max(rect.y + rect.height);
            }
            self.blocks.push(Block { left, right, height, foot, layer: Layer::Any });
        }
    }

    /// The places at the frame where lines come in and go out.
    fn add_passages(&mut self, part: &Part) {
        for (at, node) in part.nodes.iter().enumerate() {
            for topic in node.reads() {
                self.link(self.blocks.len() + self.reads.len(), at);
                self.reads.push(topic.clone());
            }
        }
        for (at, node) in part.nodes.iter().enumerate() {
            if let Some(topic) = node.writes() {
                self.link(at, self.blocks.len() + self.reads.len() + self.writes.len());
                self.writes.push(topic.clone());
            }
        }
    }

    fn link(&mut self, from: usize, to: usize) {
        self.links.push(Link { from, to, leaves: 0, enters: None, kind: LineKind::Flow });
    }

    fn add_topics(&mut self, part: &Part, measure: &Measure) {
        for (at, node) in part.nodes.iter().enumerate() {
            for topic in node.reads() {
                let topic = self.add_topic(topic, 0, measure);
                self.link(topic, at);
            }
        }
        let mut written: Vec<(Topic, usize)> = Vec::new();
        for (at, node) in part.nodes.iter().enumerate() {
            let Some(topic) = node.writes() else { continue };
            let known = written.iter().find(|(known, _)| known == topic && topic.is_named());
            let block = known.map(|(_, block)| *block).unwrap_or_else(|| {
                let lines = part.nodes.iter().filter(|node| node.writes() == Some(topic)).count();
                self.add_topic(topic, lines, measure)
            });
            written.push((topic.clone(), block));
            self.link(at, block);
        }
    }

    fn add_topic(&mut self, topic: &Topic, lines: usize, measure: &Measure) -> usize {
        let (width, height) = measure.boxed(&measure.label(topic.label()), lines);
        let (left, right) = (width / 2, width / 2);
        self.blocks.push(Block { left, right, height, foot: height, layer: Layer::Any });
        self.topics.push(topic.clone());
        self.blocks.len() - 1
    }

    /// What lies at the upper and the lower side of the frame: the passages, and in any case room for the title.
    fn add_borders(&mut self, measure: &Measure) {
        let passage = |height, layer| Block { left: 0, right: 0, height, foot: height, layer };
        self.blocks.extend((0..self.reads.len()).map(|_| passage(measure.header, Layer::First)));
        self.blocks.extend((0..self.writes.len()).map(|_| passage(measure.footer, Layer::Last)));
        if self.reads.is_empty() {
            self.blocks.push(passage(measure.header, Layer::First));
        }
        if self.writes.is_empty() {
            self.blocks.push(passage(measure.footer, Layer::Last));
        }
    }

    fn panel(self, part: &Part, layout: &Layout, measure: &Measure) -> Panel {
        let mut scene = Scene::default();
        let place = |at: usize| (layout.blocks[at].0 + measure.sides, layout.blocks[at].1);
        let first_topic = part.nodes.len() + self.shared.len();
        let first_passage = first_topic + self.topics.len();
        let columns =
            |from: usize, count: usize| (from..from + count).map(|at| place(at).0).collect::<Vec<_>>();
        let entries = columns(first_passage, self.reads.len());
        let exits = columns(first_passage + self.reads.len(), self.writes.len());
        for (points, link) in layout.lines.iter().zip(&self.links) {
            let mut points: Vec<_> = points.iter().map(|(x, y)| (x + measure.sides, *y)).collect();
            if self.blocks[link.from].layer == Layer::First {
                points[0].1 = 0;
            }
            let leaves = self.blocks[link.to].layer == Layer::Last;
            if let (true, Some(last)) = (leaves, points.last_mut()) {
                last.1 = layout.height;
            }
            scene.lines.push(Line {
                points,
                kind: link.kind,
                has_head: link.kind == LineKind::Flow && !leaves,
            });
        }
        let names = part.nodes.iter().map(|node| &node.name).chain(&self.shared);
        for (at, name) in names.enumerate() {
            self.add_shapes(&mut scene, at, name, place(at), measure);
        }
        for (at, topic) in (first_topic..).zip(&self.topics) {
            let ((x, y), block) = (place(at), &self.blocks[at]);
            let rect = Rect { x: x - block.left, y, width: 2 * block.left + 1, height: block.height };
            scene.shapes.push(Shape::of_topic(topic, rect, measure));
        }
        let (title_at, title_end) = title_place(&part.title, &entries, measure);
        scene.width = (layout.width + 2 * measure.sides).max(title_end);
        scene.height = layout.height;
        let rect = Rect { x: 0, y: 0, width: scene.width, height: scene.height };
        scene.frames.push(Frame { title: part.title.clone(), title_at, rect });
        let (reads, writes) = (self.reads.into_iter().zip(entries), self.writes.into_iter().zip(exits));
        Panel { scene, reads: reads.collect(), writes: writes.collect() }
    }

    fn add_shapes(&self, scene: &mut Scene, at: usize, name: &str, (x, y): (i32, i32), measure: &Measure) {
        let block = &self.blocks[at];
        let rect = Rect { x: x - block.left, y, width: 2 * block.left + 1, height: block.foot };
        let kind = if at < self.own.len() { ShapeKind::Node } else { ShapeKind::Store };
        scene.shapes.push(Shape { kind, name: name.to_owned(), label: measure.label(name), rect });
        for (rect, store) in beside(self.own.get(at).map_or(&[][..], |own| own), (x, y), block.left, measure)
        {
            let middle = rect.y + block.foot / 2;
            let points = vec![(x + block.left + 1, middle), (rect.x, middle)];
            scene.lines.push(Line { points, kind: LineKind::Use, has_head: false });
            let (name, label) = (store.clone(), measure.label(store));
            scene.shapes.push(Shape { kind: ShapeKind::Store, name, label, rect });
        }
    }
}

/// The stores beside a box whose middle and top are at `x` and `y`, one below the other.
fn beside<'a>(
    stores: &'a [String],
    (x, y): (i32, i32),
    half: i32,
    measure: &Measure,
) -> impl Iterator<Item = (Rect, &'a String)> {
    let measure = *measure;
    stores.iter().scan(y, move |y, store| {
        let (width, height) = measure.boxed(&measure.label(store), 0);
        let rect = Rect { x: x + half + 1 + measure.gap, y: *y, width, height: height + measure.lid };
        *y += rect.height + measure.track / 2;
        Some((rect, store))
    })
}

/// Where a title begins so that no line that comes in passes through it, and how wide the frame has to be for it.
fn title_place(title: &str, entries: &[i32], measure: &Measure) -> (i32, i32) {
    let width = measure.text(title) + measure.gap;
    let meets = |at: i32| entries.iter().any(|entry| (at - measure.gap / 2..=at + width).contains(entry));
    let begins = [measure.sides].into_iter().chain(entries.iter().map(|entry| entry + 1 + measure.gap / 2));
    let at = begins.filter(|at| !meets(*at)).min().unwrap_or(measure.sides);
    (at, at + width + measure.sides)
}

/// The nodes that use a store: first the one that stands above it. That is the one made first, as its number tells, of those to
/// which none of the others leads: who fills a table's store is made before who joins it.
fn users(nodes: &[Node], store: &str) -> Vec<usize> {
    let uses = |at: &usize| nodes[*at].stores.iter().any(|known| known == store);
    let mut users: Vec<usize> = (0..nodes.len()).filter(uses).collect();
    let is_led_to = |user: usize| users.iter().any(|other| *other != user && leads_to(nodes, *other, user));
    let number = |user: usize| nodes[user].name.rsplit('-').next().and_then(|tail| tail.parse::<u32>().ok());
    let above = (0..users.len()).min_by_key(|at| {
        let number = number(users[*at]);
        (is_led_to(users[*at]), number.is_none(), number)
    });
    if let Some(above) = above {
        users.swap(0, above);
    }
    users
}

fn leads_to(nodes: &[Node], from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (vec![false; nodes.len()], vec![from]);
    while let Some(at) = open.pop() {
        let new = nodes[at].below.iter().filter(|below| !std::mem::replace(&mut seen[**below], true));
        open.extend(new);
    }
    seen[to]
}
