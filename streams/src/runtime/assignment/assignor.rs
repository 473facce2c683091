use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use millstream_client::{
    Assignment, Assignor, Error, Members, RebalanceProtocol, Result, Subscription, TopicPartition, TopicSizes,
};
use uuid::Uuid;

use super::{
    AssignedHere, Candidate, ChangelogEnds, Given, Host, Hosts, KnownHosts, OnDisk, Placement, Role, State,
    Tasks, UserData,
    plan::{Plan, plan},
};
use crate::runtime::TopicError;
use crate::runtime::offset_sums::OffsetSums;
use crate::runtime::topics::{self, InternalTopic};
use crate::task::TaskId;
use crate::topology::{StoreSpec, TopicName, Topology};

/// The name by which members agree on this assignor; the protocol of a topology's tasks, not of single partitions.
const NAME: &str = "millstream-sticky";

/// Assigns tasks to stream threads: the client's side of [`plan`].
#[derive(Debug)]
pub(crate) struct TaskAssignor {
    topology: Topology,
    application_id: Arc<str>,
    /// As they were at the start.
    internal_topics: Arc<[InternalTopic]>,
    place: ThreadPlace,
}

/// What the assignor shares with its thread, and with the process around it.
#[derive(Debug, Clone)]
pub(crate) struct ThreadPlace {
    pub(crate) placement: Placement,
    /// What of the state is here.
    pub(crate) offset_sums: Arc<OffsetSums>,
    /// Told of every assignment.
    pub(crate) known_hosts: Arc<KnownHosts>,
    /// Told what of an assignment is this thread's.
    pub(crate) here: Arc<AssignedHere>,
    /// Asked by the leader.
    pub(crate) ends: ChangelogEnds,
}

impl TaskAssignor {
    pub(crate) fn new(
        topology: Topology,
        application_id: Arc<str>,
        internal_topics: Arc<[InternalTopic]>,
        place: ThreadPlace,
    ) -> Self {
        Self { topology, application_id, internal_topics, place }
    }

    /// Whether the sources are still there, and as wide as they were when the internal topics were made. If not, every
    /// instance stops: what goes on would keep keys apart that belong together. Patterns may match less than they did: what
    /// members know of the cluster comes late, and topics go.
    fn check(&self, topics: &TopicSizes) -> std::result::Result<(), TopicError> {
        let existing = |topic: &_| topics::partitions_of(topic, topics);
        let needed = match topics::plan(&self.topology, &self.application_id, existing) {
            Err(TopicError::NothingMatches { .. }) => return Ok(()),
            needed => needed?,
        };
        let mut sources = self.topology.subtopologies().iter().flat_map(|part| &part.sources);
        let has_patterns = sources.any(|source| matches!(source, TopicName::Matching(_)));
        for (made, needed) in self.internal_topics.iter().zip(needed) {
            if !(has_patterns && needed.partitions < made.partitions) {
                topics::check(&needed, made.partitions)?;
            }
        }
        Ok(())
    }

    /// Whether a sub-topology reads a topic.
    fn reads(&self, subtopology: u32, topic: &str) -> bool {
        let mut sources = self.topology.part(subtopology).sources.iter();
        sources.any(|source| source.covers(topic, &self.application_id))
    }

    /// One task for every partition of the widest topic that a sub-topology reads.
    fn tasks(&self, topics: &TopicSizes) -> BTreeSet<TaskId> {
        let parts = self.topology.subtopologies().iter().map(|part| part.id);
        parts
            .flat_map(|subtopology| {
                let read = topics.iter().filter(|(topic, _)| self.reads(subtopology, topic));
                let tasks = read.map(|(_, size)| *size).max().unwrap_or(0);
                (0..tasks).map(move |partition| TaskId { subtopology, partition })
            })
            .collect()
    }

    /// The sub-topologies whose topics are not equally wide, and how wide those are that each of their stores is made of.
    fn uneven(&self, topics: &TopicSizes) -> BTreeMap<u32, Vec<i32>> {
        let parts = self.topology.subtopologies().iter().map(|part| part.id);
        let is_uneven = |part: &u32| {
            let read = topics.iter().filter(|(topic, _)| self.reads(*part, topic));
            read.map(|(_, size)| *size).collect::<BTreeSet<_>>().len() > 1
        };
        let with_stores = |part| {
            let stores = 0..self.topology.part(part).stores.len();
            (part, stores.map(|index| self.width_of_store(part, index, topics)).collect())
        };
        parts.filter(is_uneven).map(with_stores).collect()
    }

    /// How wide the topics are that a store is made of; 0 where they differ.
    fn width_of_store(&self, part: u32, index: usize, topics: &TopicSizes) -> i32 {
        let names = self.topology.topics_of_store(part, index);
        let is_one = |topic: &str| names.iter().any(|name| name.covers(topic, &self.application_id));
        let mut widths = topics.iter().filter(|(topic, _)| is_one(topic)).map(|(_, size)| *size);
        let first = widths.next().unwrap_or(0);
        if widths.all(|width| width == first) { first } else { 0 }
    }

    fn partitions(&self, task: TaskId, topics: &TopicSizes) -> Vec<TopicPartition> {
        let wide = topics.iter().filter(|(_, size)| task.partition < **size);
        let read = wide.filter(|(topic, _)| self.reads(task.subtopology, topic));
        read.map(|(topic, _)| TopicPartition::new(Arc::clone(topic), task.partition)).collect()
    }

    fn candidate(&self, member: &Subscription, told: &UserData) -> Candidate {
        let task = |owned: &TopicPartition| {
            let mut parts = self.topology.subtopologies().iter().map(|part| part.id);
            let subtopology = parts.find(|part| self.reads(*part, &owned.topic))?;
            Some(TaskId { subtopology, partition: owned.partition })
        };
        let owned = member.owned.iter().filter_map(task).collect();
        let standbys = told.on_disk.iter().filter(|(_, on_disk)| on_disk.stands_by).map(|(task, _)| *task);
        let awaited = told.on_disk.iter().filter(|(_, on_disk)| on_disk.is_awaited).map(|(task, _)| *task);
        Candidate {
            process: told.process,
            owned,
            standbys: standbys.collect(),
            awaited: awaited.collect(),
            on_disk: told.on_disk.iter().map(|(task, on_disk)| (*task, on_disk.offset_sum)).collect(),
            tags: told.tags.clone(),
        }
    }

    /// How much state each task has.
    fn states(&self, tasks: &BTreeSet<TaskId>) -> Tasks {
        let logged = |task: TaskId| {
            let stores = self.topology.part(task.subtopology).stores.iter();
            stores.filter_map(move |store| Some((store, self.changelog(store, task)?)))
        };
        let all = || tasks.iter().flat_map(|task| logged(*task));
        let of = |is_source| all().filter(move |(store, _)| store.changelog_is_source == is_source);
        let changelogs = of(false).map(|(_, changelog)| changelog).collect();
        let ends = self.place.ends.of(changelogs, of(true).map(|(_, changelog)| changelog).collect());
        let state = |task: TaskId| {
            let mut changelogs = logged(task).map(|(_, changelog)| changelog).peekable();
            if changelogs.peek().is_none() {
                return State::None;
            }
            let end = |changelog| ends.as_ref().and_then(|ends| ends.get(&changelog).copied());
            State::Ending(changelogs.map(end).sum())
        };
        tasks.iter().map(|task| (*task, state(*task))).collect()
    }

    fn changelog(&self, store: &StoreSpec, task: TaskId) -> Option<TopicPartition> {
        let topic = store.changelog.as_ref()?.resolve(&self.application_id);
        Some(TopicPartition { topic: topic.into(), partition: task.partition })
    }
}

/// What a member says of itself.
fn told(id: &str, member: &Subscription) -> UserData {
    let told = member.user_data.as_deref().map(UserData::decode);
    told.unwrap_or_else(|| UserData::decode(&[])).unwrap_or_else(|error| {
        tracing::warn!(member = id, %error, "a member does not say what state it has; it is taken to have none");
        UserData::default()
    })
}

/// Where tasks are once they are where they were given: of members and what they were given, in the same order.
fn hosts(
    tasks: &BTreeSet<TaskId>,
    uneven: BTreeMap<u32, Vec<i32>>,
    members: &[UserData],
    active: &[BTreeSet<TaskId>],
    standbys: &[BTreeSet<TaskId>],
) -> Hosts {
    let mut widths = BTreeMap::new();
    for task in tasks {
        *widths.entry(task.subtopology).or_insert(0) += 1;
    }
    let mut hosts: BTreeMap<Uuid, Host> = BTreeMap::new();
    for (member, (active, standbys)) in members.iter().zip(active.iter().zip(standbys)) {
        let host = hosts.entry(member.process).or_default();
        (host.process, host.endpoint) = (member.process, member.endpoint.clone());
        host.tasks.extend(standbys.iter().map(|task| (*task, Role::Standby)));
        host.tasks.extend(active.iter().map(|task| (*task, Role::Active)));
    }
    Hosts { widths, uneven, hosts: hosts.into_values().collect() }
}

impl Assignor for TaskAssignor {
    fn name(&self) -> &str {
        NAME
    }

    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Cooperative
    }

    fn user_data(&self, _topics: &[Arc<str>], _owned: &[TopicPartition]) -> Option<Bytes> {
        let ThreadPlace { placement, offset_sums, known_hosts, here, .. } = &self.place;
        let (standbys, awaited) = (here.standbys(), here.awaited());
        let mut sums = offset_sums.all();
        // What is only in memory has no directory.
        for task in &standbys {
            sums.entry(*task).or_insert(0);
        }
        let on_disk = |(task, offset_sum)| {
            let (stands_by, is_awaited) = (standbys.contains(&task), awaited.contains(&task));
            (task, OnDisk { offset_sum, stands_by, is_awaited })
        };
        let told = UserData {
            process: known_hosts.process,
            endpoint: known_hosts.endpoint.clone(),
            tags: placement.tags.clone(),
            on_disk: sums.into_iter().map(on_disk).collect(),
        };
        Some(told.encode().into())
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        self.check(topics).map_err(|error| Error::Misuse(error.to_string().into()))?;
        let told: Vec<UserData> = members.iter().map(|(id, member)| told(id, member)).collect();
        let mut candidates: Vec<Candidate> =
            members.values().zip(&told).map(|(member, told)| self.candidate(member, told)).collect();
        drop_stale_claims(&mut candidates, members);
        let tasks = self.tasks(topics);
        let placement = &self.place.placement;
        let Plan { active, standbys, awaited, withholds, wants_probing } =
            plan(&self.states(&tasks), &candidates, placement);
        if withholds {
            tracing::info!("tasks move: their owners let go of them first");
        }
        let processes: BTreeSet<Uuid> = told.iter().map(|member| member.process).collect();
        if placement.standbys >= processes.len() {
            let (wanted, processes) = (placement.standbys, processes.len());
            tracing::warn!(
                wanted,
                processes,
                "num.standby.replicas wants more copies than there are other processes"
            );
        }
        let probe_after_ms = if wants_probing { placement.probing_interval_ms } else { 0 };
        if wants_probing {
            tracing::info!(probe_after_ms, "tasks wait for their state where they shall run");
        }
        let hosts = hosts(&tasks, self.uneven(topics), &told, &active, &standbys).encode();
        let given = members.keys().zip(active.iter().zip(standbys.iter().zip(&awaited))).enumerate();
        let assignments = given.map(|(nth, (member, (active, (standbys, awaited))))| {
            let partitions = active.iter().flat_map(|task| self.partitions(*task, topics)).collect();
            // One member that asks is enough.
            let probe_after_ms = if nth == 0 { probe_after_ms } else { 0 };
            let user_data = Given::encode(probe_after_ms, standbys, awaited, &hosts);
            (member.clone(), Assignment { partitions, user_data: Some(user_data.into()) })
        });
        Ok(assignments.collect())
    }

    fn on_assignment(&self, assignment: &Assignment, _generation: i32) {
        let told = assignment.user_data.as_deref().unwrap_or_default();
        let given = Given::decode(told).unwrap_or_else(|error| {
            tracing::warn!(%error, "the leader says nothing of standbys, and queries are not routed");
            Given::default()
        });
        self.place.here.tell(&given);
        self.place.known_hosts.learn(given.hosts);
    }
}

/// Where two members claim a task, the one with the older generation has missed that it lost it.
fn drop_stale_claims(candidates: &mut [Candidate], members: &Members) {
    let generations: Vec<i32> = members.values().map(|member| member.generation).collect();
    let mut newest: BTreeMap<TaskId, i32> = BTreeMap::new();
    for (candidate, generation) in candidates.iter().zip(&generations) {
        for task in &candidate.owned {
            let known = newest.entry(*task).or_insert(*generation);
            *known = (*known).max(*generation);
        }
    }
    for (candidate, generation) in candidates.iter_mut().zip(&generations) {
        candidate.owned.retain(|task| newest[task] == *generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    fn assignor(directory: &std::path::Path) -> TaskAssignor {
        assignor_of(directory, |builder| {
            let lines = builder.stream(Topic::<String, String>::new("lines"));
            let words = lines.group_by(|_, line: &String| line.clone());
            words.count("counts").to(Topic::<String, i64>::new("out"));
        })
    }

    fn sizes() -> TopicSizes {
        [("lines".into(), 2), ("app-counts-repartition".into(), 2)].into()
    }

    fn member(assignor: &TaskAssignor, generation: i32, owned: &[TopicPartition]) -> Subscription {
        let user_data = assignor.user_data(&[], owned);
        Subscription { user_data, owned: owned.to_vec(), generation, ..Subscription::default() }
    }

    #[test]
    fn a_lone_member_gets_every_source_partition() {
        let directory = tempfile::tempdir().unwrap();
        let assignor = assignor(directory.path());
        let members = [("a".to_owned(), member(&assignor, -1, &[]))].into();
        let assigned = assignor.assign(&sizes(), &members).unwrap();
        assert_eq!(assigned["a"].partitions.len(), 4);
    }

    /// An assignor of what `build` reads, whose internal topics were made when every topic had two partitions.
    fn assignor_of(directory: &std::path::Path, build: impl Fn(&StreamsBuilder)) -> TaskAssignor {
        let builder = StreamsBuilder::new();
        build(&builder);
        let directory = Arc::new(crate::runtime::StateDirectory::open(directory, "app").unwrap());
        let topology = builder.build().unwrap();
        let internal = topics::plan(&topology, "app", |_| Some(2)).unwrap();
        let place = ThreadPlace {
            placement: Placement::default(),
            known_hosts: KnownHosts::new(directory.process_id(), "here:1".to_owned()),
            offset_sums: OffsetSums::new(directory),
            here: AssignedHere::new(),
            ends: ChangelogEnds::default(),
        };
        TaskAssignor::new(topology, "app".into(), internal.into(), place)
    }

    #[test]
    fn every_member_learns_where_all_tasks_are() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (assignor(one.path()), assignor(two.path()));
        let members =
            [("a".to_owned(), member(&one, -1, &[])), ("b".to_owned(), member(&two, -1, &[]))].into();
        let assigned = one.assign(&sizes(), &members).unwrap();
        two.on_assignment(&assigned["b"], 1);
        let hosts = two.place.known_hosts.last();
        assert_eq!(hosts.widths, [(0, 2), (1, 2)].into());
        let places: Vec<_> = hosts.hosts.iter().map(|host| (&*host.endpoint, host.tasks.len())).collect();
        assert_eq!(places, [("here:1", 2), ("here:1", 2)]);
        assert_ne!(hosts.hosts[0].process, hosts.hosts[1].process);
        let all: BTreeSet<TaskId> = hosts.hosts.iter().flat_map(|host| host.tasks.keys().copied()).collect();
        assert_eq!(all.len(), 4);
        assert!(hosts.hosts.iter().flat_map(|host| host.tasks.values()).all(|role| *role == Role::Active));
    }

    #[test]
    fn members_learn_where_the_number_of_tasks_does_not_say_where_a_key_is() {
        let directory = tempfile::tempdir().unwrap();
        let unlogged = |name| KeyValueStore::<String, String>::new(name).unlogged();
        let assignor = assignor_of(directory.path(), |builder| {
            let small =
                builder.table_in(Topic::<String, String>::new("small"), unlogged("small")).to_stream();
            let big = builder.stream(Topic::<String, Option<String>>::new("big"));
            let _both = small.merge(&big).group_by_key().count(KeyValueStore::new("both").unlogged());
        });
        let uneven = |small, big| {
            let members = [("a".to_owned(), member(&assignor, -1, &[]))].into();
            let sizes = [("small".into(), small), ("big".into(), big)].into();
            let assigned = assignor.assign(&sizes, &members).unwrap();
            let hosts = Given::decode(assigned["a"].user_data.as_ref().unwrap()).unwrap().hosts;
            (hosts.widths[&0], hosts.uneven)
        };
        // A key of the table is where its topic has it; one of the count may be in two places.
        assert_eq!(uneven(2, 6), (6, [(0, vec![2, 0])].into()));
        assert_eq!(uneven(2, 2), (2, [].into()));
    }

    #[test]
    fn a_standby_goes_to_another_zone() {
        let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let assignors: Vec<TaskAssignor> = directories
            .iter()
            .zip(["a", "a", "b"])
            .map(|(directory, zone)| {
                let mut assignor = assignor(directory.path());
                let placement = &mut assignor.place.placement;
                placement.standbys = 1;
                placement.spread_over = vec!["zone".to_owned()];
                placement.tags.insert("zone".to_owned(), zone.to_owned());
                assignor
            })
            .collect();
        let members = assignors.iter().zip(["1", "2", "3"]);
        let members = members.map(|(assignor, id)| (id.to_owned(), member(assignor, -1, &[]))).collect();
        let assigned = assignors[0].assign(&sizes(), &members).unwrap();
        let given = |member: &str| Given::decode(assigned[member].user_data.as_ref().unwrap()).unwrap();
        for (place, host) in [("1", "a"), ("2", "a"), ("3", "b")] {
            let counts = assigned[place].partitions.iter().filter(|read| &*read.topic != "lines");
            for read in counts {
                let task = TaskId { subtopology: 1, partition: read.partition };
                let keepers: Vec<&str> = ["1", "2", "3"]
                    .into_iter()
                    .filter(|member| given(member).standbys.contains(&task))
                    .collect();
                assert_eq!(keepers.len(), 1, "{task} at {place}");
                assert_eq!(keepers[0] == "3", host == "a", "{task} runs at {place}, copied at {keepers:?}");
            }
        }
        // Every member knows where the copies are, and hears of its own with its partitions.
        let hosts = given("1").hosts.hosts;
        let copies = hosts.iter().flat_map(|host| host.tasks.values()).filter(|role| **role == Role::Standby);
        assert_eq!(copies.count(), 2);
        assignors[2].on_assignment(&assigned["3"], 1);
        let news = assignors[2].place.here.take_news().unwrap();
        assert_eq!((news.standbys, news.probe_after_ms), (given("3").standbys, 0));
        assert_eq!(assignors[2].place.here.take_news(), None);
    }

    #[test]
    fn the_topic_of_a_global_table_is_none_of_the_groups_and_not_missed() {
        let directory = tempfile::tempdir().unwrap();
        let assignor = assignor_of(directory.path(), |builder| {
            let cities = builder.global_table(Topic::<String, String>::new("cities"));
            let names = builder.stream(Topic::<String, String>::new("names"));
            names
                .join_global(&cities, |_, name| name.clone(), |name, _| name)
                .to(Topic::<String, String>::new("out"));
        });
        let members = [("a".to_owned(), member(&assignor, -1, &[]))].into();
        let assigned = assignor.assign(&[("names".into(), 2)].into(), &members).unwrap();
        assert_eq!(assigned["a"].partitions.len(), 2);
    }

    #[test]
    fn a_pattern_may_match_less_than_at_the_start_but_nothing_wider() {
        let directory = tempfile::tempdir().unwrap();
        let assignor = assignor_of(directory.path(), |builder| {
            let sensors = builder.stream(Topics::<String, String>::matching("sensor-.*"));
            let _counts = sensors.group_by_key().count("counts");
        });
        let members = [("a".to_owned(), member(&assignor, -1, &[]))].into();
        let assigned =
            |topics: TopicSizes| Some(assignor.assign(&topics, &members).ok()?["a"].partitions.len());
        assert_eq!(assigned([].into()), Some(0));
        assert_eq!(assigned([("sensor-a".into(), 1)].into()), Some(1));
        assert_eq!(assigned([("sensor-a".into(), 2)].into()), Some(2));
        assert_eq!(assigned([("sensor-a".into(), 3)].into()), None);
    }

    #[test]
    fn a_task_moves_only_after_its_owner_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let assignor = assignor(directory.path());
        let all: Vec<TopicPartition> = ["lines", "app-counts-repartition"]
            .iter()
            .flat_map(|topic| (0..2).map(|partition| TopicPartition::new(*topic, partition)))
            .collect();
        let members =
            [("a".to_owned(), member(&assignor, 1, &all)), ("b".to_owned(), member(&assignor, -1, &[]))];
        let first = assignor.assign(&sizes(), &members.into()).unwrap();
        assert_eq!((first["a"].partitions.len(), first["b"].partitions.len()), (2, 0));
        let kept = first["a"].partitions.clone();
        let members =
            [("a".to_owned(), member(&assignor, 2, &kept)), ("b".to_owned(), member(&assignor, 2, &[]))];
        let second = assignor.assign(&sizes(), &members.into()).unwrap();
        assert_eq!(second["a"].partitions, kept);
        assert_eq!(second["b"].partitions.len(), 2);
    }

    #[test]
    fn a_claim_of_an_older_generation_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let assignor = assignor(directory.path());
        let line = [TopicPartition::new("lines", 0)];
        let members =
            [("a".to_owned(), member(&assignor, 1, &line)), ("b".to_owned(), member(&assignor, 2, &line))];
        let assigned = assignor.assign(&sizes(), &members.into()).unwrap();
        assert!(assigned["b"].partitions.contains(&line[0]));
        assert_eq!(assigned.values().map(|assignment| assignment.partitions.len()).sum::<usize>(), 4);
    }
}
