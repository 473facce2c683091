//! The order in which Java walks a `HashSet` of strings; Kafka's topology text depends on it.

/// `names` in the order of `java.util.HashSet<String>` after they were added one by one.
pub(in crate::topology) fn iteration_order(names: Vec<&str>) -> Vec<&str> {
    let mut capacity = 16;
    while names.len() > capacity * 3 / 4 {
        capacity *= 2;
    }
    let mut names = names;
    // Stable: within a bucket the order of insertion stays.
    names.sort_by_key(|name| bucket(name, capacity));
    names
}

/// `HashMap` spreads the high half of the hash over the low one and takes as many low bits as its table has.
fn bucket(name: &str, capacity: usize) -> usize {
    let hash = string_hash(name);
    (hash ^ (hash >> 16)) as usize & (capacity - 1)
}

/// `String.hashCode()`.
fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("hello"), 99_162_322);
        assert_eq!(string_hash("KSTREAM-SOURCE-0000000000") as i32, expected_source_hash());
    }

    /// `s[0]*31^(n-1) + … + s[n-1]`, computed the other way round.
    fn expected_source_hash() -> i32 {
        let (sum, _) =
            "KSTREAM-SOURCE-0000000000".bytes().rev().fold((0_i32, 1_i32), |(sum, power), byte| {
                (sum.wrapping_add(i32::from(byte).wrapping_mul(power)), power.wrapping_mul(31))
            });
        sum
    }
}
