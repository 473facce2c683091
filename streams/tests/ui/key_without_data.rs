//! A key type that has no bytes.
use millstream::prelude::*;

#[derive(Clone)]
struct Word(String);

fn main() {
    let builder = StreamsBuilder::new();
    let words = builder.stream(Topic::<Option<String>, String>::new("words"));
    let _ = words.group_by(|_, word| Word(word.clone()));
}
