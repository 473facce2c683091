//! Closures run on every thread; state belongs into a store.
use std::cell::Cell;
use std::rc::Rc;

use millstream::prelude::*;

fn main() {
    let seen = Rc::new(Cell::new(0));
    let builder = StreamsBuilder::new();
    let words = builder.stream(Topic::<String, String>::new("words"));
    words.for_each(move |_, _| seen.set(seen.get() + 1));
}
