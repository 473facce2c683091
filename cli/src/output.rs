//! Results on standard output: a table for people, JSON for scripts. Complaints on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;

/// How results are written: a table for people, JSON for scripts. Its variants have no texts of their own, which would
/// stretch every help to two pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

/// One line of a result. In JSON it is an object of its fields.
pub(crate) trait Row: Serialize {
    /// The columns of the table.
    const COLUMNS: &[&str];

    /// What stands in them.
    fn cells(&self) -> Vec<String>;
}

/// Writes all rows of a result.
pub(crate) fn rows<R: Row>(format: Format, rows: &[R]) -> Result<()> {
    match format {
        Format::Json => json(rows),
        Format::Table => say(table(rows)),
    }
}

/// Writes a result that is one row; in JSON it is no list.
pub(crate) fn row<R: Row>(format: Format, row: R) -> Result<()> {
    match format {
        Format::Json => json(&row),
        Format::Table => say(table(&[row])),
    }
}

/// Writes a result as JSON.
pub(crate) fn json(result: &(impl Serialize + ?Sized)) -> Result<()> {
    say(serde_json::to_string_pretty(result)?)
}

/// Writes a line.
pub(crate) fn say(line: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Writes why a command failed, and the causes that the text before them has not told yet.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "millstream: {text}");
}

fn table<R: Row>(rows: &[R]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(R::COLUMNS.iter().copied());
    for row in rows {
        table.add_row(row.cells());
    }
    table.trim_fmt()
}
