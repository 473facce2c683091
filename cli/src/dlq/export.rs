//! `millstream dlq export`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::Letters;
use crate::output::say;
use crate::text::to_json;

#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    letters: Letters,
}

impl Export {
    pub(super) async fn run(self) -> Result<()> {
        let write = |letter: super::Letter| {
            let bytes = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or(Value::Null, to_json);
            let headers: Map<String, Value> = letter
                .own_headers()
                .map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, to_json)))
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
            say(line)
        };
        self.letters.for_each(write).await
    }
}
