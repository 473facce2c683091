//! Drawn with the characters that terminals have for boxes.

use crate::drawing::Drawing;
use crate::layers::LineKind;
use crate::measure::Measure;
use crate::scene::{Frame, Line, Rect, Scene, Shape, ShapeKind};

/// Lengths at which names are broken, the first that makes the drawing fit being taken: as long as it does without, sub-topologies
/// are joined by the topics between them.
const WRAPS_JOINED: [usize; 3] = [64, 32, 24];
const WRAPS_APART: [usize; 4] = [32, 24, 18, 14];

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// Lines by where they lead: bits of `UP`, `DOWN`, `LEFT`, `RIGHT`.
const LINES: [char; 16] = [' ', '╵', '╷', '│', '╴', '┘', '┐', '┤', '╶', '└', '┌', '├', '─', '┴', '┬', '┼'];

pub(crate) fn draw(drawing: &Drawing, columns: usize) -> String {
    let columns = i32::try_from(columns).unwrap_or(i32::MAX / 4).clamp(1, i32::MAX / 4);
    let mut narrowest: Option<Scene> = None;
    for (shape, width, wrap) in attempts(columns) {
        let scene = shape(drawing, &Measure::terminal(columns, width, wrap));
        if scene.width <= columns {
            return Canvas::of(&scene).into_text();
        }
        if narrowest.as_ref().is_none_or(|other| scene.width < other.width) {
            narrowest = Some(scene);
        }
    }
    narrowest.map_or_else(String::new, |scene| Canvas::of(&scene).into_text())
}

/// Ways to draw, the best first: in full width, in half of it, then one thing below the other.
fn attempts(columns: i32) -> impl Iterator<Item = (fn(&Drawing, &Measure) -> Scene, i32, usize)> {
    let joined = WRAPS_JOINED.map(|wrap| (Scene::of as fn(&Drawing, &Measure) -> Scene, columns, wrap));
    let apart = [columns, columns / 2, 1].into_iter().flat_map(|width| {
        WRAPS_APART.map(|wrap| (Scene::apart as fn(&Drawing, &Measure) -> Scene, width, wrap))
    });
    joined.into_iter().chain(apart)
}

/// A cell: a character, or lines through it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    character: Option<char>,
    lines: u8,
    /// Whether a solid line leads through it.
    solid: bool,
}

struct Canvas {
    rows: Vec<Vec<Cell>>,
}

impl Canvas {
    fn of(scene: &Scene) -> Self {
        let row = vec![Cell::default(); scene.width as usize];
        let mut canvas = Self { rows: vec![row; scene.height as usize] };
        scene.frames.iter().for_each(|frame| canvas.frame(frame));
        scene.shapes.iter().for_each(|shape| canvas.shape(shape));
        scene.lines.iter().for_each(|line| canvas.line(line));
        canvas
    }

    fn cell(&mut self, x: i32, y: i32) -> &mut Cell {
        &mut self.rows[y as usize][x as usize]
    }

    fn put(&mut self, x: i32, y: i32, character: char) {
        self.cell(x, y).character = Some(character);
    }

    fn text(&mut self, x: i32, y: i32, text: &str) {
        for (x, character) in (x..).zip(text.chars()) {
            self.put(x, y, character);
        }
    }

    /// The border of a rectangle: its corners from the upper left one clockwise, then what is horizontal and vertical.
    fn border(&mut self, rect: Rect, [a, b, c, d, horizontal, vertical]: [char; 6]) {
        let (right, bottom) = (rect.x + rect.width - 1, rect.y + rect.height - 1);
        for x in rect.x + 1..right {
            self.put(x, rect.y, horizontal);
            self.put(x, bottom, horizontal);
        }
        for y in rect.y + 1..bottom {
            self.put(rect.x, y, vertical);
            self.put(right, y, vertical);
        }
        for (x, y, corner) in
            [(rect.x, rect.y, a), (right, rect.y, b), (right, bottom, c), (rect.x, bottom, d)]
        {
            self.put(x, y, corner);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.border(frame.rect, ['┌', '┐', '┘', '└', '╌', '┆']);
        self.text(frame.rect.x + frame.title_at, frame.rect.y, &format!(" {} ", frame.title));
    }

    fn shape(&mut self, shape: &Shape) {
        let rect = shape.rect;
        self.border(
            rect,
            match shape.kind {
                ShapeKind::Node => ['┌', '┐', '┘', '└', '─', '│'],
                ShapeKind::Store => ['╭', '╮', '╯', '╰', '─', '│'],
                ShapeKind::Topic => ['╔', '╗', '╝', '╚', '═', '║'],
                ShapeKind::Topics => ['╔', '╗', '╝', '╚', '╍', '║'],
            },
        );
        let mut top = rect.y + 1;
        if shape.kind == ShapeKind::Store {
            let lid: String = (2..rect.width).map(|_| '─').collect();
            self.text(rect.x, top, &format!("├{lid}┤"));
            top += 1;
        }
        for (y, line) in (top..).zip(&shape.label) {
            let spare = rect.width - line.chars().count() as i32;
            self.text(rect.x + spare / 2, y, line);
        }
    }

    /// A line leads through the cells from its first point on, and ends before the last.
    fn line(&mut self, line: &Line) {
        let solid = line.kind == LineKind::Flow;
        for ends in line.points.windows(2) {
            let ((x0, y0), (x1, y1)) = (ends[0], ends[1]);
            for x in x0.min(x1)..x0.max(x1) {
                self.through(x, y0, RIGHT, solid);
                // What stands beside a box begins after the one box and ends before the other.
                if line.points.len() == 2 {
                    self.through(x, y0, LEFT, solid);
                } else {
                    self.through(x + 1, y0, LEFT, solid);
                }
            }
            for y in y0..y1 {
                self.through(x0, y, DOWN, solid);
                if y + 1 < y1 || ends[1] != line.points[line.points.len() - 1] {
                    self.through(x0, y + 1, UP, solid);
                }
            }
        }
        self.ends(line);
    }

    fn through(&mut self, x: i32, y: i32, towards: u8, solid: bool) {
        let cell = self.cell(x, y);
        cell.lines |= towards;
        cell.solid |= solid;
    }

    fn ends(&mut self, line: &Line) {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { return };
        if first.1 == last.1 && line.points.len() == 2 {
            self.joint(first.0 - 1, first.1, [('│', '├')]);
            return self.joint(last.0, last.1, [('│', '┤'), ('├', '┼')]);
        }
        if line.has_head {
            self.put(last.0, last.1 - 1, '▼');
        } else if line.kind == LineKind::Use {
            self.joint(last.0, last.1, [('─', '┴')]);
        }
        self.cell(first.0, first.1).lines |= UP;
        if first.1 > 0 {
            self.joint(first.0, first.1 - 1, [('─', '┬'), ('═', '╤'), ('╍', '┯')]);
        }
    }

    /// Turns a side of a box into one from which a line leads.
    fn joint<const N: usize>(&mut self, x: i32, y: i32, pairs: [(char, char); N]) {
        let cell = self.cell(x, y);
        if let Some((_, joined)) = pairs.iter().find(|(side, _)| cell.character == Some(*side)) {
            cell.character = Some(*joined);
        }
    }

    fn into_text(self) -> String {
        let mut text = String::new();
        for row in self.rows {
            let line: String = row.iter().map(Cell::shown).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Cell {
    fn shown(&self) -> char {
        match (self.character, self.lines) {
            // A line that passes a frame.
            (Some('╌'), lines) if lines & (UP | DOWN) != 0 => '│',
            (Some(character), _) => character,
            (None, lines) if !self.solid && lines == UP | DOWN => '┊',
            (None, lines) if !self.solid && lines == LEFT | RIGHT => '┄',
            (None, lines) => LINES[usize::from(lines)],
        }
    }
}
