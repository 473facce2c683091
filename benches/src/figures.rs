//! What was measured, per figure and side, and its medians.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::node::Side;

/// All measurements of a comparison, figures in the order in which they first came.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

struct Figure {
    name: String,
    taken: Vec<(Side, f64)>,
}

/// The medians of one figure. A ratio is ours divided by the peer's.
#[derive(Serialize)]
struct Medians {
    ours: Option<f64>,
    ours_sync: Option<f64>,
    peer: Option<f64>,
    ratio: Option<f64>,
    ratio_sync: Option<f64>,
}

impl Figures {
    pub(crate) fn add(&mut self, side: Side, name: &str, value: f64) {
        progress(format_args!("  {name}: {value:.3}"));
        let position = self.0.iter().position(|figure| figure.name == name).unwrap_or_else(|| {
            self.0.push(Figure { name: name.to_owned(), taken: Vec::new() });
            self.0.len() - 1
        });
        self.0[position].taken.push((side, value));
    }

    /// Writes one line of JSON.
    pub(crate) fn print(&self) -> Result<()> {
        let figures: Map<String, Value> =
            self.0.iter().map(|figure| (figure.name.clone(), json!(figure.medians()))).collect();
        writeln!(io::stdout(), "{}", Value::Object(figures)).context("writing the result")
    }
}

impl Figure {
    fn medians(&self) -> Medians {
        let [ours, ours_sync, peer] = [Side::Page, Side::Sync, Side::Peer].map(|side| self.median(side));
        let to_peer = |value: Option<f64>| Some(value? / peer?);
        Medians { ours, ours_sync, peer, ratio: to_peer(ours), ratio_sync: to_peer(ours_sync) }
    }

    fn median(&self, side: Side) -> Option<f64> {
        let mut values: Vec<f64> =
            self.taken.iter().filter(|(of, _)| *of == side).map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
        Some((low + high) / 2.0)
    }
}

/// Tells whoever watches; the result alone goes to standard output.
pub(crate) fn progress(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_of_what_was_measured() {
        let mut figures = Figures::default();
        for (side, value) in
            [(Side::Page, 9.0), (Side::Page, 1.0), (Side::Page, 2.0), (Side::Peer, 3.0), (Side::Peer, 5.0)]
        {
            figures.add(side, "f", value);
        }
        let medians = figures.0[0].medians();
        assert_eq!((medians.ours, medians.peer, medians.ratio), (Some(2.0), Some(4.0), Some(0.5)));
        assert_eq!((medians.ours_sync, medians.ratio_sync), (None, None));
    }
}
