//! `millstream dlq export`.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::Letters;
use crate::output::say;
use crate::text::to_json;

#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    letters: Letters,
    /// End after so many
    #[arg(short = 'n', long, value_name = "RECORDS")]
    max: Option<u64>,
}

impl Export {
    pub(super) async fn run(self) -> Result<()> {
        let mut left = self.max.unwrap_or(u64::MAX);
        let write = |letter: super::Letter| {
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            let bytes = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or(Value::Null, to_json);
            let headers: Vec<(&str, Value)> = letter
                .own_headers()
                .map(|(name, value)| (name, value.map_or(Value::Null, to_json)))
                .collect();
            let line = json!({
                "key": bytes(&letter.key),
                "value": bytes(&letter.value),
                "headers": headers,
                "timestamp": letter.timestamp,
                "origin": letter.address(),
                "stage": letter.stage(),
                "error": letter.message(),
            });
            say(line)?;
            Ok(true)
        };
        self.letters.for_each(write).await
    }
}
