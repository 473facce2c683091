//! Where a database is, and how much the way there is to be trusted, as one address says it.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::config::end_of_user;
use crate::options::Secret;

/// An address, taken apart.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) encryption: Encryption,
    /// How long the server may be silent, where the address says so.
    pub(super) silence: Option<Duration>,
    /// How long a connection may take, where the address says so.
    pub(super) timeout: Option<Duration>,
}

/// What is asked of the way to the server: `sslmode` of libpq and JDBC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Nothing.
    None,
    /// That nobody listens, not that it leads to the right one. `prefer` asks for that where the server has it.
    Unverified,
    /// That somebody vouches for whoever is there, by the certificates in a file, or those that the system trusts.
    Chain(Option<String>),
    /// That they vouch for that very host.
    Host(Option<String>),
}

/// Whether an address can be read.
pub(super) fn check_url(url: &Secret) -> Result<(), String> {
    parse(url).map(|_| ())
}

pub(super) fn parse(url: &Secret) -> Result<Address, String> {
    let text = url.expose();
    let (text, is_jdbc) = text.strip_prefix("jdbc:").map_or((text, false), |rest| (rest, true));
    if is_jdbc && !text.starts_with("postgresql:") {
        return Err(other_database(text));
    }
    let (rest, asked) = asked(&unambiguous(text))?;
    let mut config: Config = rest.parse().map_err(|_| {
        "must be like postgres://host:5432/database or jdbc:postgresql://host:5432/database".to_owned()
    })?;
    let (silence, timeout) = (asked.silence, asked.timeout);
    if let Some(schema) = &asked.schema {
        let options = config.get_options().map_or_else(String::new, |options| format!("{options} "));
        config
            .options(format!("{options}-c search_path={}", schema.replace('\\', "\\\\").replace(' ', "\\ ")));
    }
    let (mode, encryption) = asked.encryption()?;
    config.ssl_mode(mode);
    Ok(Address { config, encryption, silence, timeout })
}

/// What to do about an address of JDBC's, of which only the kind is shown: some have passwords anywhere.
fn other_database(text: &str) -> String {
    let kind = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    format!(
        "jdbc:{kind} is not known here, only PostgreSQL is: write jdbc:postgresql://host:5432/database; to or from another \
         database, exec-sink or exec-source run a program of yours that speaks to it"
    )
}

/// An address in which the one `@` stands behind user and password, and nothing before it ends them: the client takes the first that
/// it finds for that, be it in a password, in `?user=me@there` or in the name of a database.
fn unambiguous(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (user, rest) = end_of_user(rest).map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let user = user.replace('/', "%2F").replace('?', "%3F").replace('#', "%23").replace('@', "%40");
    let at = if user.is_empty() { "" } else { "@" };
    format!("{scheme}://{user}{at}{}", rest.replace('@', "%40"))
}

/// What an address says that the client's own reading of it does not know.
#[derive(Default)]
struct Asked {
    mode: Option<String>,
    roots: Option<String>,
    silence: Option<Duration>,
    timeout: Option<Duration>,
    schema: Option<String>,
}

/// What the client reads itself.
const KNOWN: [&str; 16] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "host",
    "hostaddr",
    "port",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Takes out of an address what the client's own reading of it does not know.
fn asked(text: &str) -> Result<(String, Asked), String> {
    let mut asked = Asked::default();
    let Some((before, query)) = text.split_once('?') else { return Ok((text.to_owned(), asked)) };
    let mut kept = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "sslmode" => asked.mode = Some(value.to_owned()),
            // Of JDBC.
            "ssl" if value == "true" => _ = asked.mode.get_or_insert_with(|| "verify-full".to_owned()),
            "ssl" => {}
            "sslrootcert" => asked.roots = Some(unescaped(name, value)?),
            "socketTimeout" => asked.silence = Some(seconds(name, value)?),
            "connectTimeout" | "connect_timeout" | "loginTimeout" => {
                asked.timeout = Some(seconds(name, value)?)
            }
            "currentSchema" => asked.schema = Some(unescaped(name, value)?),
            "ApplicationName" => kept.push(format!("application_name={value}")),
            // They are always asked for, or have nothing to say here: batches are copied, types are the columns'.
            "tcpKeepAlive"
            | "reWriteBatchedInserts"
            | "stringtype"
            | "prepareThreshold"
            | "defaultRowFetchSize" => {}
            "sslcert" | "sslkey" | "sslpassword" | "sslcrl" => {
                return Err(format!("{name} is not known: the user's password or its host must do"));
            }
            _ if KNOWN.contains(&name) => kept.push(parameter.to_owned()),
            _ => {
                return Err(format!(
                    "{name} behind the ? is not known: leave it out, or write one of {}",
                    KNOWN.join(", ")
                ));
            }
        }
    }
    let rest = if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) };
    Ok((rest, asked))
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    value.parse().map(Duration::from_secs).map_err(|_| format!("{name} is a number of seconds"))
}

fn unescaped(name: &str, value: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(&format!("file:///?{}", value.replace('+', "%2B")));
    let pair = url.ok().and_then(|url| url.query_pairs().next().map(|(text, _)| text.into_owned()));
    pair.ok_or_else(|| format!("{name} has no value"))
}

impl Asked {
    fn encryption(self) -> Result<(SslMode, Encryption), String> {
        let roots = self.roots.filter(|roots| roots != "system");
        Ok(match (self.mode.as_deref(), roots) {
            (Some("disable"), _) => (SslMode::Disable, Encryption::None),
            (None | Some("prefer" | "allow"), _) => (SslMode::Prefer, Encryption::Unverified),
            (Some("require"), None) => (SslMode::Require, Encryption::Unverified),
            // As libpq has it: who names certificates wants them to count.
            (Some("require"), roots @ Some(_)) => (SslMode::Require, Encryption::Chain(roots)),
            (Some("verify-ca"), roots) => (SslMode::Require, Encryption::Chain(roots)),
            (Some("verify-full"), roots) => (SslMode::Require, Encryption::Host(roots)),
            (Some(other), _) => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(format!("sslmode={other} is not known: it is {known}"));
            }
        })
    }
}

/// Where a session goes, without what opens the door.
pub(super) fn place(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(
        || "localhost".to_owned(),
        |host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        },
    );
    let port = config.get_ports().first().copied().unwrap_or(5_432);
    format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_worlds_are_read() {
        for url in
            ["postgres://h:1/db", "postgresql://u:p@h/db", "jdbc:postgresql://h:1/db?user=u&password=p"]
        {
            assert_eq!(parse(&Secret::new(url)).unwrap().config.get_dbname(), Some("db"), "{url}");
        }
        for (url, why) in [
            (
                "jdbc:mysql://h/db",
                "jdbc:mysql is not known here, only PostgreSQL is: write jdbc:postgresql://host",
            ),
            ("jdbc:sqlite:/var/geheim.db", "jdbc:sqlite is not"),
            ("jdbc:oracle:thin:me/geheim@h:1521:db", "jdbc:oracle is not"),
            ("jdbc:", "jdbc: is not"),
            ("h:1/db", "must be like"),
            ("postgres://h/db?sslmode=verify", "verify-ca or verify-full"),
            ("postgres://h/db?sslkey=k", "sslkey is not known"),
            ("postgres://h/db?socketTimeout=1m", "socketTimeout is a number of seconds"),
            ("postgres://h/db?currentScheme=s", "currentScheme behind the ? is not known"),
        ] {
            let said = parse(&Secret::new(url)).unwrap_err();
            assert!(said.contains(why) && !said.contains("geheim"), "{url}: {said}");
        }
    }

    #[test]
    fn a_password_may_have_what_else_ends_it_and_so_may_a_parameter() {
        for (url, user, password) in [
            ("postgres://me:w/o?r#d@h:1/db?sslmode=disable", "me", "w/o?r#d"),
            ("postgres://me:w@o@h:1/db@x", "me", "w@o"),
            ("postgres://me:w%2Fo@h:1/db", "me", "w/o"),
            ("jdbc:postgresql://h:1/db?user=me@there&password=w@o", "me@there", "w@o"),
        ] {
            let config = parse(&Secret::new(url)).unwrap().config;
            let read = (config.get_user(), config.get_password(), config.get_hosts(), config.get_ports());
            let host = [Host::Tcp("h".to_owned())];
            assert_eq!(read, (Some(user), Some(password.as_bytes()), &host[..], &[1][..]), "{url}");
        }
    }

    #[test]
    fn what_the_driver_of_java_knows_is_known() {
        let url = "jdbc:postgresql://h/db?socketTimeout=30&connectTimeout=3&tcpKeepAlive=true&currentSchema=a%20b&ApplicationName=etl";
        let read = parse(&Secret::new(url)).unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!((read.silence, read.timeout), (seconds(30), seconds(3)));
        assert_eq!(read.config.get_options(), Some("-c search_path=a\\ b"));
        assert_eq!(read.config.get_application_name(), Some("etl"));
    }

    #[test]
    fn what_is_asked_of_the_way_is_taken_out_of_the_address() {
        let file = || Some("/a b/ca+1.pem".to_owned());
        for (query, mode, encryption) in [
            ("", SslMode::Prefer, Encryption::Unverified),
            ("?sslmode=disable", SslMode::Disable, Encryption::None),
            ("?sslmode=require", SslMode::Require, Encryption::Unverified),
            ("?sslmode=require&sslrootcert=/a%20b/ca+1.pem", SslMode::Require, Encryption::Chain(file())),
            ("?sslrootcert=system&sslmode=verify-ca", SslMode::Require, Encryption::Chain(None)),
            ("?ssl=true", SslMode::Require, Encryption::Host(None)),
            (
                "?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fa%20b/ca%2B1.pem",
                SslMode::Require,
                Encryption::Host(file()),
            ),
        ] {
            let read = parse(&Secret::new(format!("postgres://h/db{query}"))).unwrap();
            assert_eq!((read.config.get_ssl_mode(), read.encryption), (mode, encryption), "{query}");
        }
    }
}
