use std::sync::Arc;

use super::answer::Position;
use super::owners::{Question, Told};
use super::{Owners, QueryError};
use crate::store::chunk::{Chunk, MAX_ENTRIES, Page, Read};
use crate::topology::{StoreSpec, StoreTypes, Subtopology};

/// Asks for a store as bytes: what the typed stores have in common.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) store: Arc<str>,
    /// The sub-topology that has the store.
    part: u32,
    owners: Owners,
}

impl Asker {
    /// A store of the topology, of these types; says what it is.
    pub(super) fn open(
        name: Option<&str>,
        types: StoreTypes,
        owners: Owners,
    ) -> Result<(Self, StoreSpec), QueryError> {
        let name = name.unwrap_or_default();
        let topology = owners.topology.clone();
        let parts = || topology.subtopologies().iter().chain(topology.globals());
        let spec = |part: &'_ Subtopology| part.stores.iter().find(|spec| spec.name == name).cloned();
        let found = parts().find_map(|part| Some((part.id, spec(part)?)));
        let Some((part, spec)) = found else {
            let known = parts().flat_map(|part| &part.stores).map(|spec| spec.name.clone()).collect();
            return Err(QueryError::unknown(name, known));
        };
        let graph = topology.graph();
        let has = graph.store_named(name).map(|store| graph.store(store).1.types);
        if let Some(has) = has.filter(|has| has.id != types.id) {
            let (has, asked) = (has.to_string(), types.to_string());
            return Err(QueryError::OtherTypes { store: name.to_owned(), has, asked });
        }
        Ok((Self { store: name.into(), part, owners }, spec))
    }

    /// At most `limit` entries of the answer, those behind `after`, chunk by chunk.
    pub(super) async fn collect(
        self,
        read: Read,
        after: Option<Vec<u8>>,
        reverse: bool,
        limit: usize,
    ) -> Result<Told, QueryError> {
        let page = Page { after, reverse, limit: limit.min(MAX_ENTRIES) };
        let Self { store, part, owners } = self;
        let mut question = Question { store, part, tasks: None, read, page };
        let mut collected = Told { value: Chunk::default(), position: Position::default() };
        loop {
            let asked = Arc::new(question);
            let Told { value, position } = owners.ask(&asked).await?;
            collected.position.extend(position);
            collected.value.count = value.count;
            collected.value.entries.extend(value.entries);
            let left = limit.saturating_sub(collected.value.entries.len());
            match value.behind {
                Some(behind) if left > 0 => {
                    question = Arc::unwrap_or_clone(asked);
                    question.page = Page { after: Some(behind), reverse, limit: left.min(MAX_ENTRIES) };
                }
                _ => break,
            }
        }
        collected.value.entries.truncate(limit);
        Ok(collected)
    }
}
