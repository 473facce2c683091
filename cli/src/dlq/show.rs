//! `millstream dlq show`.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Letters;
use crate::output::{self, Format, Row};

/// More of a value than fits a line is cut.
const SHOWN_MAX: usize = 60;

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    letters: Letters,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

#[derive(Serialize)]
struct Shown {
    letter: String,
    origin: String,
    stage: String,
    error: String,
    value: Option<String>,
}

impl Row for Shown {
    const COLUMNS: &[&str] = &["LETTER", "CAME FROM", "FAILED IN", "ERROR", "VALUE"];

    fn cells(&self) -> Vec<String> {
        let value = self.value.as_deref().unwrap_or("null");
        let cut = value.chars().take(SHOWN_MAX).collect::<String>();
        let shown = if cut.len() < value.len() { format!("{cut}…") } else { cut };
        vec![self.letter.clone(), self.origin.clone(), self.stage.clone(), self.error.clone(), shown]
    }
}

impl Show {
    pub(super) async fn run(self) -> Result<()> {
        let mut rows = Vec::new();
        let add = |letter: super::Letter| {
            rows.push(Shown {
                letter: format!("{}@{}", letter.partition, letter.offset),
                origin: letter.address(),
                stage: letter.stage(),
                error: letter.message(),
                value: letter.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned()),
            });
            Ok(())
        };
        self.letters.for_each(add).await?;
        output::rows(self.output, &rows)
    }
}
