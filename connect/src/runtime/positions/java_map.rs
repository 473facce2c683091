//! A `HashMap<byte[], byte[]>` as Java serialises it: the file of Kafka Connect's `FileOffsetBackingStore`.
//!
//! ```text
//! ac ed 00 05                                   stream, version 5
//! 73 72 "java.util.HashMap" uid 03              object of a class, Serializable with writeObject
//!       0002 F "loadFactor" I "threshold" 78 70
//! 3f400000 0000000c                             the two fields
//! 77 08 <capacity> <size>                       a block of the class's own
//! size x  75 72 "[B" uid 02 0000 78 70 <length> <bytes>     the first array names its class,
//!         75 71 007e0002               <length> <bytes>     the others refer to it
//!         70                                                null
//! 78
//! ```

use thiserror::Error;

const HEADER: &[u8] =
    b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02\
F\x00\nloadFactorI\x00\tthresholdxp";
const BYTES_CLASS: &[u8] = b"r\x00\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\x00\x00xp";
/// The handle of the class of byte arrays: that of the map's class is 0x7e0000 and that of the map 0x7e0001.
const BYTES_REFERENCE: &[u8] = b"q\x00\x7e\x00\x02";
const ARRAY: u8 = b'u';
const NULL: u8 = b'p';
const END: u8 = b'x';
const BLOCK_OF_8: &[u8] = b"w\x08";

/// Keys and values; a value may be null.
pub(crate) type Entries = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The file is not what Kafka Connect or we would have written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no serialised map of byte arrays: something else at byte {at}")]
pub(crate) struct NotAMap {
    at: usize,
}

/// The map as bytes.
pub(crate) fn write(entries: &Entries) -> Vec<u8> {
    let size = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    // Java reads a capacity and throws it away; threshold and load factor as of a map that has grown to this size.
    let grown = (4..32).map(|power| 1_u32 << power).find(|capacity| capacity / 4 * 3 >= size);
    let capacity = grown.unwrap_or(1 << 31);
    let mut out = HEADER.to_vec();
    out.extend(0.75_f32.to_be_bytes());
    out.extend((capacity / 4 * 3).to_be_bytes());
    out.extend(BLOCK_OF_8);
    out.extend(capacity.to_be_bytes());
    out.extend(size.to_be_bytes());
    let mut named = false;
    for part in entries.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]) {
        let Some(bytes) = part else {
            out.push(NULL);
            continue;
        };
        out.push(ARRAY);
        out.extend(if named { BYTES_REFERENCE } else { BYTES_CLASS });
        named = true;
        out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(bytes);
    }
    out.push(END);
    out
}

/// The entries of such bytes.
///
/// # Errors
/// They are no such map.
pub(crate) fn read(bytes: &[u8]) -> Result<Entries, NotAMap> {
    let mut reader = Reader { bytes, at: 0 };
    reader.expect(HEADER)?;
    reader.take(8)?;
    reader.expect(BLOCK_OF_8)?;
    reader.take(4)?;
    let size = reader.length()?;
    let mut entries = Vec::new();
    for _ in 0..size {
        let key = reader.array()?.ok_or(NotAMap { at: reader.at })?;
        entries.push((key, reader.array()?));
    }
    reader.expect(&[END])?;
    Ok(entries)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], NotAMap> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or(NotAMap { at: self.at })?;
        self.at += length;
        Ok(taken)
    }

    fn expect(&mut self, what: &[u8]) -> Result<(), NotAMap> {
        if self.next_is(what) {
            self.at += what.len();
            return Ok(());
        }
        Err(NotAMap { at: self.at })
    }

    fn next_is(&self, what: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(what))
    }

    fn length(&mut self) -> Result<usize, NotAMap> {
        let bytes = self.take(4)?.first_chunk().copied().unwrap_or_default();
        Ok(u32::from_be_bytes(bytes) as usize)
    }

    fn array(&mut self) -> Result<Option<Vec<u8>>, NotAMap> {
        if self.next_is(&[NULL]) {
            self.at += 1;
            return Ok(None);
        }
        self.expect(&[ARRAY])?;
        let class = if self.next_is(BYTES_CLASS) { BYTES_CLASS } else { BYTES_REFERENCE };
        self.expect(class)?;
        let length = self.length()?;
        Ok(Some(self.take(length)?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `ObjectOutputStream` of Java 17 makes of one entry.
    const BY_JAVA: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900\
097468726573686f6c6478703f4000000000000c77080000001000000001757200025b42acf317f8060854e002000078700000001f5b226c696e6573222c7b226669\
6c656e616d65223a222f746d702f30227d5d7571007e00020000000e7b22706f736974696f6e223a367d78";

    fn by_java() -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&BY_JAVA[at..at + 2], 16).unwrap();
        (0..BY_JAVA.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn a_file_of_kafka_connect_is_read_and_written_byte_for_byte() {
        let entries = read(&by_java()).unwrap();
        let key = br#"["lines",{"filename":"/tmp/0"}]"#.to_vec();
        assert_eq!(entries, [(key, Some(br#"{"position":6}"#.to_vec()))]);
        assert_eq!(write(&entries), by_java());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..20)) {
            prop_assert_eq!(read(&write(&entries)).unwrap(), entries);
        }

        #[test]
        fn a_torn_or_changed_file_is_an_error_and_no_more(cut in 0..BY_JAVA.len() / 2, at in 0..BY_JAVA.len() / 2, bit in 0..8_u8) {
            prop_assert!(read(&by_java()[..cut]).is_err());
            let mut changed = by_java();
            changed[at] ^= 1 << bit;
            drop(read(&changed));
        }
    }
}
