//! How often each path is asked for: a grouping whose one hot key fills one partition, unless it is combined before.

use millstream::prelude::*;

use super::REQUESTS;

/// Requests of each path, for queries.
pub const PATHS: KeyValueStore<String, i64> = KeyValueStore::new("paths");

/// Reads [`REQUESTS`] and fills [`PATHS`]. `pre_aggregate`: what a task has read of a path goes through the shuffle as one record.
///
/// # Errors
/// None but a mistake in this function.
pub fn paths(pre_aggregate: bool) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let by_path = builder.stream(REQUESTS).group_by(|_, request| request.path.clone());
    if pre_aggregate {
        drop(by_path.pre_aggregate().count(PATHS));
    } else {
        drop(by_path.count(PATHS));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring_etl::Request;

    fn counted(pre_aggregate: bool) -> Vec<Option<i64>> {
        let topology = paths(pre_aggregate).unwrap();
        let mut driver = TestDriver::builder(&topology).commits_by_hand().build().unwrap();
        for nth in 0..10 {
            let path = if nth % 5 < 3 { "/hot" } else { "/cold" }.to_owned();
            let (id, client, method) = (nth.to_string(), String::new(), String::new());
            let service = String::new();
            let request =
                Request { id: id.clone(), time: nth, client, method, path, status: 200, bytes: 1, service };
            driver.input(REQUESTS).send(id, request).unwrap();
        }
        driver.commit().unwrap();
        let store = driver.store(PATHS).unwrap();
        ["/hot", "/cold", "/else"].iter().map(|path| store.get((*path).to_owned()).unwrap()).collect()
    }

    #[test]
    fn paths_are_counted_alike_however_they_are_shuffled() {
        assert_eq!(counted(false), [Some(6), Some(4), None]);
        assert_eq!(counted(true), counted(false));
    }
}
