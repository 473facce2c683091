//! What stands in `#[option(…)]` and in doc comments.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, Field, Lit, LitStr, Meta, Path, Result};

/// What a field says of its option.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) default: Option<String>,
    pub(crate) importance: Option<LitStr>,
    pub(crate) group: Option<String>,
    pub(crate) range: Option<Expr>,
    pub(crate) check: Option<Path>,
    pub(crate) is_flat: bool,
}

impl FieldAttributes {
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let mut said = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("option")) {
            attribute.parse_nested_meta(|meta| said.take(&meta))?;
        }
        Ok(said)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(word) = meta.path.get_ident() else {
            return Err(meta.error("an option has no such attribute"));
        };
        match word.to_string().as_str() {
            "name" => self.name = Some(meta.value()?.parse::<LitStr>()?.value()),
            "alias" => self.aliases.push(meta.value()?.parse::<LitStr>()?.value()),
            "default" => self.default = Some(text(&meta.value()?.parse()?)?),
            "importance" => self.importance = Some(meta.value()?.parse()?),
            "group" => self.group = Some(meta.value()?.parse::<LitStr>()?.value()),
            "range" => self.range = Some(meta.value()?.parse()?),
            "check" => self.check = Some(meta.value()?.parse()?),
            "flatten" => self.is_flat = true,
            _ => {
                return Err(meta.error(
                    "an option knows name, alias, default, importance, group, range, check and flatten",
                ));
            }
        }
        Ok(())
    }
}

/// A literal as a user would write it.
fn text(value: &Expr) -> Result<String> {
    let (sign, literal) = match value {
        Expr::Unary(unary) => ("-", &*unary.expr),
        other => ("", other),
    };
    let Expr::Lit(literal) = literal else {
        return Err(Error::new_spanned(value, "a default is a text, a number, `true` or `false`"));
    };
    Ok(match &literal.lit {
        Lit::Str(text) => text.value(),
        Lit::Int(number) => format!("{sign}{}", number.base10_digits()),
        Lit::Float(number) => format!("{sign}{}", number.base10_digits()),
        Lit::Bool(truth) => truth.value.to_string(),
        other => return Err(Error::new_spanned(other, "a default is a text, a number, `true` or `false`")),
    })
}

/// The paragraphs of a doc comment, each in one line.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut out = String::new();
    for attribute in attributes {
        let Meta::NameValue(said) = &attribute.meta else { continue };
        let Expr::Lit(literal) = &said.value else { continue };
        let (true, Lit::Str(line)) = (said.path.is_ident("doc"), &literal.lit) else { continue };
        match line.value().trim() {
            "" => out.push('\n'),
            line => {
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push(' ');
                }
                out.push_str(line);
            }
        }
    }
    out
}
