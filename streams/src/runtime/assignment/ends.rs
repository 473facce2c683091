use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use millstream_client::{Admin, TopicPartition};

/// Asks for the log's end (ListOffsets).
const LATEST: i64 = -1;

/// Where changelogs end, for the leader. The assignor is made before the clients, so this is told of one later.
#[derive(Clone, Default)]
pub(crate) struct ChangelogEnds(Arc<OnceLock<Source>>);

struct Source {
    admin: Admin,
    group: String,
}

impl fmt::Debug for ChangelogEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChangelogEnds").field(&self.0.get().is_some()).finish()
    }
}

impl ChangelogEnds {
    /// From now on there is somebody to ask.
    pub(crate) fn ask_through(&self, admin: Admin, group: &str) {
        let _ = self.0.set(Source { admin, group: group.to_owned() });
    }

    /// The ends of changelogs and, of source topics, what the group has committed. Waits for the answers; `None`: there are none,
    /// and the leader does without.
    pub(super) fn of(
        &self,
        changelogs: Vec<TopicPartition>,
        sources: Vec<TopicPartition>,
    ) -> Option<HashMap<TopicPartition, i64>> {
        let Source { admin, group } = self.0.get()?;
        let mut ends = HashMap::new();
        let asked = admin.blocking(async {
            if !changelogs.is_empty() {
                let listed =
                    admin.list_offsets(changelogs.into_iter().map(|changelog| (changelog, LATEST))).await?;
                ends.extend(listed.into_iter().filter_map(|(changelog, end)| Some((changelog, end?.offset))));
            }
            if !sources.is_empty() {
                let committed = admin.group_offsets(group).await?;
                let of = |source: TopicPartition| {
                    (source.clone(), committed.get(&source).map_or(0, |at| at.offset))
                };
                ends.extend(sources.into_iter().map(of));
            }
            Ok(())
        });
        match asked {
            Ok(()) => Some(ends),
            Err(error) => {
                tracing::warn!(%error, "tasks move without a look at how complete their state is");
                None
            }
        }
    }
}
