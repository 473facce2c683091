use std::collections::BTreeMap;

use millstream_client::ClusterDescription;

use crate::config::Secrets;
use crate::runtime::{Clients, inherited};

/// How long a cluster that cannot be reached is waited for, where the worker does not say: a person waits for the answer.
const PATIENCE: (&str, &str) = ("admin.default.api.timeout.ms", "5000");

/// Asks the cluster of a worker who it is, with the credentials that its tasks have.
///
/// # Errors
/// It cannot be reached as the worker says, or a secret cannot be read; the text says why.
pub async fn cluster(
    worker: &BTreeMap<String, String>,
    secrets: &Secrets,
) -> Result<ClusterDescription, String> {
    let mut worker = secrets.resolve(worker).map_err(|error| error.to_string())?;
    worker.entry(PATIENCE.0.to_owned()).or_insert_with(|| PATIENCE.1.to_owned());
    let clients = Clients::new(&inherited(&worker), &BTreeMap::new(), "doctor".to_owned());
    let admin = clients.admin().await.map_err(|error| error.to_string())?;
    admin.describe_cluster().await.map_err(|error| error.to_string())
}
