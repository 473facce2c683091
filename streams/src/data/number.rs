//! Integers and floats, big-endian, as `IntegerSerializer`, `LongSerializer`, `DoubleSerializer` and their kin write them.

use super::{Data, DataError};

macro_rules! big_endian {
    ($($type:ty),*) => {$(
        impl Data for $type {
            type Present = Self;

            #[inline]
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
                out.extend_from_slice(&self.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn decode(bytes: &[u8]) -> Result<Self, DataError> {
                let fixed = bytes.try_into().map_err(|_| DataError::Length {
                    expected: size_of::<Self>(),
                    actual: bytes.len(),
                })?;
                Ok(Self::from_be_bytes(fixed))
            }

            fn into_present(self) -> Option<Self> {
                Some(self)
            }

            fn from_present(present: Option<Self>) -> Option<Self> {
                present
            }
        }
    )*};
}

big_endian!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64);

impl Data for bool {
    type Present = Self;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        out.push(u8::from(*self));
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DataError::format(format!("{other} is no boolean"))),
            _ => Err(DataError::Length { expected: 1, actual: bytes.len() }),
        }
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}
