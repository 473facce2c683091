//! Numbers as Java's `toString` writes them: what Kafka Connect puts into JSON, strings and headers.

/// `Double.toString`.
pub(crate) fn of_f64(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return special(value);
    }
    written(&two_digits(format!("{value:e}"), format!("{value:.1e}")), (1e-3..1e7).contains(&value.abs()))
}

/// `Float.toString`.
pub(crate) fn of_f32(value: f32) -> String {
    if value == 0.0 || !value.is_finite() {
        return special(value.into());
    }
    written(&two_digits(format!("{value:e}"), format!("{value:.1e}")), (1e-3..1e7).contains(&value.abs()))
}

/// Java looks for the nearest of two digits where one would tell the number: the smallest of all is 4.9E-324, not 5E-324.
fn two_digits(shortest: String, two: String) -> String {
    if shortest.contains('.') || two.contains(".0e") { shortest } else { two }
}

fn special(value: f64) -> String {
    let text = match value {
        value if value.is_nan() => "NaN",
        value if value == 0.0 && value.is_sign_negative() => "-0.0",
        0.0 => "0.0",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    };
    text.to_owned()
}

/// From the shortest digits with their exponent (`-1.5e10`): plain where Java writes it so, else with `E`.
fn written(shortest: &str, plain: bool) -> String {
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    if !plain {
        let point = if mantissa.contains('.') { "" } else { ".0" };
        return format!("{mantissa}{point}E{exponent}");
    }
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or(("", mantissa), |unsigned| ("-", unsigned));
    let digits = unsigned.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    };
    if whole == 0 {
        return format!("{sign}0.{digits}");
    }
    if digits.len() <= whole {
        return format!("{sign}{digits:0<whole$}.0");
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

#[cfg(test)]
mod tests {
    use super::*;

    // The right column is what Double.toString answers.
    #[test]
    fn doubles_are_written_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-100.0, "-100.0"),
            (0.1, "0.1"),
            (0.01, "0.01"),
            (0.001, "0.001"),
            (0.0015, "0.0015"),
            (0.00015, "1.5E-4"),
            (123.456, "123.456"),
            (1_234_567.0, "1234567.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (-1e-10, "-1.0E-10"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(of_f64(value), text);
        }
        assert_eq!(of_f32(0.1), "0.1");
        assert_eq!(of_f32(16_777_216.0), "1.6777216E7");
    }
}
