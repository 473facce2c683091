//! Processors of the programs that are written as text.

use std::time::Duration;

use millstream::prelude::*;

use super::words::{Key, Text, words};

/// Counts the records of each key; without a value it forgets the key.
pub(super) struct Tally(pub(super) Open<KeyValueStore<String, i64>>);

impl<K: Key> Processor<K, Text> for Tally {
    type Out = (K, Text);

    fn process(&mut self, record: Record<K, Text>, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        let Some(key) = record.key.text() else {
            cx.forward(record);
            return Ok(());
        };
        let Some(value) = &record.value else {
            self.0.delete(key)?;
            return Ok(());
        };
        let count = self.0.get(key)?.unwrap_or(0) + 1;
        self.0.put(key, count)?;
        let (value, time) = (Some(format!("{value}{count}")), record.timestamp + 1);
        cx.forward(record.with_value(value).at(time));
        Ok(())
    }
}

/// Counts its records in a header, and drops the header "h" of every third.
#[derive(Default)]
pub(super) struct Stamp(usize);

impl<K: Key> Processor<K, Text> for Stamp {
    type Out = (K, Text);

    fn process(
        &mut self,
        mut record: Record<K, Text>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        self.0 += 1;
        if self.0.is_multiple_of(3) {
            record.headers.remove("h");
        }
        record.headers.push("seen", Some(self.0.to_string().into_bytes()));
        cx.forward(record);
        Ok(())
    }
}

/// Passes records on; every 10 ms of stream time it says what time it is.
pub(super) struct Ticks;

impl<K: Key> Processor<K, Text> for Ticks {
    type Out = (K, Text);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(PunctuationKind::StreamTime, Duration::from_millis(10));
        Ok(())
    }

    fn process(&mut self, record: Record<K, Text>, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.forward(record);
        Ok(())
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.forward(Record::new(K::of(Some("tick".into())), Some(at.time.to_string()), at.time));
        Ok(())
    }
}

/// Each word by itself.
pub(super) struct Shout;

impl<K: Key> FixedKeyProcessor<K, Text> for Shout {
    type Out = Text;

    fn process(
        &mut self,
        record: FixedKeyRecord<K, Text>,
        cx: &mut FixedKeyContext<K, Text>,
    ) -> Result<(), ProcessError> {
        for word in words(record.value()) {
            let time = record.timestamp() - 1;
            cx.forward(record.clone().with_value(Some(word + "!")).at(time));
        }
        Ok(())
    }
}
