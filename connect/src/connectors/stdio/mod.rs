//! Standard input and output: a source and a sink for pipes and for trying things out.

mod input;
mod output;

pub use input::{StdinOptions, StdinSource};
pub use output::{StdoutOptions, StdoutSink};
