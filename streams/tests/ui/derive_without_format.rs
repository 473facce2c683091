//! A derive that does not say how the bytes are made.
use millstream::prelude::*;

#[derive(Clone, Data)]
struct Request {
    path: String,
}

fn main() {}
