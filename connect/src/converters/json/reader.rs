use super::super::ConvertError;
use super::tree::Node;
use std::ops::Range;
use std::sync::Arc;

/// How deep arrays and objects may stand in each other, and how long a number may be: Jackson's limits.
const DEPTH_MAX: usize = 1_000;
const NUMBER_BYTES_MAX: usize = 1_000;

/// Reads one value, as Jackson does for Kafka: numbers may begin with zeros, what follows the value is not looked at,
/// nothing at all is null. It does not recurse, so no depth of the input is a depth of the stack.
pub(super) fn read<N: Node>(bytes: &[u8]) -> Result<N, ConvertError> {
    let mut reader = Reader::new(bytes);
    if reader.peek().is_none() {
        return Ok(N::null());
    }
    let value = reader.value()?;
    reader.end_of_root()?;
    Ok(value)
}

/// Where the schema and the payload of a message are, of which it must have both and no more.
pub(super) fn envelope(bytes: &[u8]) -> Result<(Range<usize>, Range<usize>), ConvertError> {
    let other = || {
        let text = "with schemas.enable a message is an object of \"schema\" and \"payload\" and no more; \
                    for plain JSON set schemas.enable=false";
        ConvertError::Form(text.to_owned())
    };
    let mut reader = Reader::new(bytes);
    let (mut schema, mut payload) = (None, None);
    if reader.peek() != Some(b'{') {
        // Broken JSON is said to be that.
        read::<Skipped>(bytes)?;
        return Err(other());
    }
    reader.at += 1;
    if reader.peek() == Some(b'}') {
        return Err(other());
    }
    loop {
        let name = reader.key()?;
        reader.blanks();
        let from = reader.at;
        let Skipped = reader.value()?;
        match &*name {
            "schema" => schema = Some(from..reader.at),
            "payload" => payload = Some(from..reader.at),
            _ => return Err(other()),
        }
        match reader.next()? {
            b',' => {}
            b'}' => break,
            _ => return Err(reader.wrong("',' or '}' expected")),
        }
    }
    schema.zip(payload).ok_or_else(other)
}

/// What is read only to see where it ends.
struct Skipped;

impl Node for Skipped {
    fn null() -> Self {
        Skipped
    }
    fn boolean(_: bool) -> Self {
        Skipped
    }
    fn integer(_: i64) -> Self {
        Skipped
    }
    fn big(_: num_bigint::BigInt) -> Self {
        Skipped
    }
    fn float(_: &str) -> Self {
        Skipped
    }
    fn string(_: Arc<str>) -> Self {
        Skipped
    }
    fn array(_: Vec<Self>) -> Self {
        Skipped
    }
    fn object(_: Vec<(Arc<str>, Self)>) -> Self {
        Skipped
    }
}

/// An array or object that is not yet complete.
enum Open<N> {
    Array(Vec<N>),
    /// With the name of the field whose value comes next.
    Object(Vec<(Arc<str>, N)>, Arc<str>),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // A byte order mark is none of the text.
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Reader { bytes, at }
    }

    fn wrong(&self, why: &'static str) -> ConvertError {
        ConvertError::Json { at: self.at.min(self.bytes.len()), why }
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank, not taken.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is no blank, taken.
    fn next(&mut self) -> Result<u8, ConvertError> {
        let byte = self.peek().ok_or_else(|| self.wrong("the text ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    fn value<N: Node>(&mut self) -> Result<N, ConvertError> {
        let mut open: Vec<Open<N>> = Vec::new();
        loop {
            let next = self.peek();
            if matches!(next, Some(b'[' | b'{')) && open.len() >= DEPTH_MAX {
                return Err(self.wrong("more than 1000 arrays and objects in each other"));
            }
            let mut done = match next {
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() != Some(b']') {
                        open.push(Open::Array(Vec::new()));
                        continue;
                    }
                    self.at += 1;
                    N::array(Vec::new())
                }
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() != Some(b'}') {
                        let name = self.key()?;
                        open.push(Open::Object(Vec::new(), name));
                        continue;
                    }
                    self.at += 1;
                    N::object(Vec::new())
                }
                _ => self.scalar()?,
            };
            // What is complete goes into what stands around it, which may be complete then.
            loop {
                let Some(last) = open.pop() else { return Ok(done) };
                match self.add(last, done)? {
                    Ok(more) => {
                        open.push(more);
                        break;
                    }
                    Err(complete) => done = complete,
                }
            }
        }
    }

    /// Adds an item: the array or object is still open, or complete.
    fn add<N: Node>(&mut self, open: Open<N>, item: N) -> Result<Result<Open<N>, N>, ConvertError> {
        Ok(match open {
            Open::Array(mut items) => {
                items.push(item);
                match self.next()? {
                    b',' => Ok(Open::Array(items)),
                    b']' => Err(N::array(items)),
                    _ => return Err(self.wrong("',' or ']' expected")),
                }
            }
            Open::Object(mut fields, name) => {
                fields.push((name, item));
                match self.next()? {
                    b',' => Ok(Open::Object(fields, self.key()?)),
                    b'}' => Err(N::object(fields)),
                    _ => return Err(self.wrong("',' or '}' expected")),
                }
            }
        })
    }

    /// A name and its colon.
    fn key(&mut self) -> Result<Arc<str>, ConvertError> {
        if self.next()? != b'"' {
            return Err(self.wrong("a name in quotes expected"));
        }
        let name = self.string()?;
        if self.next()? != b':' {
            return Err(self.wrong("':' expected"));
        }
        Ok(name)
    }

    fn scalar<N: Node>(&mut self) -> Result<N, ConvertError> {
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.at += 1;
                self.string().map(N::string)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true").map(|()| N::boolean(true)),
            Some(b'f') => self.word(b"false").map(|()| N::boolean(false)),
            Some(b'n') => self.word(b"null").map(|()| N::null()),
            Some(_) => Err(self.wrong("a value expected")),
            None => Err(self.wrong("the text ends too early")),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), ConvertError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong("a value expected"));
        }
        self.at += word.len();
        match self.bytes.get(self.at) {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..) => {
                Err(self.wrong("a value expected"))
            }
            _ => Ok(()),
        }
    }

    /// A number that is the whole text must end there or at a blank.
    fn end_of_root(&self) -> Result<(), ConvertError> {
        let number = self.at > 0 && self.bytes[self.at - 1].is_ascii_digit();
        match self.bytes.get(self.at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') | None => Ok(()),
            Some(_) if number => Err(self.wrong("a blank expected")),
            Some(_) => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<&'a [u8], ConvertError> {
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from { Err(self.wrong("a digit expected")) } else { Ok(&self.bytes[from..self.at]) }
    }

    fn number<N: Node>(&mut self) -> Result<N, ConvertError> {
        let from = self.at;
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let whole = self.digits()?;
        let (mut fraction, mut exponent) = (0, None);
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            fraction = self.digits()?.len();
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            let sign = match self.bytes.get(self.at) {
                Some(b'-') => -1,
                Some(b'+') => 1,
                _ => 0,
            };
            self.at += usize::from(sign != 0);
            exponent = Some(self.exponent()? * if sign < 0 { -1 } else { 1 });
        }
        if self.at - from > NUMBER_BYTES_MAX {
            return Err(self.wrong("a number of more than 1000 characters"));
        }
        if fraction == 0 && exponent.is_none() {
            return Ok(integer(negative, whole));
        }
        let scale = i64::try_from(fraction).unwrap_or(i64::MAX) - exponent.unwrap_or(0);
        i32::try_from(scale).map_err(|_| self.wrong("an exponent out of range"))?;
        let text =
            std::str::from_utf8(&self.bytes[from..self.at]).map_err(|_| self.wrong("a digit expected"))?;
        Ok(N::float(text))
    }

    fn exponent(&mut self) -> Result<i64, ConvertError> {
        let text = std::str::from_utf8(self.digits()?).unwrap_or_default();
        text.parse::<i32>().map(i64::from).map_err(|_| self.wrong("an exponent out of range"))
    }

    /// What follows a quote, to the next.
    fn string(&mut self) -> Result<Arc<str>, ConvertError> {
        let from = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let text = self.text(from)?;
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => return self.escaped(from),
                Some(..0x20) => return Err(self.wrong("a control character in a string: escape it")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("a string without an end")),
            }
        }
    }

    fn text(&self, from: usize) -> Result<&'a str, ConvertError> {
        std::str::from_utf8(&self.bytes[from..self.at]).map_err(|_| self.wrong("a string that is not UTF-8"))
    }

    /// The rest of a string in which escapes have begun.
    fn escaped(&mut self, mut from: usize) -> Result<Arc<str>, ConvertError> {
        let mut text = String::new();
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    text.push_str(self.text(from)?);
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => {
                    text.push_str(self.text(from)?);
                    self.at += 1;
                    text.push(self.escape()?);
                    from = self.at;
                }
                Some(..0x20) => return Err(self.wrong("a control character in a string: escape it")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("a string without an end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ConvertError> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        Ok(match byte {
            Some(literal @ (b'"' | b'\\' | b'/')) => char::from(literal),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.wrong("an escape that there is not")),
        })
    }

    /// One character of one or two escapes. Half a pair is refused: no UTF-8 could write it again.
    fn unicode(&mut self) -> Result<char, ConvertError> {
        let first = self.hex()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            units.push(self.hex()?);
        }
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(one)), None) => Ok(one),
            _ => Err(self.wrong("half a pair of surrogates")),
        }
    }

    fn hex(&mut self) -> Result<u16, ConvertError> {
        let digits =
            self.bytes.get(self.at..self.at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = text.and_then(|text| u16::from_str_radix(text, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| self.wrong("four hexadecimal digits expected"))
    }
}

fn integer<N: Node>(negative: bool, digits: &[u8]) -> N {
    let mut value: i64 = 0;
    for digit in digits {
        let digit = i64::from(digit - b'0');
        let next = value
            .checked_mul(10)
            .and_then(|ten| if negative { ten.checked_sub(digit) } else { ten.checked_add(digit) });
        let Some(next) = next else { return big(negative, digits) };
        value = next;
    }
    N::integer(value)
}

fn big<N: Node>(negative: bool, digits: &[u8]) -> N {
    let magnitude = num_bigint::BigInt::parse_bytes(digits, 10).unwrap_or_default();
    N::big(if negative { -magnitude } else { magnitude })
}
