//! Three processes that share the work: whichever is asked answers for all, also after one was killed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use millstream_broker::TestCluster;

use crate::counts::truth;
use crate::program::Program;
use crate::query::answers;

/// What the survivors may take to agree on who goes on; a machine under load is slow, not broken.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_others_answer_for_a_process_that_was_killed() {
    let cluster = TestCluster::start_blocking().unwrap();
    let bootstrap = cluster.bootstrap();
    let args = [
        "--bootstrap",
        &bootstrap,
        "--partitions",
        "6",
        "--keep-running",
        "--set",
        "session.timeout.ms=6000",
    ];
    let mut programs: Vec<_> = [&[][..], &["--no-input"], &["--no-input"]]
        .into_iter()
        .map(|more| {
            let data = tempfile::tempdir().unwrap();
            let mut program = Program::start(data.path(), &[&args[..], more].concat());
            let address = program.query_address();
            (program, address, data)
        })
        .collect();
    let answer_rightly = |programs: &[(Program, String, tempfile::TempDir)]| {
        let (started, truth) = (Instant::now(), truth());
        for (_, address, _) in programs {
            loop {
                let said = match answers(address) {
                    Ok(counts) if counts == truth => break,
                    Ok(counts) => format!("{} words", counts.len()),
                    Err(error) => error.to_string(),
                };
                assert!(started.elapsed() < PATIENCE, "{address} says: {said}");
                sleep(Duration::from_millis(100));
            }
        }
    };
    answer_rightly(&programs);
    let (killed, ..) = programs.remove(1);
    assert!(killed.kill());
    answer_rightly(&programs);
}
