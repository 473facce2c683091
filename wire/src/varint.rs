//! Variable-length integers: seven bits a byte, lowest first, the high bit says that more follow.
//!
//! Unsigned ones carry lengths and counts of flexible messages. Signed ones, folded by zig-zag so that small
//! negative numbers stay short, carry everything inside a record. Kafka's `ByteUtils` has the same encodings; unlike
//! it, these readers refuse bits that do not fit the type instead of dropping them.

/// Longest encoding of 32 bits.
pub const MAX_LEN_32: usize = 5;
/// Longest encoding of 64 bits.
pub const MAX_LEN_64: usize = 10;

/// Takes an unsigned 32-bit varint off the front; `None` if it is cut short or does not fit.
#[inline]
pub fn read_u32(buf: &mut &[u8]) -> Option<u32> {
    // What stands in records has one byte or two.
    match **buf {
        [first, ..] if first < 0x80 => {
            *buf = &buf[1..];
            Some(u32::from(first))
        }
        [first, second, ..] if second < 0x80 => {
            *buf = &buf[2..];
            Some(u32::from(first & 0x7f) | u32::from(second) << 7)
        }
        _ => read_u32_long(buf),
    }
}

fn read_u32_long(buf: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for (index, &byte) in buf.iter().take(MAX_LEN_32).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let fits = index < MAX_LEN_32 - 1 || byte <= 0x0f;
            *buf = &buf[index + 1..];
            return fits.then_some(value);
        }
    }
    None
}

/// Takes an unsigned 64-bit varint off the front; `None` if it is cut short or does not fit.
#[inline]
pub fn read_u64(buf: &mut &[u8]) -> Option<u64> {
    // What stands in records has one byte or two.
    match **buf {
        [first, ..] if first < 0x80 => {
            *buf = &buf[1..];
            Some(u64::from(first))
        }
        [first, second, ..] if second < 0x80 => {
            *buf = &buf[2..];
            Some(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        _ => read_u64_long(buf),
    }
}

fn read_u64_long(buf: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, &byte) in buf.iter().take(MAX_LEN_64).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let fits = index < MAX_LEN_64 - 1 || byte <= 0x01;
            *buf = &buf[index + 1..];
            return fits.then_some(value);
        }
    }
    None
}

/// Takes a zig-zag 32-bit varint off the front; `None` if it is cut short or does not fit.
#[inline]
pub fn read_i32(buf: &mut &[u8]) -> Option<i32> {
    let raw = read_u32(buf)?;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Takes a zig-zag 64-bit varint off the front; `None` if it is cut short or does not fit.
#[inline]
pub fn read_i64(buf: &mut &[u8]) -> Option<i64> {
    let raw = read_u64(buf)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Appends an unsigned 32-bit varint.
#[inline]
pub fn write_u32(buf: &mut Vec<u8>, value: u32) {
    write_u64(buf, u64::from(value));
}

/// Appends an unsigned 64-bit varint.
#[inline]
pub fn write_u64(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// Appends a zig-zag 32-bit varint.
#[inline]
pub fn write_i32(buf: &mut Vec<u8>, value: i32) {
    write_u32(buf, zigzag_i32(value));
}

/// Appends a zig-zag 64-bit varint.
#[inline]
pub fn write_i64(buf: &mut Vec<u8>, value: i64) {
    write_u64(buf, zigzag_i64(value));
}

/// Bytes that [`write_u32`] takes.
#[inline]
#[must_use]
pub fn len_u32(value: u32) -> usize {
    len_u64(u64::from(value))
}

/// Bytes that [`write_u64`] takes.
#[inline]
#[must_use]
pub fn len_u64(value: u64) -> usize {
    // Bits in use, at least one, in groups of seven: (bits + 6) / 7 without the division.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Bytes that [`write_i32`] takes.
#[inline]
#[must_use]
pub fn len_i32(value: i32) -> usize {
    len_u32(zigzag_i32(value))
}

/// Bytes that [`write_i64`] takes.
#[inline]
#[must_use]
pub fn len_i64(value: i64) -> usize {
    len_u64(zigzag_i64(value))
}

#[inline]
pub(crate) fn zigzag_i32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline]
pub(crate) fn zigzag_i64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn signed_64_round_trip(value: i64) {
            let mut buf = Vec::new();
            write_i64(&mut buf, value);
            prop_assert_eq!(buf.len(), len_i64(value));
            let mut rest = &buf[..];
            prop_assert_eq!(read_i64(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn unsigned_32_round_trip(value: u32) {
            let mut buf = Vec::new();
            write_u32(&mut buf, value);
            prop_assert_eq!(buf.len(), len_u32(value));
            let mut rest = &buf[..];
            prop_assert_eq!(read_u32(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn lengths_step_at_every_group_of_seven_bits() {
        for bits in 0..64 {
            for value in [1u64 << bits, (1u64 << bits).wrapping_mul(2).wrapping_sub(1)] {
                let mut buf = Vec::new();
                write_u64(&mut buf, value);
                assert_eq!(buf.len(), len_u64(value), "{value}");
            }
        }
    }

    #[test]
    fn known_encodings() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut buf = Vec::new();
            write_i32(&mut buf, value);
            assert_eq!(buf, bytes);
            assert_eq!(read_i32(&mut &bytes[..]), Some(value));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(read_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        assert_eq!(read_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..]), None);
        assert_eq!(read_u32(&mut &[0x80][..]), None);
        assert_eq!(read_u64(&mut &[0xff; 10][..]), None);
        assert_eq!(read_u32(&mut &[][..]), None);
    }
}
