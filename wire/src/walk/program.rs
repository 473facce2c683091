//! The fields of one version of a message, compiled to steps over bytes.

use super::table::{Field, Message, Shape};

/// One step of a walk.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Fields that always take this many bytes together.
    Skip(u32),
    /// A length, then that many bytes.
    Bytes { length: Length, nullable: bool },
    /// A count, then that many elements.
    Array { count: Length, nullable: bool, element: Body },
    /// A struct that is always there.
    Struct(Body),
    /// A byte that says whether a struct follows, then the struct.
    Optional(Body),
    /// The tagged fields at a struct's end; those that are known have a shape.
    Tagged(Box<[(u32, Body)]>),
}

/// How a length or count is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    /// 16 bits, -1 for null.
    Short,
    /// 32 bits, -1 for null.
    Long,
    /// An unsigned varint of the length plus one, 0 for null.
    Compact,
}

impl Length {
    /// Fewest bytes it takes.
    const fn min_len(self) -> u32 {
        match self {
            Self::Short => 2,
            Self::Long => 4,
            Self::Compact => 1,
        }
    }
}

/// The steps of one struct or element: a range of the program's steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Fewest bytes the steps take: what bounds an array's count.
    pub(super) min_len: u32,
    /// Whether they always take exactly that.
    pub(super) fixed: bool,
}

/// One version of a message.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) root: Body,
}

impl Program {
    /// Compiles a version; `None` if the table is broken.
    pub(super) fn compile(message: &Message, version: i16) -> Option<Self> {
        let flexible = version >= message.flexible_from;
        let mut compiler = Compiler { version, flexible, steps: Vec::new() };
        let root = compiler.structure(&message.fields()?);
        Some(Self { steps: compiler.steps, root })
    }
}

struct Compiler {
    version: i16,
    flexible: bool,
    /// Finished bodies, inner ones before those that use them.
    steps: Vec<Step>,
}

impl Compiler {
    fn structure(&mut self, fields: &[Field]) -> Body {
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) = fields
            .iter()
            .filter(|field| field.versions.contains(&self.version))
            .partition(|f| f.tag.is_some());
        let mut steps: Vec<Step> = plain.into_iter().map(|field| self.field(field)).collect();
        if self.flexible {
            let known = tagged.into_iter().filter_map(|field| Some((field.tag?, self.lone(field))));
            steps.push(Step::Tagged(known.collect()));
        }
        self.body(steps)
    }

    /// A body of one field.
    fn lone(&mut self, field: &Field) -> Body {
        let step = self.field(field);
        self.body(vec![step])
    }

    fn field(&mut self, field: &Field) -> Step {
        let nullable = field.nullable.as_ref().is_some_and(|versions| versions.contains(&self.version));
        if !field.array {
            return self.value(&field.shape, nullable);
        }
        let element = match &field.shape {
            Shape::Struct(fields) => self.structure(fields),
            shape => {
                let step = self.value(shape, false);
                self.body(vec![step])
            }
        };
        Step::Array { count: self.length(Length::Long), nullable, element }
    }

    fn value(&mut self, shape: &Shape, nullable: bool) -> Step {
        match shape {
            Shape::Fixed(len) => Step::Skip(*len),
            Shape::Text => Step::Bytes { length: self.length(Length::Short), nullable },
            Shape::Blob => Step::Bytes { length: self.length(Length::Long), nullable },
            Shape::Struct(fields) if nullable => Step::Optional(self.structure(fields)),
            Shape::Struct(fields) => Step::Struct(self.structure(fields)),
        }
    }

    fn length(&self, plain: Length) -> Length {
        if self.flexible { Length::Compact } else { plain }
    }

    /// Appends a finished body, neighbouring skips made one.
    fn body(&mut self, steps: Vec<Step>) -> Body {
        let start = self.steps.len();
        for step in steps {
            if let (Step::Skip(more), Some(Step::Skip(len))) = (&step, self.steps[start..].last_mut()) {
                *len += more;
                continue;
            }
            self.steps.push(step);
        }
        let own = &self.steps[start..];
        Body {
            start: start as u32,
            end: self.steps.len() as u32,
            min_len: own.iter().map(Step::min_len).sum(),
            fixed: own.iter().all(Step::is_fixed),
        }
    }
}

impl Step {
    fn min_len(&self) -> u32 {
        match self {
            Self::Skip(len) => *len,
            Self::Bytes { length, .. } | Self::Array { count: length, .. } => length.min_len(),
            Self::Optional(_) | Self::Tagged(_) => 1,
            Self::Struct(body) => body.min_len,
        }
    }

    fn is_fixed(&self) -> bool {
        match self {
            Self::Skip(_) => true,
            Self::Struct(body) => body.fixed,
            _ => false,
        }
    }
}
