//! Two who ask one worker for the same at once.

use std::sync::Arc;

use millstream_connect::Registry;
use millstream_connect::herder::{HerderError, TargetState};
use millstream_connect::standalone::{Standalone, StandaloneParts};

use super::broker::bootstrap;
use super::worker::config;

/// On one thread both have looked before either has written.
#[tokio::test]
async fn of_two_who_change_a_connector_at_once_one_is_told_that_it_came_too_late() {
    let dir = tempfile::tempdir().unwrap();
    let positions = dir.path().join("offsets").display().to_string();
    let bootstrap = bootstrap().await;
    let settings = config(&[("bootstrap.servers", &bootstrap), ("offset.storage.file.filename", &positions)]);
    let parts = StandaloneParts {
        registry: Arc::new(Registry::built_in()),
        settings,
        id: "w:1".to_owned(),
        levels: Arc::new(|_, _| {}),
        ends: false,
    };
    let standalone = Standalone::start(parts).await.unwrap();
    let herder = standalone.herder();
    let put = |rate: &'static str| {
        let options = [("name", "c"), ("connector.class", "datagen"), ("topic", "t"), ("rate", rate)];
        herder.put_config("c", config(&options), Some(TargetState::Stopped), true)
    };
    let (first, second) = tokio::join!(put("1"), put("2"));
    let (won, late) = if first.is_ok() { (first, second) } else { (second, first) };
    let (won, late) = (won.unwrap(), late.unwrap_err());
    assert!(matches!(&late, HerderError::Conflict(why) if why.contains("concurrent")), "{late:?}");
    let counts = herder.info("c").await.unwrap().config;
    assert_eq!(counts, won.result.config, "what was refused does not count");
    assert_eq!(
        put("3").await.unwrap().result.config["rate"],
        "3",
        "what was written is read by who wrote it"
    );
}
