//! A line of a web server's log in the combined format of Apache and nginx.

use chrono::DateTime;

use super::Request;

/// How a log writes a time.
pub const TIME_FORMAT: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Reads a line; neither an id nor the service is known from it.
///
/// # Errors
/// What is missing or wrong, and in which part.
pub fn parse(line: &str) -> Result<Request, String> {
    let (client, rest) = line.split_once(' ').ok_or("no client")?;
    let (_, rest) = rest.split_once('[').ok_or("no [ before a time")?;
    let (time, rest) = rest.split_once("] \"").ok_or("no ] \" after a time")?;
    let time = parse_time(time).ok_or_else(|| format!("{time} is no time"))?;
    let (request, rest) = rest.split_once("\" ").ok_or("no \" after the request")?;
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().ok_or("no path")?);
    let path = target.split('?').next().unwrap_or_default();
    let mut numbers = rest.split(' ');
    let (status, bytes) = (numbers.next().unwrap_or_default(), numbers.next().ok_or("no size")?);
    Ok(Request {
        id: String::new(),
        time,
        client: client.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        status: status.parse().map_err(|_| format!("{status} is no status"))?,
        // An answer without a body is written as a dash.
        bytes: if bytes == "-" { 0 } else { bytes.parse().map_err(|_| format!("{bytes} is no size"))? },
        service: String::new(),
    })
}

/// When a line says it was written, in milliseconds since 1970.
#[must_use]
pub fn time_of(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once('[')?;
    parse_time(rest.split_once(']')?.0)
}

fn parse_time(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_str(text, TIME_FORMAT).ok()?.timestamp_millis())
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
    }

    #[test]
    fn what_is_no_line_says_why() {
        for (line, why) in [
            ("", "no client"),
            ("kernel: oom", "no [ before a time"),
            (&LINE.replace("May", "Mai"), "17/Mai/2015:10:05:03 +0000 is no time"),
            (&LINE.replace(" 200 ", " OK "), "OK is no status"),
            (&LINE.replace("GET /blog/a.html?q=1 HTTP/1.1", "GET"), "no path"),
            (&LINE[..LINE.find(" 203023").unwrap()], "no size"),
        ] {
            assert_eq!(parse(line).unwrap_err(), why, "{line}");
        }
    }
}
