//! [`Text`]: a string that does not allocate while it is short.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Data, DataError};

/// A string as large as `String` in which up to 24 bytes lie in place.
///
/// Most keys and words are that short, and allocating is most of what they cost. It is written as `String` is, so a topic
/// or store can be read with either.
///
/// ```
/// use millstream::data::Text;
///
/// let word = Text::from("whale");
/// assert_eq!(word, "whale");
/// assert_eq!(word.len(), 5);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(CompactString);

impl Text {
    /// The empty text.
    pub const fn new() -> Self {
        Self(CompactString::const_new(""))
    }

    /// The text as a slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds one character at the end.
    pub fn push(&mut self, character: char) {
        self.0.push(character);
    }

    /// Adds a slice at the end.
    pub fn push_str(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Lower-cases ASCII letters in place.
    pub fn make_ascii_lowercase(&mut self) {
        self.0.make_ascii_lowercase();
    }
}

impl Data for Text {
    type Present = Self;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(Self(CompactString::new(std::str::from_utf8(bytes)?)))
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(CompactString::new(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(CompactString::from(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into_string()
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(characters: I) -> Self {
        Self(characters.into_iter().collect())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
