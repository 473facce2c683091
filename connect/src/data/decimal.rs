use super::DataError;
use num_bigint::{BigInt, Sign};
use std::fmt;
use std::str::FromStr;

/// An exact decimal number, `unscaled * 10^-scale`: Java's `BigDecimal`. 1.0 and 1.00 differ, as they do there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    // Boxed: a decimal is rare, and every value would be as wide as the widest.
    unscaled: Box<BigInt>,
    scale: i32,
}

/// Digits a decimal is read or written with at most: more is an attack, not a price.
/// (Jackson, which reads JSON for Kafka, draws the same line.)
pub(crate) const DIGITS_MAX: usize = 1_000;

/// Bytes of that many digits.
const BYTES_MAX: usize = 416;

impl Decimal {
    /// `unscaled * 10^-scale`.
    pub fn new(unscaled: impl Into<BigInt>, scale: i32) -> Self {
        Decimal { unscaled: Box::new(unscaled.into()), scale }
    }

    /// The digits as one integer.
    pub fn unscaled(&self) -> &BigInt {
        &self.unscaled
    }

    /// How many of the digits stand behind the point; less than 0 for zeros not written.
    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        // As text with an exponent: exact where a power of ten would round twice.
        format!("{}e{}", self.unscaled, -i64::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// The nearest float of 32 bits.
    pub fn to_f32(&self) -> f32 {
        format!("{}e{}", self.unscaled, -i64::from(self.scale)).parse().unwrap_or(f32::NAN)
    }

    /// Java's `longValue`: what stands behind the point is cut off, and of the rest the low 64 bits stay.
    pub fn to_i64_wrapping(&self) -> i64 {
        // A power of ten above the limit leaves none of the low bits, or no digit before the point.
        self.truncated().as_ref().map_or(0, low_bits)
    }

    /// The bytes in which Kafka Connect stores one: the unscaled value in two's complement, most significant first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }

    /// A decimal from such bytes. No bytes are refused, as Java does, and more than a thousand digits need.
    ///
    /// # Errors
    /// [`DataError::Convert`] for no bytes or too many.
    pub fn from_bytes(bytes: &[u8], scale: i32) -> Result<Self, DataError> {
        if bytes.is_empty() {
            return Err(DataError::Convert("a decimal of no bytes".into()));
        }
        if bytes.len() > BYTES_MAX {
            return Err(DataError::Convert(format!("a decimal of more than {BYTES_MAX} bytes")));
        }
        Ok(Decimal::new(BigInt::from_signed_bytes_be(bytes), scale))
    }

    /// The same number with that many digits behind the point.
    ///
    /// # Errors
    /// [`DataError::Scale`] if digits other than zeros would be lost, or more than a thousand added.
    pub fn with_scale(&self, scale: i32) -> Result<Self, DataError> {
        let wrong = || DataError::Scale { expected: scale, found: self.scale };
        let by = i64::from(scale) - i64::from(self.scale);
        let power =
            usize::try_from(by.unsigned_abs()).ok().filter(|power| *power <= DIGITS_MAX).ok_or_else(wrong)?;
        let factor = BigInt::from(10).pow(u32::try_from(power).map_err(|_| wrong())?);
        if by >= 0 {
            return Ok(Decimal::new(&*self.unscaled * factor, scale));
        }
        let (rest, whole) = (&*self.unscaled % &factor, &*self.unscaled / &factor);
        if rest.sign() == Sign::NoSign { Ok(Decimal::new(whole, scale)) } else { Err(wrong()) }
    }

    /// The integer that is left when what stands behind the point is cut off, if it has no more than
    /// a thousand digits.
    fn truncated(&self) -> Option<BigInt> {
        let power = usize::try_from(self.scale.unsigned_abs()).ok().filter(|power| *power <= DIGITS_MAX)?;
        let factor = BigInt::from(10).pow(u32::try_from(power).ok()?);
        Some(if self.scale >= 0 { &*self.unscaled / factor } else { &*self.unscaled * factor })
    }

    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.unscaled.bits() / 8).unwrap_or(usize::MAX) + 32
    }
}

/// Java's `BigInteger.longValue`.
pub(crate) fn low_bits(value: &BigInt) -> i64 {
    let magnitude = value.magnitude().iter_u64_digits().next().unwrap_or(0).cast_signed();
    if value.sign() == Sign::Minus { magnitude.wrapping_neg() } else { magnitude }
}

/// As Java's `BigDecimal.toString`: with an exponent where the scale is below 0 or the number is very small.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let exponent = count - 1 - i64::from(self.scale);
        if self.scale > 0 && exponent >= -6 {
            let scale = usize::try_from(self.scale).unwrap_or(0);
            return match digits.len().checked_sub(scale) {
                Some(whole @ 1..) => write!(f, "{}.{}", &digits[..whole], &digits[whole..]),
                _ => write!(f, "0.{digits:0>scale$}"),
            };
        }
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        if exponent == 0 { Ok(()) } else { write!(f, "E{exponent:+}") }
    }
}

/// As Java's `new BigDecimal(String)`: a sign, digits with one point among them, an exponent.
impl FromStr for Decimal {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = || DataError::Convert("not a decimal number".into());
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| wrong())?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty()
            || digits.len() > DIGITS_MAX
            || !digits.bytes().all(|digit| digit.is_ascii_digit())
        {
            return Err(wrong());
        }
        let fraction = i64::try_from(fraction.len()).map_err(|_| wrong())?;
        let scale = i32::try_from(fraction - i64::from(exponent)).map_err(|_| wrong())?;
        let magnitude: BigInt = digits.parse().map_err(|_| wrong())?;
        Ok(Decimal::new(if negative { -magnitude } else { magnitude }, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The right column is what `new BigDecimal(left).toString()` answers.
    #[test]
    fn decimals_are_read_and_written_as_java_does() {
        for (text, written) in [
            ("0", "0"),
            ("0.00", "0.00"),
            ("-1.50", "-1.50"),
            ("+7", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1E+3"),
            ("12e3", "1.2E+4"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("0.00000012", "1.2E-7"),
            ("0e5", "0E+5"),
            ("0e-9", "0E-9"),
            ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), written, "{text}");
        }
        for text in ["", ".", "-", "1,5", "1e", "0x1", " 1", "1e99999999999", &"9".repeat(DIGITS_MAX + 1)] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_scale_changes_only_where_no_digit_is_lost() {
        let price: Decimal = "1.50".parse().unwrap();
        assert_eq!(price.with_scale(4).unwrap().to_string(), "1.5000");
        assert_eq!(price.with_scale(1).unwrap().to_string(), "1.5");
        assert!(price.with_scale(0).is_err());
        assert!(price.with_scale(i32::MAX).is_err());
        assert_eq!(Decimal::from_bytes(&price.to_bytes(), 2).unwrap(), price);
        assert!(Decimal::from_bytes(&[1; BYTES_MAX + 1], 2).is_err());
        assert!((price.to_f64() - 1.5).abs() < f64::EPSILON);
    }
}
