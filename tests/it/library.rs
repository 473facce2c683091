//! The library's own tests of applications, on Apache Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use millstream_tests::kafka::Kafka;
use millstream_tests::skip::skip;

/// What is run of them: what does not ask our broker for something of its own, and not all of that, for Kafka takes its time.
const TESTS: [&str; 12] = [
    "application::internal_topics_have_the_names_and_configurations_of_kafka_streams",
    "application::what_has_been_read_of_a_repartition_topic_is_purged",
    "errors::broker::what_a_topic_refuses_is_known_by_its_own_bytes",
    "global::a_global_table_is_whole_before_the_first_record_and_kept_up_after",
    "partitions::application::an_application_writes_what_the_driver_says",
    "queries::any_instance_answers_for_any_key_and_for_all",
    "resets::an_age_is_where_records_are_young_enough",
    "restart::its_tasks_if_it_said_that_it_would_come_back",
    "rolling::three_instances_are_restarted_one_after_the_other_under_load",
    "standbys::an_instance_that_is_killed_is_replaced_from_its_standby",
    "threads::threads_come_and_go_under_load_and_every_line_counts_once",
    "windows::application::windows_are_answered_and_come_back_from_the_changelog",
];

/// The library's test program beside this one: the one that knows these tests, and of several the youngest.
fn program() -> Result<Option<PathBuf>> {
    let here = std::env::current_exe()?;
    let folder = here.parent().context("a test lies in a folder")?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_program = path.extension().is_none();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_program && name.starts_with("it-") && path != here && has_the_tests(&path) {
            found.push((path.metadata()?.modified()?, path));
        }
    }
    found.sort();
    Ok(found.pop().map(|(_, path)| path))
}

fn has_the_tests(program: &Path) -> bool {
    let listed = Command::new(program).args(["--list", "--exact"]).args(TESTS).output();
    let listed =
        listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    TESTS.iter().all(|test| listed.contains(&format!("{test}: test")))
}

#[test]
fn applications_run_on_apache_kafka_as_on_our_broker() -> Result<()> {
    let Some(kafka) = Kafka::start()? else { return Ok(()) };
    let Some(program) = program()? else {
        skip("the streams tests", "they are not built: cargo test --workspace builds them");
        return Ok(());
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streams");
    let mut run = Command::new(program);
    run.current_dir(folder).args(["--exact", "--test-threads=1"]).args(TESTS);
    let ran = run.env("MILLSTREAM_PEER_BOOTSTRAP", kafka.bootstrap()).output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    ensure!(said.contains(&format!("{} passed", TESTS.len())), "{said}");
    Ok(())
}
