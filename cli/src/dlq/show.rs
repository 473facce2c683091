//! `millstream dlq show`.

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;

use super::Letters;
use crate::output::{self, Format, Row};

/// So many are shown where nothing is said: they are held until the last is read, for the width of the columns.
const ROWS_MAX: u64 = 1_000;
/// More of a value than fits a line is cut.
const SHOWN_MAX: usize = 60;

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    letters: Letters,
    /// End after so many; after 1000 where nothing is said
    #[arg(short = 'n', long, value_name = "RECORDS")]
    max: Option<u64>,
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
        let (mut left, mut more) = (self.max.unwrap_or(ROWS_MAX), false);
        let add = |letter: super::Letter| {
            if left == 0 {
                more = true;
                return Ok(false);
            }
            left -= 1;
            rows.push(Shown {
                letter: format!("{}@{}", letter.partition, letter.offset),
                origin: letter.address(),
                stage: letter.stage(),
                error: letter.message(),
                value: letter.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned()),
            });
            Ok(true)
        };
        self.letters.for_each(add).await?;
        output::rows(self.output, &rows)?;
        if more && self.max.is_none() {
            output::complain(&anyhow!("there are more than these {ROWS_MAX}: say -n, or export them"));
        }
        Ok(())
    }
}
