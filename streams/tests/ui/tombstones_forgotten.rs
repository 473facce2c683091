//! The stream of a table has values that may be missing.
use millstream::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let words = builder.stream(Topic::<String, String>::new("words"));
    let counts = words.group_by_key().count("counts");
    counts.to_stream().to(Topic::<String, i64>::new("counts"));
}
