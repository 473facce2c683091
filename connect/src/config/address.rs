//! Passwords within addresses: `scheme://user:password@host`, and `?password=…` or `;password=…` behind them. JDBC's of Oracle
//! have no `//` before them: `jdbc:oracle:thin:user/password@host`.

use std::ops::Range;

use super::secrets::has_reference;
use crate::options::Secret;

/// A password that stands in an address as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Password {
    /// Where in the text.
    pub(super) at: Range<usize>,
    /// Whose it is and where it is sent: the address up to its path, without the password.
    place: String,
}

/// All passwords of a text. References are none: they are there to be seen.
pub(super) fn passwords(text: &str) -> Vec<Password> {
    let mut found = Vec::new();
    for (colon, separator) in text.match_indices("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let begin = text[..colon].trim_end_matches(is_scheme).len();
        let start = colon + separator.len();
        let (has_user, separators) = behind(&text[begin..colon]);
        let user_end = if has_user { end_of_user(&text[start..]).map(|at| start + at) } else { None };
        let host = user_end.unwrap_or(start);
        let end = host + end_of_place(&text[host..]);
        let word = user_end.and_then(|user_end| {
            let user = start + outside(&text[start..user_end], |c| c == ':')?;
            Some(user + 1..user_end)
        });
        let place = match &word {
            Some(word) => format!("{}{}", &text[begin..word.start], &text[word.end..end]),
            None => text[begin..end].to_owned(),
        };
        let queried = parameters(text, host, separators)
            .map(|(name, at)| Password { at, place: format!("{place}?{name}") });
        found.extend(word.map(|at| Password { at, place: place.clone() }).into_iter().chain(queried));
    }
    found.extend(of_oracle(text));
    found.retain(|one| !one.at.is_empty() && !has_reference(&text[one.at.clone()]));
    // What stands behind two addresses is found behind each, and is of the nearer.
    found.reverse();
    found.sort_by_key(|one| one.at.start);
    found.dedup_by(|next, one| next.at.start < one.at.end);
    found
}

/// The text with every password hidden.
pub(crate) fn hidden(text: &str) -> String {
    passwords(text).into_iter().rev().fold(text.to_owned(), |mut shown, one| {
        shown.replace_range(one.at, Secret::HIDDEN);
        shown
    })
}

/// A text that was hidden, and perhaps changed: what was hidden is as it was, where it is of the same user at the same place. A
/// password is sent nowhere else than where it was meant for.
pub(crate) fn restored(text: &str, before: &str) -> String {
    let known = passwords(before);
    passwords(text).into_iter().rev().fold(text.to_owned(), |mut restored, one| {
        let kept = known.iter().find(|kept| kept.place == one.place);
        if let Some(kept) = kept.filter(|_| text[one.at.clone()] == *Secret::HIDDEN) {
            restored.replace_range(one.at, &before[kept.at.clone()]);
        }
        restored
    })
}

/// Whether somebody put down what was shown in the place of a password.
pub(crate) fn is_hidden(text: &str, is_password: bool) -> bool {
    let is_word = is_password && text == Secret::HIDDEN;
    is_word || passwords(text).iter().any(|one| text[one.at.clone()] == *Secret::HIDDEN)
}

/// Where the `@` is behind user and password of an address, of which this is what follows `://`.
///
/// A password may have a bare `/`, `?` or `#` in it: whoever wrote it down did not know that they end the authority. It is one where
/// what stands behind the colon is no port, and an `@` comes before the next address.
pub(crate) fn end_of_user(rest: &str) -> Option<usize> {
    let end = end_of_authority(rest);
    if let Some(at) = rest[..end].rfind('@') {
        return Some(at);
    }
    let word = outside(&rest[..end], |c| c == ':')? + 1;
    let port = rest[word..end].split(',').next().unwrap_or_default();
    if rest.starts_with('[') || port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let next = rest.find("://").unwrap_or(rest.len());
    let rest = &rest[..next.min(rest.find(char::is_whitespace).unwrap_or(rest.len()))];
    let of_host = |at: &usize| {
        let host = &rest[at + 1..];
        !host.is_empty() && !host[..end_of_authority(host)].contains('@')
    };
    rest.match_indices('@').map(|(at, _)| at).find(|at| *at > end && of_host(at))
}

fn end_of_authority(rest: &str) -> usize {
    outside(rest, |c| matches!(c, '/' | '?' | '#') || c.is_whitespace()).unwrap_or(rest.len())
}

/// Where host and port end, behind which parameters may stand.
fn end_of_place(rest: &str) -> usize {
    outside(&rest[..end_of_authority(rest)], |c| c == ';').unwrap_or_else(|| end_of_authority(rest))
}

/// Whether addresses of this scheme may name a user before their host, and what separates the parameters behind it. SQL Server's
/// begin with the host, and an `@`, `?` or `&` in them is of a password.
fn behind(scheme: &str) -> (bool, &'static [char]) {
    if scheme == "sqlserver" { (false, &[';']) } else { (true, &['?', '&', ';', '#']) }
}

/// Where the first such letter is that stands in no reference.
fn outside(text: &str, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut is_inside = false;
    text.char_indices().find_map(|(at, c)| {
        is_inside = if is_inside { c != '}' } else { text[at..].starts_with("${") };
        (!is_inside && wanted(c)).then_some(at)
    })
}

/// The names and values of `password=` behind the host that begins there.
fn parameters<'a>(
    text: &'a str,
    host: usize,
    separators: &'static [char],
) -> impl Iterator<Item = (&'a str, Range<usize>)> {
    let rest = &text[host..];
    let rest = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
    rest.match_indices(separators).filter_map(move |(at, separator)| {
        let piece = &rest[at + separator.len()..];
        let (name, value) = piece.split_once('=')?;
        if name.contains(separators) || !name.to_ascii_lowercase().ends_with("password") {
            return None;
        }
        // SQL Server's `{a;b}`: all may stand in it.
        let braced = value.starts_with('{').then(|| value.find("};").map_or(value.len(), |at| at + 1));
        let length = braced.or_else(|| value.find(separators)).unwrap_or(value.len());
        let start = host + at + separator.len() + name.len() + 1;
        Some((name, start..start + length))
    })
}

/// The password of `jdbc:oracle:thin:user/password@host`.
fn of_oracle(text: &str) -> Option<Password> {
    let (begin, scheme) = text.match_indices("jdbc:oracle:").next()?;
    let user = begin + scheme.len();
    let slash = user + outside(&text[user..], |c| matches!(c, '/' | '@'))?;
    let at = user + text[user..].rfind('@')?;
    let is_there = text[slash..].starts_with('/') && slash < at;
    is_there.then(|| Password { at: slash + 1..at, place: format!("{}{}", &text[begin..slash], &text[at..]) })
}

/// Whether a text says where something is.
pub(super) fn is_address(text: &str) -> bool {
    text.contains("://") || text.starts_with("jdbc:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_hidden_and_comes_back() {
        for (text, shown) in [
            ("http://host:1/a:b@c?q=1", "http://host:1/a:b@c?q=1"),
            ("http://me@host", "http://me@host"),
            (
                "http://me:w:o@rd@host/x, https://you:1234@h",
                "http://me:[hidden]@host/x, https://you:[hidden]@h",
            ),
            ("http://a:1,https://me:word@b:2", "http://a:1,https://me:[hidden]@b:2"),
            (
                "jdbc:postgresql://h/db?user=me&password=word&ssl=true",
                "jdbc:postgresql://h/db?user=me&password=[hidden]&ssl=true",
            ),
            ("http://${env:ME}:${file:/run/x:word}@host", "http://${env:ME}:${file:/run/x:word}@host"),
            ("http://${file:/run/x:me}:word@host", "http://${file:/run/x:me}:[hidden]@host"),
            ("http://me:[hidden]@[::1]:80", "http://me:[hidden]@[::1]:80"),
            ("postgres://me:w/o?r#d@host:1/db?x=1", "postgres://me:[hidden]@host:1/db?x=1"),
            ("http://me:w/o@rd@host/a@b, http://b", "http://me:[hidden]@host/a@b, http://b"),
            ("http://me:w#1@host?password=word", "http://me:[hidden]@host?password=[hidden]"),
            ("http://one:1,two:2/a@b", "http://one:1,two:2/a@b"),
            ("http://[::1]:x/a@b", "http://[::1]:x/a@b"),
            ("http://one:x/y,https://me:word@two", "http://one:x/y,https://me:[hidden]@two"),
            ("http://one:x/y me@two", "http://one:x/y me@two"),
            (
                "jdbc:sqlserver://h:1433;user=me;password=w@o&rd;x=y",
                "jdbc:sqlserver://h:1433;user=me;password=[hidden];x=y",
            ),
            (
                "jdbc:sqlserver://h\\i;Password={w;o}}rd};trustStorePassword=x",
                "jdbc:sqlserver://h\\i;Password=[hidden];trustStorePassword=[hidden]",
            ),
            (
                "jdbc:mysql://me:word@h/db?password=w&x=y",
                "jdbc:mysql://me:[hidden]@h/db?password=[hidden]&x=y",
            ),
            ("jdbc:oracle:thin:me/w@rd@h:1521:db", "jdbc:oracle:thin:me/[hidden]@h:1521:db"),
            ("jdbc:oracle:thin:me/word@//h:1521/db", "jdbc:oracle:thin:me/[hidden]@//h:1521/db"),
            ("jdbc:oracle:thin:@//h:1521/db", "jdbc:oracle:thin:@//h:1521/db"),
            ("jdbc:sqlite:/var/me@there.db", "jdbc:sqlite:/var/me@there.db"),
            (
                "http://a:1?x=1,http://me:word@b:2?password=w",
                "http://a:1?x=1,http://me:[hidden]@b:2?password=[hidden]",
            ),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(restored(shown, text), text);
            assert_eq!(is_hidden(shown, false), shown.contains("[hidden]"), "{shown}");
        }
    }

    #[test]
    fn a_password_goes_only_where_it_was_meant_for() {
        let before = "https://me:word@host:1/path?password=other";
        assert_eq!(
            restored("https://me:[hidden]@host:1/elsewhere", before),
            "https://me:word@host:1/elsewhere"
        );
        assert_eq!(restored("https://me:new@host:1", before), "https://me:new@host:1");
        for elsewhere in
            ["https://me:[hidden]@host:2", "https://you:[hidden]@host:1", "http://me:[hidden]@host:1"]
        {
            assert_eq!(restored(elsewhere, before), elsewhere);
            assert!(is_hidden(elsewhere, false));
        }
    }
}
