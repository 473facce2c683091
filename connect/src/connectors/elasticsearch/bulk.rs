//! The server's bulk interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use super::fates::fates;
use super::operation::Operation;
use super::server::{Body, Server};
use crate::TaskError;
use crate::http::requests::{Answered, Fate};
use crate::http::{Verdict, verdict};

/// Asks whether anything went wrong: what became of each document costs the server time to say.
const BRIEFLY: &str = "filter_path=errors";
/// Asks what became of each document, and for nothing that nobody reads.
const IN_FULL: &str = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,\
                       items.*.error.caused_by.reason";
/// After a request in which something went wrong so many are asked in full: replays, refusals and a busy server seldom come alone,
/// and each that is asked briefly in vain is sent twice.
const CALM: u32 = 16;

/// Sends bulk requests. They are asked briefly; where something went wrong, the same is done again and asked in full, which
/// changes nothing: documents have ids, and what has no version is written by nobody else meanwhile.
pub(super) struct Bulk {
    server: Arc<Server>,
    /// Whether what was done may be done again.
    is_repeatable: bool,
    /// So many of the next requests are asked in full.
    in_full: AtomicU32,
}

impl Bulk {
    pub(super) fn new(server: Arc<Server>, is_repeatable: bool) -> Self {
        Self { server, is_repeatable, in_full: AtomicU32::new(0) }
    }

    /// Sends the lines of these operations. An error is one that no later try will mend.
    pub(super) async fn send(&self, lines: Bytes, sent: &[&Operation]) -> Result<Answered, TaskError> {
        let left = self.in_full.load(Ordering::Relaxed);
        let is_brief = self.is_repeatable && left == 0;
        if is_brief && let Some(answered) = self.ask(BRIEFLY, lines.clone(), sent).await? {
            return Ok(answered);
        }
        let mut answered = self.ask(IN_FULL, lines, sent).await?.unwrap_or_else(|| {
            let why = "the server says that something went wrong, and not with which document".to_owned();
            Answered::None { after: None, why }
        });
        let is_calm =
            matches!(&answered, Answered::Each(fates) if fates.iter().all(|fate| *fate == Fate::Done));
        self.in_full.store(if is_calm { left.saturating_sub(1) } else { CALM }, Ordering::Relaxed);
        if let (true, Answered::Each(fates)) = (is_brief, &mut answered) {
            // They are there since the time before most likely, which is no replay.
            fates.iter_mut().filter(|fate| **fate == Fate::Replayed).for_each(|fate| *fate = Fate::Done);
        }
        Ok(answered)
    }

    /// Sends a request; `None`: something went wrong, and it is not said with what.
    async fn ask(
        &self,
        query: &str,
        lines: Bytes,
        sent: &[&Operation],
    ) -> Result<Option<Answered>, TaskError> {
        let answer =
            match self.server.ask(Method::POST, &["_bulk"], Some(query), Some((Body::Lines, lines))).await {
                Ok(answer) => answer,
                Err(why) => return Ok(Some(Answered::Away { after: None, why })),
            };
        Ok(Some(match (answer.status, verdict(answer.status, &answer.headers)) {
            (_, Verdict::Ok) => match fates(&answer.body, sent) {
                Ok(fates) => return Ok(fates.map(Answered::Each)),
                Err(why) => Answered::None { after: None, why },
            },
            (_, Verdict::Retry(after)) => Answered::None { after, why: answer.why() },
            (_, Verdict::Away(after)) => Answered::Away { after, why: answer.why() },
            (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE, _) => Answered::Refused(answer.why()),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                let advice =
                    "allow the user of connection.username or connection.api.key to write to the index";
                return Err(TaskError::fatal(format!("{}; {advice}", answer.why())));
            }
            _ => {
                let advice = "connection.url does not lead to a search server's bulk interface";
                return Err(TaskError::fatal(format!("{}; {advice}", answer.why())));
            }
        }))
    }
}
