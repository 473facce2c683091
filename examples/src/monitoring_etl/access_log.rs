//! A line of a web server's log in the combined format of Apache and nginx.

use std::str::FromStr;

use chrono::DateTime;

use super::Request;

/// How a log writes a time.
pub const TIME_FORMAT: &str = "%d/%b/%Y:%H:%M:%S %z";

/// The same, a digit for each 0 and a letter for each a: the format alone would take `1/May/2015` too.
const TIME_SHAPE: &[u8] = b"00/aaa/0000:00:00:00 +0000";

/// Reads a line; neither an id nor the service is known from it.
///
/// # Errors
/// What is missing or wrong, and in which part.
pub fn parse(line: &str) -> Result<Request, String> {
    let (client, time, rest) = begin(line)?;
    let (request, rest) = split_quoted(rest).ok_or("no \" after the request")?;
    let mut words = request.split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().filter(|target| !target.is_empty()).ok_or("no path")?;
    let path = target.split('?').next().unwrap_or_default();
    let mut numbers = rest.split(' ');
    let (status, bytes) = (numbers.next().unwrap_or_default(), numbers.next().ok_or("no size")?);
    Ok(Request {
        id: String::new(),
        time,
        client: client.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        status: parse_status(status).ok_or_else(|| format!("{status} is no status"))?,
        // An answer without a body is written as a dash.
        bytes: if bytes == "-" { 0 } else { digits(bytes).ok_or_else(|| format!("{bytes} is no size"))? },
        service: String::new(),
    })
}

/// When a line says it was written, in milliseconds since 1970.
#[must_use]
pub fn time_of(line: &str) -> Option<i64> {
    begin(line).ok().map(|(_, time, _)| time)
}

/// The client and the time of a line, and what follows the quote before the request.
fn begin(line: &str) -> Result<(&str, i64, &str), String> {
    let (client, rest) = line.split_once(' ').filter(|(client, _)| !client.is_empty()).ok_or("no client")?;
    let (_, rest) = rest.split_once('[').ok_or("no [ before a time")?;
    let (time, rest) = rest.split_once("] \"").ok_or("no ] \" after a time")?;
    let time = parse_time(time).ok_or_else(|| format!("{time} is no time"))?;
    Ok((client, time, rest))
}

/// A time that windows can have: none before 1970, and no 61st second of a minute.
fn parse_time(text: &str) -> Option<i64> {
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        b'+' => matches!(byte, b'+' | b'-'),
        shape => byte == *shape,
    };
    let has_shape = text.len() == TIME_SHAPE.len() && text.bytes().zip(TIME_SHAPE).all(fits);
    let time = DateTime::parse_from_str(text, TIME_FORMAT).ok().filter(|_| has_shape)?;
    // What is called 60 is known as the last second and one more of milliseconds.
    let is_plain = time.timestamp() >= 0 && time.timestamp_subsec_millis() == 0;
    is_plain.then(|| time.timestamp_millis())
}

/// What stands before the quote that ends it and a space, and what follows. A quote behind a backslash is one that was asked for.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], text[end + 1..].strip_prefix(' ')?))
}

/// Three digits.
fn parse_status(text: &str) -> Option<u16> {
    digits(text).filter(|_| text.len() == 3)
}

/// A number of digits alone: no sign.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /blog/a.html?q=1 HTTP/1.1" 200 203023 "-" "curl""#;

    #[test]
    fn a_line_is_read() {
        let request = parse(LINE).unwrap();
        assert_eq!((request.client.as_str(), request.method.as_str()), ("83.149.9.216", "GET"));
        assert_eq!((request.path.as_str(), request.section()), ("/blog/a.html", "blog"));
        assert_eq!((request.time, request.status, request.bytes), (1_431_857_103_000, 200, 203_023));
        assert_eq!(time_of(LINE), Some(request.time));
        assert_eq!(parse(&LINE.replace("203023", "-")).unwrap().bytes, 0);
        assert_eq!(parse(&LINE.replace("+0000", "+0100")).unwrap().time, request.time - 3_600_000);
        assert_eq!(time_of(&LINE.replace("83.149.9.216", "[::1]")), Some(request.time));
        let quoted = parse(&LINE.replace("a.html", r#"\"a\" x\\"#)).unwrap();
        assert_eq!(quoted.path, r#"/blog/\"a\""#);
        assert_eq!(parse(&LINE.replace("a.html", "möwe")).unwrap().path, "/blog/möwe");
    }

    #[test]
    fn what_is_no_line_says_why() {
        for (line, why) in [
            ("", "no client"),
            (&LINE[LINE.find(' ').unwrap()..], "no client"),
            ("kernel: oom", "no [ before a time"),
            (&LINE.replace("May", "Mai"), "17/Mai/2015:10:05:03 +0000 is no time"),
            (&LINE.replace("17/May", "7/May"), "7/May/2015:10:05:03 +0000 is no time"),
            (&LINE.replace("17/May", "31/Jun"), "31/Jun/2015:10:05:03 +0000 is no time"),
            (&LINE.replace(":03 ", ":60 "), "17/May/2015:10:05:60 +0000 is no time"),
            (&LINE.replace("May/2015", "May/1915"), "17/May/1915:10:05:03 +0000 is no time"),
            (&LINE.replace(" 200 ", " OK "), "OK is no status"),
            (&LINE.replace(" 200 ", " +20 "), "+20 is no status"),
            (&LINE.replace(" 200 ", " 5030 "), "5030 is no status"),
            (&LINE.replace(" 203023", " -1"), "-1 is no size"),
            (&LINE.replace("a.html", r#"a.html" "#), "?q=1 is no status"),
            (&LINE.replace("HTTP/1.1\"", r#"HTTP/1.1\""#), "no \" after the request"),
            (&LINE.replace("GET /blog", "GET  /blog"), "no path"),
            (&LINE.replace("GET /blog/a.html?q=1 HTTP/1.1", "GET"), "no path"),
            (&LINE[..LINE.find(" 203023").unwrap()], "no size"),
        ] {
            assert_eq!(parse(line).unwrap_err(), why, "{line}");
        }
    }
}
