//! `millstream topology`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use millstream_drawing::Drawing;

use crate::output::say;

#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Draw the text that Topology.describe() prints, be the program in Java or in Rust
    Draw(Draw),
}

#[derive(Args)]
pub(crate) struct Draw {
    /// File with the text; without it, standard input
    #[arg(value_name = "FILE")]
    from: Option<PathBuf>,
    /// For the terminal, for Mermaid, or as an image
    #[arg(short = 'f', long = "format", value_enum, default_value = "text", value_name = "FORMAT")]
    format: Form,
    /// Columns that the terminal has
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    columns: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Mermaid,
    Svg,
}

impl Topology {
    pub(crate) fn run(self) -> Result<()> {
        let Self::Draw(draw) = self;
        draw.run()
    }
}

impl Draw {
    fn run(self) -> Result<()> {
        let drawing: Drawing = text(self.from.as_deref())?.parse()?;
        let drawn = match self.format {
            Form::Text => drawing.columns(self.columns).to_string(),
            Form::Mermaid => drawing.to_mermaid(),
            Form::Svg => drawing.to_svg(),
        };
        say(drawn.trim_end_matches('\n'))
    }
}

fn text(from: Option<&Path>) -> Result<String> {
    match from {
        Some(file) => fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())),
        None => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            Ok(text)
        }
    }
}
