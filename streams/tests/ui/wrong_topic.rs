//! A topic of other types than the stream's.
use millstream::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let words = builder.stream(Topic::<String, String>::new("words"));
    words.to(Topic::<String, i64>::new("counts"));
}
