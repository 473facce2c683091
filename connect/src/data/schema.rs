use super::{SchemaBuilder, Value};
use indexmap::IndexMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The types of Kafka Connect's schemas (`org.apache.kafka.connect.data.Schema.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each says itself.
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

impl Type {
    /// The name in Kafka's messages and error texts; in lower case it is the name in options.
    pub fn name(self) -> &'static str {
        match self {
            Type::Int8 => "INT8",
            Type::Int16 => "INT16",
            Type::Int32 => "INT32",
            Type::Int64 => "INT64",
            Type::Float32 => "FLOAT32",
            Type::Float64 => "FLOAT64",
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Array => "ARRAY",
            Type::Map => "MAP",
            Type::Struct => "STRUCT",
        }
    }

    /// Whether a schema of this type needs nothing else said.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Type::Array | Type::Map | Type::Struct)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The types that Kafka Connect builds on others, told by the schema's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logical {
    /// An exact decimal number in bytes; the scale is the schema's parameter `scale`.
    Decimal,
    /// Days since 1970-01-01 in an INT32.
    Date,
    /// Milliseconds since midnight in an INT32.
    Time,
    /// Milliseconds since 1970-01-01 UTC in an INT64.
    Timestamp,
}

impl Logical {
    /// The schema name that marks the type.
    pub fn name(self) -> &'static str {
        match self {
            Logical::Decimal => "org.apache.kafka.connect.data.Decimal",
            Logical::Date => "org.apache.kafka.connect.data.Date",
            Logical::Time => "org.apache.kafka.connect.data.Time",
            Logical::Timestamp => "org.apache.kafka.connect.data.Timestamp",
        }
    }

    /// The logical type of that schema name, if it is one.
    pub fn of(name: &str) -> Option<Self> {
        [Logical::Decimal, Logical::Date, Logical::Time, Logical::Timestamp]
            .into_iter()
            .find(|logical| logical.name() == name)
    }
}

/// One field of a struct's schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name, unique in the struct.
    pub name: Arc<str>,
    /// What it holds.
    pub schema: Arc<Schema>,
}

/// What a type is made of, beside its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    None,
    Array(Arc<Schema>),
    Map(Arc<Schema>, Arc<Schema>),
    /// By name, in order: a struct of thousands of fields is looked up as fast as one of two.
    Struct(IndexMap<Arc<str>, Field>),
}

/// What a value is: Kafka Connect's `ConnectSchema`. Immutable and shared; [`Schema::builder`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(super) kind: Type,
    pub(super) parts: Parts,
    pub(super) optional: bool,
    pub(super) default: Option<Value>,
    pub(super) name: Option<Arc<str>>,
    pub(super) version: Option<i32>,
    pub(super) doc: Option<Arc<str>>,
    /// In order: it is seen in JSON.
    pub(super) parameters: IndexMap<String, String>,
    /// The logical type of `name`, looked up once and not at every value.
    pub(super) logical: Option<Logical>,
}

// A schema as key of a cache: its name, type and width tell nearly all apart; equality tells the rest.
impl std::hash::Hash for Schema {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.optional.hash(state);
        self.name.hash(state);
        self.version.hash(state);
        for field in self.fields() {
            field.name.hash(state);
            field.schema.kind.hash(state);
        }
    }
}

macro_rules! primitives {
    ($($name:ident $optional:ident $kind:ident)*) => {$(
        #[doc = concat!("The plain schema of type ", stringify!($kind), ", required.")]
        pub fn $name() -> Arc<Schema> {
            static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::plain(Type::$kind, false)));
            Arc::clone(&SCHEMA)
        }

        #[doc = concat!("The plain schema of type ", stringify!($kind), ", optional.")]
        pub fn $optional() -> Arc<Schema> {
            static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::plain(Type::$kind, true)));
            Arc::clone(&SCHEMA)
        }
    )*};
}

impl Schema {
    primitives! {
        int8 optional_int8 Int8
        int16 optional_int16 Int16
        int32 optional_int32 Int32
        int64 optional_int64 Int64
        float32 optional_float32 Float32
        float64 optional_float64 Float64
        boolean optional_boolean Boolean
        string optional_string String
        bytes optional_bytes Bytes
    }

    /// Starts a schema of the type; arrays and maps are begun by [`Schema::array`] and [`Schema::map`].
    pub fn builder(kind: Type) -> SchemaBuilder {
        SchemaBuilder::new(kind)
    }

    /// Starts the schema of a struct.
    pub fn structure() -> SchemaBuilder {
        SchemaBuilder::new(Type::Struct)
    }

    /// Starts the schema of an array.
    pub fn array(elements: Arc<Schema>) -> SchemaBuilder {
        SchemaBuilder::with_parts(Type::Array, Parts::Array(elements))
    }

    /// Starts the schema of a map.
    pub fn map(keys: Arc<Schema>, values: Arc<Schema>) -> SchemaBuilder {
        SchemaBuilder::with_parts(Type::Map, Parts::Map(keys, values))
    }

    /// Starts the schema of an exact decimal with that many digits behind the point.
    pub fn decimal(scale: i32) -> SchemaBuilder {
        SchemaBuilder::new(Type::Bytes)
            .name(Logical::Decimal.name())
            .version(1)
            .parameter("scale", scale.to_string())
    }

    /// Starts the schema of a day.
    pub fn date() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Logical::Date.name()).version(1)
    }

    /// Starts the schema of a time of day.
    pub fn time() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Logical::Time.name()).version(1)
    }

    /// Starts the schema of a point in time.
    pub fn timestamp() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int64).name(Logical::Timestamp.name()).version(1)
    }

    pub(super) fn plain(kind: Type, optional: bool) -> Self {
        Schema {
            kind,
            parts: Parts::None,
            optional,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: IndexMap::new(),
            logical: None,
        }
    }

    /// The type.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// The logical type that its name gives it, if any.
    pub fn logical(&self) -> Option<Logical> {
        self.logical
    }

    /// Whether null is a value.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// What stands for null, if anything does.
    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// The name of a struct or of a logical type.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The version, where schemas of one name follow each other.
    pub fn version(&self) -> Option<i32> {
        self.version
    }

    /// What its maker says of it.
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// What a named type needs to know besides, e.g. a decimal's scale.
    pub fn parameters(&self) -> &IndexMap<String, String> {
        &self.parameters
    }

    /// Fields of a struct in order; none of any other type.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &Field> + Clone {
        static NONE: LazyLock<IndexMap<Arc<str>, Field>> = LazyLock::new(IndexMap::new);
        match &self.parts {
            Parts::Struct(fields) => fields.values(),
            _ => NONE.values(),
        }
    }

    /// The place of a field in the struct.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        match &self.parts {
            Parts::Struct(fields) => fields.get_index_of(name),
            _ => None,
        }
    }

    /// A field of a struct by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match &self.parts {
            Parts::Struct(fields) => fields.get(name),
            _ => None,
        }
    }

    /// The schema of a map's keys.
    pub fn key_schema(&self) -> Option<&Arc<Schema>> {
        match &self.parts {
            Parts::Map(keys, _) => Some(keys),
            _ => None,
        }
    }

    /// The schema of a map's values or an array's elements.
    pub fn value_schema(&self) -> Option<&Arc<Schema>> {
        match &self.parts {
            Parts::Array(values) | Parts::Map(_, values) => Some(values),
            _ => None,
        }
    }

    /// The same with another name and version, where they are given.
    pub fn with_metadata(&self, name: Option<&str>, version: Option<i32>) -> Schema {
        let mut schema = self.clone();
        if let Some(name) = name {
            schema.name = Some(name.into());
            schema.logical = Logical::of(name);
        }
        schema.version = version.or(schema.version);
        schema
    }

    /// The scale of a decimal, if this is one and says it.
    pub fn scale(&self) -> Option<i32> {
        self.parameters.get("scale")?.parse().ok()
    }
}
