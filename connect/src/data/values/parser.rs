use super::convert::aligned;
use super::merge::Merged;
use super::temporal;
use super::tokens::{Tokens, is_blank, trim};
use crate::data::{Decimal, Map, Schema, SchemaAndValue, Value};
use num_bigint::BigInt;

/// How deep arrays and maps may stand in each other; deeper ones are strings.
const DEPTH_MAX: usize = 200;

/// What stands in an array or a map is nothing: the whole is a string then.
struct NoValue;

type Parsed = Result<SchemaAndValue, NoValue>;

pub(super) struct Parser<'a> {
    tokens: Tokens<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Parser { tokens: Tokens::new(text), depth: 0 }
    }

    pub(super) fn parse_all(mut self) -> SchemaAndValue {
        let original = self.tokens.original();
        self.parse(false).unwrap_or_else(|NoValue| string(original))
    }

    fn parse(&mut self, embedded: bool) -> Parsed {
        if !self.tokens.has_next() {
            return Ok(SchemaAndValue::NULL);
        }
        if embedded && self.tokens.take("\"") {
            return Ok(self.quoted());
        }
        for (literal, value) in
            [("null", Value::Null), ("true", Value::Boolean(true)), ("false", Value::Boolean(false))]
        {
            if self.literal(embedded, literal) {
                let schema = (!value.is_null()).then(Schema::boolean);
                return Ok(SchemaAndValue { schema, value });
            }
        }
        let start = self.tokens.mark();
        if self.tokens.take("[") {
            if let Ok(array) = self.nested(Self::array) {
                return Ok(array);
            }
            self.tokens.rewind(start);
        } else if self.tokens.take("{") {
            if let Ok(map) = self.nested(Self::map) {
                return Ok(map);
            }
            self.tokens.rewind(start);
        }
        let token = self.tokens.next();
        if is_blank(token) { Ok(string(token)) } else { self.scalar(embedded, trim(token)) }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed) -> Parsed {
        if self.depth == DEPTH_MAX {
            return Err(NoValue);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// On its own, a literal is one only if nothing follows: `true}` is a string.
    fn literal(&mut self, embedded: bool, literal: &str) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(literal) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn scalar(&mut self, embedded: bool, token: &str) -> Parsed {
        let first = token.chars().next().unwrap_or(' ');
        if first.is_ascii_digit()
            && let Some(temporal) = self.temporal(token)
        {
            return Ok(temporal);
        }
        if (first.is_ascii_digit() || first == '+' || first == '-')
            && let Ok(decimal) = token.parse::<Decimal>()
        {
            return Ok(number(decimal));
        }
        if embedded { Err(NoValue) } else { Ok(string(self.tokens.original())) }
    }

    /// A time has colons, which cut it into five.
    fn temporal(&mut self, token: &str) -> Option<SchemaAndValue> {
        let mark = self.tokens.mark();
        if let Some(rest) = self.tokens.next_some(4)
            && let Some(temporal) = temporal::parse(&format!("{token}{rest}"))
        {
            return Some(temporal);
        }
        self.tokens.rewind(mark);
        temporal::parse(token)
    }

    fn quoted(&mut self) -> SchemaAndValue {
        let mut text = String::new();
        while self.tokens.has_next() && !self.tokens.take("\"") {
            text.push_str(self.tokens.next());
        }
        temporal::parse(&text).unwrap_or_else(|| string(&text))
    }

    fn array(&mut self) -> Parsed {
        let mut items = Vec::new();
        let mut merged = Merged::default();
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                return array_of(merged, items);
            }
            if self.tokens.take(",") {
                return Err(NoValue);
            }
            let item = self.parse(true)?;
            merged.add(item.schema);
            items.push(item.value);
            let mark = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(mark);
            } else if !self.tokens.take(",") {
                return Err(NoValue);
            }
        }
        Err(NoValue)
    }

    fn map(&mut self) -> Parsed {
        let mut entries = Map::new();
        let (mut keys, mut values) = (Merged::default(), Merged::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                return map_of(keys, values, entries);
            }
            if self.tokens.take(",") {
                return Err(NoValue);
            }
            let key = self.parse(true)?;
            if key.value.is_null() || !self.tokens.take(":") {
                return Err(NoValue);
            }
            let value = self.parse(true)?;
            self.tokens.take(",");
            keys.add(key.schema);
            values.add(value.schema);
            entries.insert(key.value, value.value);
        }
        Err(NoValue)
    }
}

fn string(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::string(), text)
}

/// The narrowest type that holds the number.
fn number(decimal: Decimal) -> SchemaAndValue {
    let zero = *decimal.unscaled() == BigInt::ZERO;
    let integer = if zero {
        Some(0)
    } else {
        decimal.with_scale(0).ok().and_then(|whole| i64::try_from(whole.unscaled()).ok())
    };
    if let Some(integer) = integer {
        return if let Ok(value) = i8::try_from(integer) {
            SchemaAndValue::new(Schema::int8(), value)
        } else if let Ok(value) = i16::try_from(integer) {
            SchemaAndValue::new(Schema::int16(), value)
        } else if let Ok(value) = i32::try_from(integer) {
            SchemaAndValue::new(Schema::int32(), value)
        } else {
            SchemaAndValue::new(Schema::int64(), integer)
        };
    }
    let (single, double) = (decimal.to_f32(), decimal.to_f64());
    if single.is_finite() && decimal.scale() != 0 {
        return SchemaAndValue::new(Schema::float32(), single);
    }
    if double.is_finite() && decimal.scale() != 0 {
        return SchemaAndValue::new(Schema::float64(), double);
    }
    let schema = Schema::decimal(decimal.scale()).build().ok();
    SchemaAndValue { schema, value: decimal.into() }
}

fn array_of(merged: Merged, items: Vec<Value>) -> Parsed {
    // An array of which nothing is known has a schema that no other has: that of its nulls.
    let Some(of) = merged.schema() else {
        let schema = Schema::array(Schema::optional_string()).build().ok();
        return Ok(SchemaAndValue { schema, value: Value::Array(items) });
    };
    let items =
        items.into_iter().map(|item| aligned(&of, item).ok_or(NoValue)).collect::<Result<Vec<_>, _>>()?;
    Ok(SchemaAndValue { schema: Schema::array(of).build().ok(), value: Value::Array(items) })
}

fn map_of(keys: Merged, values: Merged, entries: Map) -> Parsed {
    let (keys, of) = (keys.schema(), values.schema());
    let mut map = Map::new();
    for (key, value) in entries {
        let key = match &keys {
            Some(keys) => aligned(keys, key).ok_or(NoValue)?,
            None => key,
        };
        let value = match &of {
            Some(of) if keys.is_some() => aligned(of, value).ok_or(NoValue)?,
            _ => value,
        };
        map.insert(key, value);
    }
    let unknown = Schema::optional_string;
    let schema = Schema::map(keys.unwrap_or_else(unknown), of.unwrap_or_else(unknown)).build().ok();
    Ok(SchemaAndValue { schema, value: map.into() })
}
