//! Keys and values in JSON: a string, or `{"hex": "00ff"}` where the bytes are no UTF-8.

use serde_json::{Value, json};

/// A string, unless the bytes are none: a script must be able to tell one value from another.
pub(crate) fn to_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            json!({ "hex": hex.collect::<String>() })
        }
    }
}

/// The bytes again; nothing for null.
pub(crate) fn from_json(value: &Value) -> Result<Option<Vec<u8>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone().into_bytes())),
        Value::Object(object) => match object.get("hex").and_then(Value::as_str).and_then(unhex) {
            Some(bytes) if object.len() == 1 => Ok(Some(bytes)),
            _ => Err(format!("{value} is neither a string nor bytes such as {{\"hex\": \"00ff\"}}")),
        },
        _ => Err(format!("{value} is not a string; put it in quotes")),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        for bytes in ["naïve\0".as_bytes(), &[0, 0xff, 0x7e], b""] {
            assert_eq!(from_json(&to_json(bytes)), Ok(Some(bytes.to_vec())));
        }
        assert_eq!(to_json(&[0, 0xff]), json!({ "hex": "00ff" }));
        assert_eq!(from_json(&Value::Null), Ok(None));
        for wrong in [json!(1), json!({}), json!({ "hex": "0" }), json!({ "hex": "+1" }), json!(["a"])] {
            assert!(from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
