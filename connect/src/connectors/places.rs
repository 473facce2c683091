//! Texts with places, `${...}`, that are filled in from records.

/// The parts of a text: what stands between places, and what `place` makes of what they name. There is no empty text among them.
pub(super) fn parse<P>(
    text: &str,
    between: impl Fn(String) -> P,
    place: impl Fn(&str) -> Result<P, String>,
) -> Result<Vec<P>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, after) = behind.split_once('}').ok_or("a ${ is not closed by a }")?;
        if !before.is_empty() {
            parts.push(between(before.to_owned()));
        }
        parts.push(place(name)?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(between(rest.to_owned()));
    }
    Ok(parts)
}
