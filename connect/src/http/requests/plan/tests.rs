//! The plan against a simulated server that loses, refuses and delays what it likes: seeded, so that a failure repeats.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const LIMITS: Limits = Limits {
    records: 3,
    bytes: 100,
    in_flight: 2,
    retries: 4,
    backoff: Duration::from_millis(100),
    patience: Duration::from_secs(600),
};

fn plan(operations: &[(Option<u64>, usize)], limits: Limits) -> (Plan, Instant) {
    let now = Instant::now();
    (Plan::new(operations.iter().copied(), limits, now), now)
}

fn sent(step: Step) -> Vec<usize> {
    match step {
        Step::Send(request) => request,
        other => panic!("{other:?} instead of a request"),
    }
}

fn done(count: usize) -> Answered {
    Answered::Each(vec![Fate::Done; count])
}

#[test]
fn requests_are_bounded_by_records_by_bytes_and_in_number() {
    let sizes = [10, 10, 10, 10, 95, 10, 300].map(|bytes| (None, bytes));
    let (mut plan, now) = plan(&sizes, LIMITS);
    let first = sent(plan.next(now));
    let second = sent(plan.next(now));
    assert_eq!((&first[..], &second[..]), (&[0, 1, 2][..], &[3][..]));
    assert_eq!(plan.next(now), Step::Listen, "two are under way");
    plan.answered(first, done(3), now);
    assert_eq!(sent(plan.next(now)), [4]);
    plan.answered(second, done(1), now);
    assert_eq!(sent(plan.next(now)), [5], "what is too long for any request goes alone");
    plan.answered(vec![4], done(1), now);
    assert_eq!(sent(plan.next(now)), [6]);
    plan.answered(vec![5], done(1), now);
    plan.answered(vec![6], done(1), now);
    assert_eq!(plan.next(now), Step::Finished);
    assert!(plan.outcomes().all(|outcome| outcome == Outcome::Ok));
}

#[test]
fn a_lane_is_under_way_once() {
    let (mut plan, now) = plan(&[(Some(7), 60), (Some(7), 60), (Some(8), 30)], LIMITS);
    assert_eq!(sent(plan.next(now)), [0]);
    assert_eq!(sent(plan.next(now)), [2], "the second of lane 7 waits for the first");
    plan.answered(vec![2], done(1), now);
    assert_eq!(plan.next(now), Step::Listen);
    plan.answered(vec![0], done(1), now);
    assert_eq!(sent(plan.next(now)), [1]);
}

#[test]
fn what_is_tried_again_takes_the_rest_of_its_lane_along() {
    let (mut plan, now) = plan(&[(Some(7), 1), (Some(8), 1), (Some(7), 1)], LIMITS);
    let request = sent(plan.next(now));
    plan.answered(request, Answered::Each(vec![Fate::Again("busy".into()), Fate::Done, Fate::Done]), now);
    assert_eq!(plan.next(now), Step::Wait(now + LIMITS.backoff));
    assert_eq!(sent(plan.next(now + LIMITS.backoff)), [0, 2], "the last of the lane is applied last");
}

#[test]
fn waits_grow_and_the_servers_wish_counts_where_it_is_more() {
    let (mut plan, mut now) = plan(&[(None, 1)], LIMITS);
    for (after, expected_ms) in [(None, 100), (None, 200), (Some(1000), 1000), (Some(1), 800)] {
        let request = sent(plan.next(now));
        let busy = Answered::None { after: after.map(Duration::from_millis), why: "busy".into() };
        plan.answered(request, busy, now);
        let Step::Wait(until) = plan.next(now) else { panic!("no wait") };
        assert_eq!(until - now, Duration::from_millis(expected_ms));
        now = until;
    }
    let request = sent(plan.next(now));
    plan.answered(request, Answered::None { after: None, why: "busy".into() }, now);
    assert_eq!(plan.next(now), Step::Finished, "the tries are used up");
    assert_eq!(plan.outcomes().next(), Some(Outcome::Retry { after: None, why: "busy".into() }));
}

#[test]
fn no_operation_is_to_blame_for_a_server_that_takes_nothing() {
    let away = || Answered::Away { after: Some(Duration::from_secs(7)), why: "away".into() };
    let limits = Limits { retries: 0, records: 2, ..LIMITS };
    let said = |second: Answered| {
        let (mut plan, now) = plan(&[(None, 1), (None, 1), (None, 1)], limits);
        let requests = [sent(plan.next(now)), sent(plan.next(now))];
        for (request, answer) in requests.into_iter().zip([away(), second]) {
            plan.answered(request, answer, now);
        }
        assert_eq!(plan.next(now), Step::Finished);
        plan.hearing.away().map(|error| error.to_string())
    };
    assert_eq!(said(away()).as_deref(), Some("away"));
    assert_eq!(said(Answered::Each(vec![Fate::Away("full".into())])).as_deref(), Some("away"));
    assert_eq!(said(done(1)), None, "it takes others");
    assert_eq!(said(Answered::None { after: None, why: "failed".into() }), None, "it fails at this one");
    assert_eq!(said(Answered::Refused("bad".into())), None);
}

#[test]
fn what_is_not_begun_within_the_patience_is_left() {
    let limits = Limits { patience: Duration::from_millis(50), records: 1, in_flight: 1, ..LIMITS };
    let (mut plan, now) = plan(&[(None, 1), (None, 1)], limits);
    let request = sent(plan.next(now));
    let later = now + Duration::from_millis(51);
    plan.answered(request, done(1), later);
    assert_eq!(plan.next(later), Step::Finished);
    assert_eq!(plan.outcomes().collect::<Vec<_>>(), [Outcome::Ok, Outcome::Untried]);
}

#[test]
fn where_nobody_is_no_other_operation_is_tried() {
    let limits = Limits { retries: 1, records: 1, ..LIMITS };
    let (mut plan, mut now) = plan(&[(None, 1), (None, 1), (None, 1), (None, 1)], limits);
    let first = sent(plan.next(now));
    plan.answered(first, done(1), now);
    let under_way = [sent(plan.next(now)), sent(plan.next(now))];
    let away = || Answered::Away { after: None, why: "away".into() };
    plan.answered(under_way[0].clone(), away(), now);
    now += LIMITS.backoff;
    assert_eq!(sent(plan.next(now)), under_way[0]);
    plan.answered(under_way[0].clone(), away(), now);
    assert_eq!(plan.next(now), Step::Listen, "the last is not begun");
    plan.answered(under_way[1].clone(), away(), now);
    assert_eq!(plan.next(now), Step::Finished);
    let again = Outcome::Retry { after: None, why: "away".into() };
    let outcomes: Vec<Outcome> = plan.outcomes().collect();
    assert_eq!(outcomes, [Outcome::Ok, again, Outcome::Untried, Outcome::Untried]);
}

#[test]
fn what_was_under_way_together_doubles_the_wait_once() {
    let (mut plan, now) = plan(&[(None, 60), (None, 60)], LIMITS);
    let requests = [sent(plan.next(now)), sent(plan.next(now))];
    let later = now + Duration::from_millis(1);
    for request in requests {
        plan.answered(request, Answered::None { after: None, why: "busy".into() }, later);
    }
    assert_eq!(plan.next(later), Step::Wait(later + LIMITS.backoff));
}

#[test]
fn a_refused_request_is_divided_until_the_culprit_is_alone() {
    let (mut plan, now) = plan(&[(Some(1), 1), (Some(1), 1), (Some(1), 1)], LIMITS);
    let mut requests = 0;
    while let Step::Send(request) = plan.next(now) {
        requests += 1;
        let answer = if request.contains(&1) { Answered::Refused("bad".into()) } else { done(request.len()) };
        plan.answered(request, answer, now);
    }
    assert_eq!(requests, 5);
    let outcomes: Vec<Outcome> = plan.outcomes().collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Reject { why: "bad".into() }, Outcome::Ok]);
}

#[test]
fn after_the_patience_nothing_is_tried_again() {
    let limits = Limits { patience: Duration::from_millis(50), retries: 1000, ..LIMITS };
    let (mut plan, now) = plan(&[(Some(7), 60), (Some(7), 60)], limits);
    let request = sent(plan.next(now));
    plan.answered(request, Answered::None { after: None, why: "busy".into() }, now);
    assert_eq!(plan.next(now), Step::Finished);
    let all = plan.outcomes().all(|outcome| matches!(outcome, Outcome::Retry { .. }));
    assert!(all, "what follows in the lane is not sent either");
}

/// Applies what it is sent, answers what it likes.
struct Server {
    random: StdRng,
    /// The last operation applied in each lane.
    last: HashMap<u64, usize>,
    applied: Vec<bool>,
}

impl Server {
    fn answer(&mut self, request: &[usize], operations: &[(Option<u64>, usize)]) -> Answered {
        let whole = self.random.random_range(0..10);
        // 0: lost on the way there, 1: lost on the way back, 2: too large unless alone.
        if whole == 0 || whole == 2 && request.len() > 1 {
            let why = "whole".to_owned();
            return if whole == 0 { Answered::None { after: None, why } } else { Answered::Refused(why) };
        }
        let mut fates = Vec::new();
        for &at in request {
            let fate = match self.random.random_range(0..8) {
                0 => Fate::Again("busy".into()),
                1 => Fate::Refused("bad".into()),
                _ => {
                    self.applied[at] = true;
                    if let Some(lane) = operations[at].0 {
                        self.last.insert(lane, at);
                    }
                    Fate::Done
                }
            };
            fates.push(fate);
        }
        if whole == 1 { Answered::None { after: None, why: "cut".into() } } else { Answered::Each(fates) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_the_server_does_lanes_keep_their_order_and_everything_is_answered(
        operations in prop::collection::vec((prop::option::of(0_u64..4), 1_usize..60), 1..40),
        in_flight in 1_usize..4,
        seed: u64,
    ) {
        let limits = Limits { in_flight, ..LIMITS };
        let (mut plan, mut now) = plan(&operations, limits);
        let mut server =
            Server { random: StdRng::seed_from_u64(seed), last: HashMap::new(), applied: vec![false; operations.len()] };
        let mut under_way: Vec<(Vec<usize>, Answered)> = Vec::new();
        loop {
            match plan.next(now) {
                Step::Finished => break,
                Step::Wait(until) if under_way.is_empty() => now = until,
                Step::Send(request) => {
                    prop_assert!(under_way.len() < in_flight);
                    prop_assert!(request.is_sorted() && request.len() <= limits.records);
                    let answer = server.answer(&request, &operations);
                    under_way.push((request, answer));
                }
                Step::Wait(_) | Step::Listen => {
                    let which = server.random.random_range(0..under_way.len());
                    let (request, answer) = under_way.swap_remove(which);
                    plan.answered(request, answer, now);
                }
            }
        }
        let outcomes: Vec<Outcome> = plan.outcomes().collect();
        let mut retried: HashMap<u64, usize> = HashMap::new();
        for (at, outcome) in outcomes.iter().enumerate() {
            prop_assert!(*outcome != Outcome::Ok || server.applied[at], "{} was never applied", at);
            let Some(lane) = operations[at].0 else { continue };
            if matches!(outcome, Outcome::Retry { .. }) {
                retried.entry(lane).or_insert(at);
            }
            // Else the runtime, which writes it again, would put the older one over the newer.
            if let Some(first) = retried.get(&lane) {
                prop_assert!(*outcome != Outcome::Ok, "{} of lane {} is done, {} is not", at, lane, first);
            }
        }
        // Without a retry to come, the last that counts is what the server has.
        for (lane, last) in &server.last {
            if !retried.contains_key(lane) {
                let expected = (0..operations.len())
                    .rfind(|&at| operations[at].0 == Some(*lane) && outcomes[at] == Outcome::Ok);
                prop_assert!(expected.is_none_or(|expected| expected <= *last), "lane {} ends with {}", lane, last);
            }
        }
    }
}
