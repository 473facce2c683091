//! How large things are: in cells of a terminal, or in pixels.

/// The sizes that a layout is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// Width of a character.
    pub(crate) character: f64,
    /// Height of a line of a label.
    pub(crate) line: i32,
    /// What a box is wider than its label.
    pub(crate) beside: i32,
    /// What a box is higher than its label; a cylinder has `lid` more.
    pub(crate) above: i32,
    pub(crate) lid: i32,
    /// Between two boxes side by side.
    pub(crate) gap: i32,
    /// Between two lines that enter a box.
    pub(crate) port: i32,
    /// Between a box and the first track below it, between two tracks, and between the last one and the next box.
    pub(crate) lead: i32,
    pub(crate) track: i32,
    pub(crate) tail: i32,
    /// Between a frame and what stands in it: at its sides, at its top (its title), at its bottom.
    pub(crate) sides: i32,
    pub(crate) header: i32,
    pub(crate) footer: i32,
    /// Boxes that stand side by side take no more than this, if they need not.
    pub(crate) width: i32,
    /// Lines are bent for the whole to be no wider than this, if it can be.
    pub(crate) limit: i32,
    /// Characters of a line of a label.
    pub(crate) wrap: usize,
}

impl Measure {
    pub(crate) const fn terminal(limit: i32, width: i32, wrap: usize) -> Self {
        Self {
            character: 1.0,
            line: 1,
            beside: 4,
            above: 2,
            lid: 1,
            gap: 2,
            port: 2,
            lead: 0,
            track: 1,
            tail: 1,
            sides: 2,
            header: 1,
            footer: 1,
            width,
            limit,
            wrap,
        }
    }

    pub(crate) const SVG: Self = Self {
        character: 7.3,
        line: 16,
        beside: 28,
        above: 18,
        lid: 10,
        gap: 26,
        port: 16,
        lead: 14,
        track: 12,
        tail: 18,
        sides: 24,
        header: 26,
        footer: 10,
        width: 1_300,
        limit: 1_600,
        wrap: 26,
    };

    /// The width of a text.
    pub(crate) fn text(&self, text: &str) -> i32 {
        (text.chars().count() as f64 * self.character).ceil() as i32
    }

    /// Width and height of a box around these lines, `lines` of which come in at its top.
    pub(crate) fn boxed(&self, label: &[String], lines: usize) -> (i32, i32) {
        let text = label.iter().map(|line| self.text(line)).max().unwrap_or(0);
        let width = (text + self.beside).max(self.port * (lines as i32 + 1));
        (width | 1, label.len() as i32 * self.line + self.above)
    }

    /// A name in lines of no more than `wrap` characters, broken after what separates words in names.
    pub(crate) fn label(&self, name: &str) -> Vec<String> {
        let characters: Vec<char> =
            name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let (mut lines, mut rest) = (Vec::new(), characters.as_slice());
        while rest.len() > self.wrap {
            let separates = |c: &char| matches!(c, '-' | '.' | '_' | ':' | ' ');
            let head = &rest[..self.wrap];
            let end = head.iter().rposition(separates).map_or(self.wrap, |at| at + 1);
            lines.push(rest[..end].iter().collect());
            rest = &rest[end..];
        }
        lines.push(rest.iter().collect());
        lines
    }
}
