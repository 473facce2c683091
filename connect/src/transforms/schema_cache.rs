use super::TransformError;
use crate::cache::Cache;
use crate::data::Schema;
use std::sync::Arc;

/// How many schemas a transform remembers what it made of: as many as Kafka's do.
const SCHEMAS_MAX: u32 = 16;

/// What a transform makes of schemas, each made once.
#[derive(Debug)]
pub(super) struct SchemaCache(Cache<Arc<Schema>, Arc<Schema>>);

impl Default for SchemaCache {
    fn default() -> Self {
        SchemaCache(Cache::new(SCHEMAS_MAX))
    }
}

impl SchemaCache {
    pub(super) fn get_or_make(
        &self,
        schema: &Arc<Schema>,
        make: impl FnOnce(&Schema) -> Result<Arc<Schema>, TransformError>,
    ) -> Result<Arc<Schema>, TransformError> {
        if let Some(made) = self.0.get(schema) {
            return Ok(made);
        }
        let made = make(schema)?;
        self.0.put(Arc::clone(schema), Arc::clone(&made));
        Ok(made)
    }
}
