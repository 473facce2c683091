//! Reading and patching big-endian numbers at fixed places.

/// The `N` bytes at `at`. The caller has checked that they are there.
#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

macro_rules! number {
    ($get:ident, $put:ident, $type:ty) => {
        #[inline]
        pub(super) fn $get(bytes: &[u8], at: usize) -> $type {
            <$type>::from_be_bytes(array(bytes, at))
        }

        #[inline]
        pub(super) fn $put(bytes: &mut [u8], at: usize, value: $type) {
            bytes[at..at + size_of::<$type>()].copy_from_slice(&value.to_be_bytes());
        }
    };
}

number!(get_i16, put_i16, i16);
number!(get_i32, put_i32, i32);
number!(get_u32, put_u32, u32);
number!(get_i64, put_i64, i64);
