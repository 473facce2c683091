//! What one worker answers, and writes for those who ask it, from what it has read.

use super::{Action, Event, Machine, Movable, Note, Now, TaskRun, Timing, Topic};
use crate::herder::records::{
    ActiveTopic, Bytes, ConfigRecord, Holder, LeaseRecord, Status, StatusRecord, WorkerBeat,
};
use crate::herder::{Config, ConnectorType, HerderError, State, TargetState, TaskId};

const TIMING: Timing =
    Timing { heartbeat_ms: 100, session_ms: 1_000, margin_ms: 250, rebalance_delay_ms: 1_000 };

fn read(machine: &mut Machine, topic: Topic, offset: i64, bytes: Bytes) {
    let (key, value) = (bytes.key, bytes.value.map(String::into_bytes));
    machine.handle(Event::Read { topic, offset, key, value, note: Note::default() }, Now::default());
}

/// A worker that knows a connector `s`, which was stopped at offset 5, and has read a beat of its own.
fn machine() -> Machine {
    let mut machine = Machine::new("w", 1, "1", TIMING);
    let name = || "s".to_owned();
    read(&mut machine, Topic::Config, 1, ConfigRecord::Connector(name(), Some(Config::new())).bytes());
    read(&mut machine, Topic::Config, 4, ConfigRecord::Commit(name(), 0).bytes());
    let stopped = ConfigRecord::Target(name(), Some(TargetState::Stopped));
    read(&mut machine, Topic::Config, 5, stopped.bytes());
    machine.handle(Event::CaughtUp, Now::default());
    beat(&mut machine, "w", 1, 5);
    machine
}

fn beat(machine: &mut Machine, worker: &str, beat: u64, config: i64) {
    let run = Holder { worker: worker.to_owned(), incarnation: 1 };
    read(machine, Topic::Lease, 0, LeaseRecord::Worker(run, Some(WorkerBeat { beat, config })).bytes());
}

#[test]
fn positions_are_moved_when_everybody_who_is_alive_knows_that_the_connector_is_stopped() {
    let mut machine = machine();
    let movable =
        |machine: &Machine, ms| machine.may_move_positions("s", Now { ms, ..Now::default() }).unwrap();
    assert_eq!(movable(&machine, 0), Movable::Now(Config::new()));
    beat(&mut machine, "other", 1, 4);
    let why = "worker other does not know yet that it is stopped".to_owned();
    assert_eq!(movable(&machine, 0), Movable::NotYet(why));
    beat(&mut machine, "other", 2, 5);
    assert_eq!(movable(&machine, 0), Movable::Now(Config::new()));
    let Movable::NotYet(why) = movable(&machine, 900) else { panic!("others may think it gone") };
    assert!(why.contains("cut off"), "{why}");
    let running = ConfigRecord::Target("s".to_owned(), Some(TargetState::Started));
    read(&mut machine, Topic::Config, 6, running.bytes());
    let refused = machine.may_move_positions("s", Now::default());
    assert!(matches!(refused, Err(HerderError::BadRequest(_))), "{refused:?}");
}

#[test]
fn positions_wait_for_the_withdrawal_of_tasks_that_were_made_too_late() {
    let mut machine = machine();
    let task = ConfigRecord::Task(TaskId::new("s", 0), Config::new());
    read(&mut machine, Topic::Config, 6, task.bytes());
    read(&mut machine, Topic::Config, 7, ConfigRecord::Commit("s".to_owned(), 1).bytes());
    let movable = machine.may_move_positions("s", Now::default()).unwrap();
    assert!(matches!(movable, Movable::NotYet(_)), "{movable:?}");
    read(&mut machine, Topic::Config, 8, ConfigRecord::Commit("s".to_owned(), 0).bytes());
    let movable = machine.may_move_positions("s", Now::default()).unwrap();
    assert_eq!(movable, Movable::Now(Config::new()));
}

#[test]
fn positions_wait_for_a_task_of_this_worker_that_has_not_ended() {
    let mut machine = machine();
    machine.tasks.insert(TaskId::new("s", 0), TaskRun::new(1));
    let movable = machine.may_move_positions("s", Now::default()).unwrap();
    assert_eq!(movable, Movable::NotYet("task s-0 has not ended".to_owned()));
    machine.tasks.clear();
    machine.tasks.insert(TaskId::new("another", 0), TaskRun::new(1));
    let movable = machine.may_move_positions("s", Now::default()).unwrap();
    assert_eq!(movable, Movable::Now(Config::new()));
}

#[test]
fn a_task_that_there_is_not_is_not_restarted() {
    let mut machine = machine();
    let task = ConfigRecord::Task(TaskId::new("s", 0), Config::new());
    read(&mut machine, Topic::Config, 6, task.bytes());
    read(&mut machine, Topic::Config, 7, ConfigRecord::Commit("s".to_owned(), 1).bytes());
    assert!(machine.ask_task_restart(&TaskId::new("s", 0)).is_ok());
    for (task, why) in [(("s", 1), "Unknown task: s-1"), (("none", 0), "Unknown connector: none")] {
        let refused = machine.ask_task_restart(&TaskId::new(task.0, task.1)).unwrap_err();
        assert_eq!(refused, HerderError::NotFound(why.to_owned()));
    }
}

#[test]
fn all_topics_of_a_connector_are_forgotten_and_none_of_anothers() {
    let mut machine = machine();
    for (topic, connector) in [("a", "s"), ("b", "s"), ("a", "another")] {
        let active = ActiveTopic {
            name: topic.to_owned(),
            connector: connector.to_owned(),
            task: 0,
            discover_timestamp: 0,
        };
        let record = StatusRecord::Topic(topic.to_owned(), connector.to_owned(), Some(active));
        read(&mut machine, Topic::Status, 0, record.bytes());
    }
    machine
        .forget_topics("s")
        .into_iter()
        .for_each(|write| read(&mut machine, Topic::Status, 0, write.bytes));
    assert!(machine.topics_of("s").is_empty());
    assert_eq!(machine.topics_of("another"), ["a"]);
}

#[test]
fn what_is_made_at_rest_is_at_rest_before_anybody_knows_it() {
    let made = machine().put_config("new", Config::new(), Some(TargetState::Stopped), false).unwrap();
    let keys: Vec<String> = made.0.into_iter().map(|write| write.bytes.key).collect();
    assert_eq!((keys, made.1), (vec!["target-state-new".to_owned(), "connector-new".to_owned()], true));
}

#[test]
fn a_name_that_is_free_again_begins_without_the_state_of_who_had_it() {
    let keys: Vec<_> = machine().delete("s").unwrap().into_iter().map(|write| write.bytes).collect();
    let all = ["connector-s", "target-state-s"].map(|key| Bytes { key: key.to_owned(), value: None });
    assert_eq!(keys, all);
}

#[test]
fn a_beat_says_how_far_its_worker_has_read_the_configurations() {
    let mut machine = machine();
    let actions = machine.handle(Event::Tick, Now { ms: 100, ..Now::default() });
    let beat = actions.into_iter().find_map(|action| match action {
        Action::Produce(write) => {
            match LeaseRecord::read(&write.bytes.key, Some(write.bytes.value.as_deref()?.as_bytes())) {
                Some(LeaseRecord::Worker(_, beat)) => beat,
                _ => None,
            }
        }
        _ => None,
    });
    assert_eq!(beat.unwrap().config, 5);
}

#[test]
fn what_counts_is_written_again_over_what_was_refused_and_over_nothing_later() {
    let mut machine = machine();
    let refused =
        ConfigRecord::Connector("s".to_owned(), Some(Config::from([("k".to_owned(), "v".to_owned())])));
    let bytes = refused.bytes();
    let (key, value) = (bytes.key, bytes.value.map(String::into_bytes));
    let note = Note { expects: Some(0), write: None };
    machine.handle(Event::Read { topic: Topic::Config, offset: 9, key, value, note }, Now::default());
    let now = Now { ms: 100, ..Now::default() };
    machine.chores_due_ms = 0;
    let again = machine.handle(Event::Tick, now).into_iter().find_map(|action| match action {
        Action::Produce(write) if write.topic == Topic::Config => Some(write),
        _ => None,
    });
    let again = again.unwrap();
    assert_eq!(again.bytes, ConfigRecord::Connector("s".to_owned(), Some(Config::new())).bytes());
    assert_eq!(again.note.expects, Some(9));
}

#[test]
fn what_a_worker_said_that_is_gone_is_not_so_any_more() {
    let mut machine = machine();
    let status = Status {
        state: State::Running,
        trace: None,
        worker_id: "gone:1".to_owned(),
        generation: 1,
        version: None,
        more: Default::default(),
    };
    let record = StatusRecord::Connector("s".to_owned(), Some(status));
    read(&mut machine, Topic::Status, 0, record.bytes());
    let told = machine.state_of("s", Now::default(), |_| ConnectorType::Source).unwrap().connector;
    assert_eq!(told.state, State::Unassigned);
    assert!(told.why.unwrap().contains("gone:1 had it last"));
}

#[test]
fn a_worker_that_has_not_read_everything_is_not_ready_and_one_that_is_cut_off_says_so() {
    assert!(!Machine::new("w", 1, "1", TIMING).is_ready());
    let machine = machine();
    assert!(machine.is_ready());
    assert_eq!(machine.trouble(Now::default()), None);
    assert!(machine.trouble(Now { ms: 900, ..Now::default() }).unwrap().contains("cut off"));
}

#[test]
fn levels_are_set_by_who_is_there_and_not_by_who_reads_of_them_later() {
    let level = || {
        let bytes = ConfigRecord::Level("a".to_owned(), "DEBUG".to_owned()).bytes();
        let (key, value) = (bytes.key, bytes.value.map(String::into_bytes));
        Event::Read { topic: Topic::Config, offset: 9, key, value, note: Note::default() }
    };
    let is_level = |action: &Action| matches!(action, Action::Level(..));
    let late = Machine::new("w", 1, "1", TIMING).handle(level(), Now::default());
    assert!(!late.iter().any(is_level));
    assert!(machine().handle(level(), Now::default()).iter().any(is_level));
}
