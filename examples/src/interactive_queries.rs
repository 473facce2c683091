//! How often a song was played, asked of any instance: each has some of the songs in its state, finds out who has the others,
//! and answers in a service of its own.

use std::net::SocketAddr;
use std::path::Path;

use axum::extract::{Path as InPath, State};
use axum::http::StatusCode;
use axum::{Router, routing::get};
use millstream::prelude::*;
use millstream::query::StoreView;
use tokio::net::TcpListener;

/// Who has played which song.
pub const PLAYS: Topic<String, String> = Topic::new("plays");

/// How often each song was played.
pub const CHART: KeyValueStore<String, i64> = KeyValueStore::new("plays-by-song");

/// Counts [`PLAYS`] into [`CHART`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let _chart = builder.stream(PLAYS).group_by(|_user, song| song.clone()).count(CHART);
    builder.build()
}

/// Starts an instance and its service, on `host:port`; says where that is. Instances have a state directory each.
///
/// # Errors
/// The cluster, the directory or the port cannot be used.
pub async fn start(bootstrap: &str, listen: &str, state: &Path) -> anyhow::Result<(Streams, SocketAddr)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let app = Streams::builder(topology()?)
        .application_id("songs")
        .bootstrap(bootstrap)
        .state_dir(state)
        .application_server(format!("{address}/state"))
        .serve(CHART)
        .start()
        .await?;
    let service = Router::new()
        .route("/songs/{song}", get(plays))
        .with_state(app.store(CHART)?.routed())
        .nest("/state", app.router());
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok((app, address))
}

async fn plays(
    State(chart): State<StoreView<String, i64>>,
    InPath(song): InPath<String>,
) -> Result<String, (StatusCode, String)> {
    let plays = chart.get(&song).await;
    let plays = plays.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok(format!("{}\n", plays.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use millstream_broker::TestCluster;
    use millstream_client::{Producer, ProducerRecord};

    use super::*;
    use crate::http;

    #[tokio::test]
    async fn any_of_three_instances_answers_for_any_song() {
        let cluster = TestCluster::start().await.unwrap();
        cluster.create_topic(PLAYS.name(), 6, &[]).await.unwrap();
        let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build().await.unwrap();
        for nth in 0..60_u8 {
            let song = format!("song-{}", nth % 20);
            drop(
                producer
                    .send(ProducerRecord::to(PLAYS.name()).key(&[nth]).value(song.as_bytes()))
                    .await
                    .unwrap(),
            );
        }
        producer.flush().await.unwrap();

        let (mut instances, mut states) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let state = tempfile::tempdir().unwrap();
            instances.push(start(&cluster.bootstrap(), "127.0.0.1:0", state.path()).await.unwrap());
            states.push(state);
        }
        for (_, address) in &instances {
            for song in (0..20).map(|nth| format!("song-{nth}")) {
                while http::get(*address, &format!("/songs/{song}")).await.unwrap() != "3\n" {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            let all =
                http::get(*address, "/state/stores/plays-by-song?prefix=song-1&limit=100").await.unwrap();
            assert_eq!(all.matches("\"value\":3").count(), 11, "{all}");
        }
        for (app, _) in instances {
            app.close().await.unwrap();
        }
        cluster.close().await;
    }
}
