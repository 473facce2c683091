//! Topologies drawn: in the terminal, as Mermaid and as SVG.
//!
//! A [`Drawing`] is made of the text that Kafka Streams prints of a topology (`Topology.describe()`), so it serves programs in
//! Java too; `Topology::draw` of `millstream` makes one of a topology at hand.
//!
//! Where things stand is computed once, in cells of a terminal or in pixels: each sub-topology by itself (`panel`), then the
//! sub-topologies among the topics that they exchange (`scene`), both by `layers`.

mod description;
mod drawing;
mod layers;
mod measure;
mod mermaid;
mod panel;
mod scene;
mod svg;
mod terminal;

pub use description::DescriptionError;
pub use drawing::Drawing;
