//! Drawn as an SVG image.

use std::fmt::Write as _;

use crate::drawing::Drawing;
use crate::layers::LineKind;
use crate::measure::Measure;
use crate::scene::{Frame, Line, Scene, Shape, ShapeKind};

/// What is left free around the drawing.
const MARGIN: i32 = 24;

/// The radius at which lines turn.
const TURN: i32 = 6;

/// No variables, and colours said twice: not every reader of SVG knows `var()`, and one that does not know the media query
/// draws a light image.
const STYLE: &str = "
.ground{fill:#ffffff}
.frame rect{fill:#f6f8fa;stroke:#d0d7de;stroke-dasharray:5 4}
.frame text{fill:#57606a;font-weight:600}
.node rect{fill:#ffffff;stroke:#57606a}
.node text{fill:#1f2328}
.store path{fill:#fff8e5;stroke:#9a6700}
.store text{fill:#633c01}
.topic rect,.topics rect{fill:#e6f6ec;stroke:#1a7f37;stroke-width:1.6}
.topics rect{stroke-dasharray:5 3}
.topic text,.topics text{fill:#0f5323;font-weight:600}
.flow{fill:none;stroke:#57606a;stroke-width:1.4}
.use{fill:none;stroke:#9a6700;stroke-width:1.4;stroke-dasharray:3 3}
.head{fill:#57606a}
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;text-anchor:middle}
.frame text{text-anchor:start}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117}
.frame rect{fill:#151b23;stroke:#3d444d}
.frame text{fill:#9198a1}
.node rect{fill:#212830;stroke:#9198a1}
.node text{fill:#f0f6fc}
.store path{fill:#2e2410;stroke:#d29922}
.store text{fill:#f2cc60}
.topic rect,.topics rect{fill:#12261e;stroke:#3fb950}
.topic text,.topics text{fill:#7ee787}
.flow{stroke:#9198a1}
.use{stroke:#d29922}
.head{fill:#9198a1}
}
";

pub(crate) fn draw(drawing: &Drawing) -> String {
    let scene = Scene::of(drawing, &Measure::SVG);
    let (width, height) = (scene.width + 2 * MARGIN, scene.height + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"{0} {0} {width} {height}\" role=\"img\">\n<title>Topology</title>\n<style>{STYLE}</style>\n<rect class=\"ground\" x=\"{0}\" y=\"{0}\" width=\"{width}\" height=\"{height}\"/>\n",
        -MARGIN
    );
    scene.frames.iter().for_each(|frame| svg.push_str(&of_frame(frame)));
    scene.lines.iter().for_each(|line| svg.push_str(&of_line(line)));
    scene.shapes.iter().for_each(|shape| svg.push_str(&of_shape(shape)));
    svg + "</svg>\n"
}

fn of_frame(frame: &Frame) -> String {
    let rect = frame.rect;
    format!(
        "<g class=\"frame\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\"/><text x=\"{}\" y=\"{}\">{}</text></g>\n",
        rect.x,
        rect.y,
        rect.width,
        rect.height,
        rect.x + frame.title_at,
        rect.y + 20,
        escaped(&frame.title)
    )
}

fn of_shape(shape: &Shape) -> String {
    let rect = shape.rect;
    let (class, outline) = match shape.kind {
        ShapeKind::Store => ("store", cylinder(shape)),
        ShapeKind::Node => ("node", boxed(shape, 5)),
        ShapeKind::Topic => ("topic", boxed(shape, rect.height / 2)),
        ShapeKind::Topics => ("topics", boxed(shape, rect.height / 2)),
    };
    let lid = if shape.kind == ShapeKind::Store { Measure::SVG.lid } else { 0 };
    let middle = rect.y + lid / 2 + rect.height / 2;
    let first = middle - (shape.label.len() as i32 - 1) * Measure::SVG.line / 2 + 4;
    let mut text = format!("<g class=\"{class}\"><title>{}</title>{outline}", escaped(&shape.name));
    for (number, line) in (0..).zip(&shape.label) {
        let (x, y) = (rect.x + rect.width / 2, first + number * Measure::SVG.line);
        let _ = write!(text, "<text x=\"{x}\" y=\"{y}\">{}</text>", escaped(line));
    }
    text + "</g>\n"
}

fn boxed(shape: &Shape, radius: i32) -> String {
    let rect = shape.rect;
    format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{radius}\"/>",
        rect.x, rect.y, rect.width, rect.height
    )
}

/// A body with a round bottom, and a round lid on it.
fn cylinder(shape: &Shape) -> String {
    let (rect, high) = (shape.rect, Measure::SVG.lid / 2);
    let (left, right, top, bottom) =
        (rect.x, rect.x + rect.width, rect.y + high, rect.y + rect.height - high);
    let wide = f64::from(rect.width) / 2.0;
    format!(
        "<path d=\"M{left} {top}A{wide} {high} 0 0 1 {right} {top}V{bottom}A{wide} {high} 0 0 1 {left} {bottom}ZM{left} {top}A{wide} {high} 0 0 0 {right} {top}\"/>"
    )
}

fn of_line(line: &Line) -> String {
    let points = &line.points;
    let class = if line.kind == LineKind::Use { "use" } else { "flow" };
    let mut path = format!("M{} {}", points[0].0, points[0].1);
    for corner in points.windows(3) {
        path.push_str(&turn(corner[0], corner[1], corner[2]));
    }
    let (x, mut y) = points[points.len() - 1];
    let mut head = String::new();
    if line.has_head {
        head = format!("<path class=\"head\" d=\"M{x} {y}l-4.5 -8h9z\"/>");
        y -= 6;
    }
    format!("<path class=\"{class}\" d=\"{path}L{x} {y}\"/>{head}\n")
}

/// A line up to a corner and around it.
fn turn(from: (i32, i32), at: (i32, i32), to: (i32, i32)) -> String {
    let length = |a: (i32, i32), b: (i32, i32)| (a.0 - b.0).abs() + (a.1 - b.1).abs();
    let radius = TURN.min(length(from, at) / 2).min(length(at, to) / 2);
    let towards = |other: (i32, i32)| {
        (at.0 + (other.0 - at.0).signum() * radius, at.1 + (other.1 - at.1).signum() * radius)
    };
    let (begin, end) = (towards(from), towards(to));
    format!("L{} {}Q{} {} {} {}", begin.0, begin.1, at.0, at.1, end.0, end.1)
}

/// A text in XML, without the characters that XML does not know.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
