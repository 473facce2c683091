//! A value that borrows from the record it was made of.
use millstream::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(Topic::<String, String>::new("lines"));
    let _ = lines.flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word)));
}
