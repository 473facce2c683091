//! What is drawn.

use std::fmt;
use std::str::FromStr;

use crate::description::{self, DescriptionError};
use crate::{mermaid, svg, terminal};

/// Columns of a drawing for the terminal, if nothing else is said.
const COLUMNS: usize = 100;

/// A topology, ready to be drawn: as text by its `Display`, as Mermaid, as SVG.
///
/// Sub-topologies are frames, processors boxes, stores cylinders; topics stand between the frames and have a shape of their own.
///
/// ```
/// use millstream_drawing::Drawing;
///
/// let text = "Topologies:
///    Sub-topology: 0
///     Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
///       --> KSTREAM-SINK-0000000001
///     Sink: KSTREAM-SINK-0000000001 (topic: copies)
///       <-- KSTREAM-SOURCE-0000000000
/// ";
/// let drawing: Drawing = text.parse()?;
/// println!("{drawing}");
/// assert!(drawing.to_mermaid().starts_with("flowchart TD\n"));
/// assert!(drawing.to_svg().starts_with("<svg "));
/// # Ok::<(), millstream_drawing::DescriptionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Drawing {
    pub(crate) parts: Vec<Part>,
    columns: usize,
}

/// A sub-topology.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// What stands over its frame.
    pub(crate) title: String,
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The nodes it forwards to, as places among the nodes of its part.
    pub(crate) below: Vec<usize>,
    pub(crate) stores: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Role {
    Source(Vec<Topic>),
    Processor,
    Sink(Topic),
}

/// What a source reads or a sink writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Topic {
    Named(String),
    /// All topics that match.
    Pattern(String),
    /// Topics that records name; this class says which.
    Chosen(String),
}

impl Topic {
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Named(text) | Self::Pattern(text) | Self::Chosen(text) => text,
        }
    }

    pub(crate) fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }
}

impl Node {
    pub(crate) fn reads(&self) -> &[Topic] {
        match &self.role {
            Role::Source(topics) => topics,
            Role::Processor | Role::Sink(_) => &[],
        }
    }

    pub(crate) fn writes(&self) -> Option<&Topic> {
        match &self.role {
            Role::Sink(topic) => Some(topic),
            Role::Source(_) | Role::Processor => None,
        }
    }
}

impl Drawing {
    /// The same drawing, made to fit into so many columns of a terminal; by default 100. Long names are broken, and what does not
    /// stand side by side stands one below the other. A drawing that can be no narrower is wider than this.
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// A flowchart for [Mermaid](https://mermaid.js.org), as GitHub and many editors show it in a fence named `mermaid`.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(self)
    }

    /// An SVG image that needs nothing beside it. It is light or dark as the reader's system is; the full name of whatever the
    /// pointer rests on is shown.
    pub fn to_svg(&self) -> String {
        svg::draw(self)
    }
}

impl FromStr for Drawing {
    type Err = DescriptionError;

    /// Reads the text that Kafka Streams, or `Topology::describe`, prints of a topology.
    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        Ok(Self { parts: description::read(text)?, columns: COLUMNS })
    }
}

impl fmt::Display for Drawing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&terminal::draw(self, self.columns))
    }
}
