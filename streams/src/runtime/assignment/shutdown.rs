use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use millstream_client::{
    Assignment, Assignor, Members, RebalanceProtocol, Result, TopicPartition, TopicSizes,
};
use tokio::sync::Notify;

/// Nothing is wrong: the first byte of what members and leader say (`AssignorError.NONE`).
const GO_ON: u8 = 0;

/// Every instance of the application is to stop (`AssignorError.SHUTDOWN_REQUESTED`).
const SHUT_DOWN: u8 = 4;

/// Whether the whole application is to stop, as far as this process knows. Shared by its threads, which say it to the group and hear
/// it there, and its supervisor.
#[derive(Debug, Default)]
pub(crate) struct ApplicationShutdown {
    wanted: AtomicBool,
    /// Told when the group has told this process.
    told: Notify,
}

impl ApplicationShutdown {
    /// From the next join on the group is told.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Waits until the group has told this process.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }
}

/// An assignor whose members can stop the application (KIP-671): what it says is preceded by a byte, as Kafka Streams'
/// `SubscriptionInfo` and `AssignmentInfo` have an error code. Once a member wants it, everybody keeps what it has and is told.
#[derive(Debug)]
pub(crate) struct WithShutdown<A> {
    assignor: A,
    shutdown: Arc<ApplicationShutdown>,
}

impl<A: Assignor> WithShutdown<A> {
    pub(crate) fn new(assignor: A, shutdown: Arc<ApplicationShutdown>) -> Self {
        Self { assignor, shutdown }
    }
}

fn preceded(word: u8, said: Option<&Bytes>) -> Bytes {
    let said = said.map_or(&[][..], |said| said);
    let mut bytes = BytesMut::with_capacity(1 + said.len());
    bytes.extend_from_slice(&[word]);
    bytes.extend_from_slice(said);
    bytes.freeze()
}

/// The word, and what was said after it. Who says nothing wants nothing.
fn parted(said: Option<&Bytes>) -> (u8, Option<Bytes>) {
    match said.and_then(|said| said.split_first().map(|(word, _)| (*word, said.slice(1..)))) {
        Some((word, rest)) => (word, Some(rest)),
        None => (GO_ON, None),
    }
}

impl<A: Assignor> Assignor for WithShutdown<A> {
    fn name(&self) -> &str {
        self.assignor.name()
    }

    fn protocol(&self) -> RebalanceProtocol {
        self.assignor.protocol()
    }

    fn user_data(&self, topics: &[Arc<str>], owned: &[TopicPartition]) -> Option<Bytes> {
        let word = if self.shutdown.wanted.load(Ordering::Relaxed) { SHUT_DOWN } else { GO_ON };
        Some(preceded(word, self.assignor.user_data(topics, owned).as_ref()))
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        let mut members = members.clone();
        let mut wanted = false;
        for member in members.values_mut() {
            let (word, said) = parted(member.user_data.as_ref());
            wanted |= word == SHUT_DOWN;
            member.user_data = said;
        }
        if wanted {
            tracing::error!("a member asks every instance of the application to stop");
            return Ok(as_they_are(&members));
        }
        let mut assigned = self.assignor.assign(topics, &members)?;
        for assignment in assigned.values_mut() {
            assignment.user_data = Some(preceded(GO_ON, assignment.user_data.as_ref()));
        }
        Ok(assigned)
    }

    fn on_assignment(&self, assignment: &Assignment, generation: i32) {
        let (word, user_data) = parted(assignment.user_data.as_ref());
        if word == SHUT_DOWN {
            // Whoever joins once more tells those that have missed it.
            self.shutdown.want();
            self.shutdown.told.notify_one();
            return;
        }
        let partitions = assignment.partitions.clone();
        self.assignor.on_assignment(&Assignment { partitions, user_data }, generation);
    }
}

/// Everybody keeps what it has, so that nothing has to be given up and nobody joins again before all have been told. Who has missed
/// that something was taken away keeps nothing.
fn as_they_are(members: &Members) -> BTreeMap<String, Assignment> {
    let newest = members.values().map(|member| member.generation).max().unwrap_or(-1);
    let assigned = members.iter().map(|(id, member)| {
        let partitions = if member.generation == newest { member.owned.clone() } else { Vec::new() };
        (id.clone(), Assignment { partitions, user_data: Some(preceded(SHUT_DOWN, None)) })
    });
    assigned.collect()
}

#[cfg(test)]
mod tests {
    use millstream_client::Subscription;
    use parking_lot::Mutex;

    use super::*;

    /// Says its name and notes what it hears.
    #[derive(Debug, Default)]
    struct Parrot(Mutex<Vec<Option<Bytes>>>);

    impl Assignor for Parrot {
        fn name(&self) -> &str {
            "parrot"
        }

        fn user_data(&self, _topics: &[Arc<str>], _owned: &[TopicPartition]) -> Option<Bytes> {
            Some("hello".into())
        }

        fn assign(&self, _topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
            let echo = |(id, member): (&String, &Subscription)| {
                (id.clone(), Assignment { partitions: Vec::new(), user_data: member.user_data.clone() })
            };
            Ok(members.iter().map(echo).collect())
        }

        fn on_assignment(&self, assignment: &Assignment, _generation: i32) {
            self.0.lock().push(assignment.user_data.clone());
        }
    }

    fn instance() -> (WithShutdown<Parrot>, Arc<ApplicationShutdown>) {
        let shutdown = Arc::<ApplicationShutdown>::default();
        (WithShutdown::new(Parrot::default(), Arc::clone(&shutdown)), shutdown)
    }

    fn is_told(shutdown: &ApplicationShutdown) -> bool {
        futures::FutureExt::now_or_never(shutdown.told()).is_some()
    }

    fn joins(instances: &[&WithShutdown<Parrot>], generations: &[i32]) -> Members {
        let joins = instances.iter().zip(generations).enumerate().map(|(nth, (instance, generation))| {
            let owned = vec![TopicPartition::new("in", nth as i32)];
            let user_data = instance.user_data(&[], &owned);
            let generation = *generation;
            (nth.to_string(), Subscription { user_data, owned, generation, ..Subscription::default() })
        });
        joins.collect()
    }

    #[test]
    fn what_the_assignor_says_passes_through() {
        let ((one, ended), (two, _)) = (instance(), instance());
        let assigned = one.assign(&TopicSizes::new(), &joins(&[&one, &two], &[1, 1])).unwrap();
        one.on_assignment(&assigned["0"], 2);
        assert_eq!(*one.assignor.0.lock(), [Some(Bytes::from("hello"))]);
        assert!(!is_told(&ended));
    }

    #[test]
    fn one_member_that_wants_it_stops_all_and_nothing_moves() {
        let ((one, of_one), (two, of_two)) = (instance(), instance());
        of_two.want();
        let assigned = one.assign(&TopicSizes::new(), &joins(&[&one, &two], &[3, 2])).unwrap();
        assert_eq!(assigned["0"].partitions, [TopicPartition::new("in", 0)]);
        assert_eq!(assigned["1"].partitions, [], "its claim is of an older generation");
        one.on_assignment(&assigned["0"], 4);
        two.on_assignment(&assigned["1"], 4);
        assert!(is_told(&of_one) && is_told(&of_two));
        // Who has been told tells others.
        assert_eq!(one.user_data(&[], &[]).unwrap()[0], SHUT_DOWN);
    }

    #[test]
    fn who_says_nothing_wants_nothing() {
        let (one, ended) = instance();
        one.on_assignment(&Assignment::default(), 1);
        one.on_assignment(&Assignment { user_data: Some(Bytes::new()), ..Assignment::default() }, 1);
        assert!(!is_told(&ended));
    }
}
