//! Asking all instances of an application.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use millstream_connect::http::{HttpClient, body_within, describe};
use tokio::task::JoinSet;

use super::answer::Answer;

/// Instances that are asked at most, whatever they say of each other.
const INSTANCES_MAX: usize = 1_000;

/// Bytes of an answer: some ten thousand partitions.
const ANSWER_MAX: usize = 16 << 20;

/// An instance, and what it said or why it did not.
pub(super) struct Asked {
    pub(super) instance: String,
    pub(super) answer: Result<Answer>,
}

/// Asks those that are given and, if they are to be followed, all that they name.
pub(super) async fn all(given: &[String], follow: bool, patience: Duration) -> Result<Vec<Asked>> {
    let client = HttpClient { request_timeout: patience, connect_timeout: patience, ..HttpClient::default() };
    let client = client.build().context("cannot ask over HTTP")?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
    let mut next: BTreeSet<String> = given.iter().map(|url| base(url)).collect::<Result<_>>()?;
    while !next.is_empty() {
        let mut asking = JoinSet::new();
        for url in std::mem::take(&mut next) {
            let client = client.clone();
            known.insert(url.clone());
            asking.spawn(async move {
                let answer = async {
                    let sent = client.get(format!("{url}/skew")).send().await;
                    let response = sent.map_err(|error| anyhow!(describe(error)))?;
                    let status = response.status();
                    if !status.is_success() {
                        bail!("GET /skew is answered with {status}; give the address where queries are answered (query_listen)");
                    }
                    let body = body_within(response, ANSWER_MAX).await;
                    let body = body.map_err(|error| anyhow!(describe(error)))?;
                    serde_json::from_slice(&body).context("the answer to GET /skew is not understood")
                };
                (answer.await, url)
            });
        }
        for (answer, url) in asking.join_all().await {
            let answer: Result<Answer> = answer;
            let mut instance = url.split_once("://").map_or(&*url, |(_, host)| host).to_owned();
            if let Ok(answer) = &answer {
                // Asked by another name, perhaps: it is one instance all the same.
                if !answer.instance.is_empty() {
                    instance.clone_from(&answer.instance);
                    known.extend(base(&instance));
                }
                let named = answer.instances.iter().filter(|_| follow);
                next.extend(named.filter_map(|named| base(named).ok()));
            }
            asked.insert(instance.clone(), Asked { instance, answer });
        }
        next.retain(|url| !known.contains(url));
        let room = INSTANCES_MAX.saturating_sub(known.len());
        next = next.into_iter().take(room).collect();
    }
    Ok(asked.into_values().collect())
}

/// `http://HOST:PORT`, of that or of `HOST:PORT`.
fn base(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    match url.split_once("://") {
        None if !url.is_empty() && !url.ends_with(':') => Ok(format!("http://{url}")),
        Some(("http" | "https", host)) if !host.is_empty() => Ok(url.to_owned()),
        _ => bail!("{url:?} is no address of an instance: give http://HOST:PORT, where its queries listen"),
    }
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn an_address_needs_no_scheme() {
        assert_eq!(base("localhost:80/").unwrap(), "http://localhost:80");
        assert_eq!(base("https://host/state/").unwrap(), "https://host/state");
        for wrong in ["", "ftp://host", "http://"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
