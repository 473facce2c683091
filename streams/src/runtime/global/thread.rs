//! The thread that fills the global tables.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use millstream_client::{Admin, Consumer, Event as ClientEvent, OffsetReset};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::super::clock::Clock;
use super::super::cluster::{admin, failed};
use super::super::cluster_link::{changelog_bounds_of, configured, range};
use super::super::config::{Recipient, StreamsConfig};
use super::super::link::{ChangelogBounds, LinkError, TopicPartition};
use super::super::mailbox::Mail;
use super::super::shared::Shared;
use super::super::stores::Stores;
use super::super::stream_thread::ThreadEnd;
use super::super::uncaught::Uncaught;
use super::super::worker::{Backends, RestorePlan, WorkerError, plan};
use super::super::{StateDirectory, StreamsError};
use super::meter::Meter;
use super::{Positions, Tables};
use crate::store::shared::Globals;
use crate::task::TaskId;
use crate::topology::{Medium, Topology};

/// What the thread is made of.
pub(in crate::runtime) struct GlobalThread {
    config: Arc<StreamsConfig>,
    topology: Topology,
    /// The stores of each table, and where its positions are written; nowhere for one in memory, which is read anew.
    stores: Vec<(Backends, Option<PathBuf>)>,
    network: Handle,
    clock: Clock,
    /// The application's counts of what fails, and what its threads measure.
    shared: Arc<Shared>,
}

/// The clients of the thread.
struct Clients {
    consumer: Consumer,
    admin: Admin,
}

impl GlobalThread {
    /// Opens the stores; `globals` is what tasks read them through.
    pub(in crate::runtime) fn open(
        config: &Arc<StreamsConfig>,
        topology: &Topology,
        directory: &StateDirectory,
        stores: &Stores,
        network: &Handle,
        shared: &Arc<Shared>,
    ) -> Result<(Self, Globals), WorkerError> {
        let mut globals = Globals::default();
        let mut opened = Vec::new();
        for part in topology.globals() {
            let id = TaskId { subtopology: part.id, partition: 0 };
            let name = part.stores.first().map_or("", |store| &store.name);
            let path = directory.global(name)?;
            let backends = globals.share(part, stores.open_at(&path, id, &part.stores)?);
            let on_disk =
                cfg!(feature = "rocksdb") && part.stores.iter().all(|store| store.medium == Medium::Disk);
            opened.push((backends, on_disk.then_some(path)));
        }
        let thread = Self {
            config: Arc::clone(config),
            topology: topology.clone(),
            stores: opened,
            network: network.clone(),
            shared: Arc::clone(shared),
            clock: Clock::start(),
        };
        Ok((thread, globals))
    }

    /// Starts the thread; `complete` hears when all tables are.
    pub(in crate::runtime) fn spawn(
        self,
        inbox: mpsc::Receiver<Mail>,
        complete: oneshot::Sender<()>,
        uncaught: Arc<Uncaught>,
        ended: mpsc::UnboundedSender<ThreadEnd>,
    ) -> Result<JoinHandle<()>, StreamsError> {
        let name = format!("{}-global", self.config.application_id);
        let thread_name = name.clone();
        let run = move || {
            let ended_as = panic::catch_unwind(AssertUnwindSafe(|| self.run(inbox, complete)));
            let error = match ended_as {
                Ok(Ok(())) => None,
                Ok(Err(source)) => Some(StreamsError::Thread { thread: name.clone(), source }),
                Err(_) => Some(StreamsError::Lost(name.clone())),
            };
            let failure = error.map(|error| uncaught.ask(error));
            let _ = ended.send(ThreadEnd { index: None, name, failure });
        };
        let spawned = Builder::new().name(thread_name).spawn(run);
        spawned
            .map_err(|source| StreamsError::System { doing: "starting the global thread".to_owned(), source })
    }

    fn run(
        mut self,
        mut inbox: mpsc::Receiver<Mail>,
        complete: oneshot::Sender<()>,
    ) -> Result<(), WorkerError> {
        let mut clients = self.connect()?;
        let (stores, paths): (Vec<_>, Vec<_>) = std::mem::take(&mut self.stores).into_iter().unzip();
        let mut tables = Tables::new(
            &self.topology,
            stores,
            self.config.cache_bytes,
            &self.config.policies(),
            self.shared.errors(),
            self.clock.now(),
        )?;
        let ids = self.assign(&mut tables, &paths, &clients)?;
        let mut meter = Meter::new(Arc::clone(&self.shared), self.topology.globals().len());
        let mut complete = Some(complete);
        let mut committed = Instant::now();
        let mut changed = false;
        loop {
            if tables.are_complete()
                && let Some(complete) = complete.take()
            {
                self.commit(&mut tables, &paths, &ids)?;
                tracing::info!("the global tables are complete");
                let _ = complete.send(());
            }
            let interval = self.config.commit_interval;
            meter.publish(&tables, !changed);
            match meter.waiting(|| self.wait(&mut clients, &mut inbox, committed + interval)) {
                Woken::Mail(Some(Mail::Query(query))) => query(&tables.local_tasks()),
                // The application is gone, and with it whoever could want us to go on.
                Woken::Mail(Some(Mail::Stop { .. }) | None) => {
                    self.commit(&mut tables, &paths, &ids)?;
                    return tables.close();
                }
                Woken::Fetched(Err(error)) => return Err(failed("reading a global table", error).into()),
                Woken::Fetched(Ok(Some(ClientEvent::Fetched(fetched)))) => {
                    let position =
                        clients.consumer.position(&fetched.partition).map_or(-1, |offset| offset.0);
                    let since = Instant::now();
                    let table = tables.fetched(range(fetched), position, self.clock.now())?;
                    table.into_iter().for_each(|table| meter.taken_in(table, since));
                    changed = true;
                }
                Woken::Mail(Some(Mail::Look | Mail::Rejoin)) | Woken::Fetched(Ok(_)) | Woken::Time => {}
            }
            if committed.elapsed() >= interval {
                committed = Instant::now();
                if std::mem::take(&mut changed) {
                    self.commit(&mut tables, &paths, &ids)?;
                    meter.committed(committed);
                }
            }
        }
    }

    fn connect(&self) -> Result<Clients, LinkError> {
        let client_id = format!("{}-global-consumer", self.config.application_id);
        let builder = Consumer::builder().client_id(client_id).auto_offset_reset(OffsetReset::Earliest);
        let builder = configured(builder, &self.config, Recipient::GlobalConsumer)?;
        let connecting = |error| failed("connecting to the cluster", error);
        let admin = admin(&self.config)?;
        self.network.block_on(async {
            let consumer = builder.build().await.map_err(connecting)?;
            Ok(Clients { consumer, admin: admin.build().await.map_err(connecting)? })
        })
    }

    /// Has every table go on where its store stands, or begin anew where it cannot. Returns the ids of their topics.
    fn assign(
        &self,
        tables: &mut Tables,
        paths: &[Option<PathBuf>],
        clients: &Clients,
    ) -> Result<Vec<Uuid>, WorkerError> {
        let mut ids = Vec::new();
        for (table, (part, path)) in self.topology.globals().iter().zip(paths).enumerate() {
            let topic = part.sources[0].resolve(&self.config.application_id);
            let bounds = self.bounds(&topic, clients)?;
            ids.push(bounds.first().map_or(Uuid::nil(), |(_, bounds)| bounds.topic_id));
            let positions = path.as_deref().map(Positions::read).unwrap_or_default();
            let now = self.clock.now();
            let plans: Vec<RestorePlan> = bounds
                .iter()
                .map(|(partition, bounds)| plan(positions.at(partition.partition), *bounds, now))
                .collect();
            let rebuild = plans.iter().find_map(|plan| match plan {
                RestorePlan::Rebuild { why, .. } => Some(why),
                RestorePlan::Complete | RestorePlan::Tail(_) => None,
            });
            let starts_over = rebuild.is_some() || positions.next_offsets.is_empty();
            if let Some(why) = rebuild {
                tracing::warn!(topic, why, "a global table is read anew");
            }
            if starts_over {
                tables.clear(table, &part.stores[0].name)?;
            }
            for ((partition, bounds), plan) in bounds.into_iter().zip(plans) {
                let next = match plan {
                    _ if starts_over => bounds.start,
                    RestorePlan::Tail(next) => next,
                    RestorePlan::Complete | RestorePlan::Rebuild { .. } => bounds.end,
                };
                clients.consumer.assign_at(partition.clone(), millstream_client::Offset(next));
                tables.read(table, partition, next, bounds.end);
            }
        }
        Ok(ids)
    }

    fn bounds(
        &self,
        topic: &str,
        clients: &Clients,
    ) -> Result<Vec<(TopicPartition, ChangelogBounds)>, LinkError> {
        let admin = &clients.admin;
        self.network.block_on(async {
            let asking = |error| failed("asking how many partitions a global table has", error);
            let described = admin.describe_topics([topic]).await.map_err(asking)?;
            let counts =
                described.into_iter().map(|(_, described)| described.map(|topic| topic.partitions.len()));
            let count: usize = counts.sum::<Result<_, _>>().map_err(asking)?;
            let partitions: Vec<_> =
                (0..count as i32).map(|index| TopicPartition::new(topic, index)).collect();
            let bounds = changelog_bounds_of(admin, &partitions).await?;
            Ok(partitions.into_iter().zip(bounds).collect())
        })
    }

    fn wait(&self, clients: &mut Clients, inbox: &mut mpsc::Receiver<Mail>, until: Instant) -> Woken {
        self.network.block_on(async {
            tokio::select! {
                biased;
                mail = inbox.recv() => Woken::Mail(mail),
                event = clients.consumer.poll(FOREVER) => Woken::Fetched(event),
                () = tokio::time::sleep_until(until.into()) => Woken::Time,
            }
        })
    }

    /// Puts the tables on disk and says how far they have come.
    fn commit(
        &self,
        tables: &mut Tables,
        paths: &[Option<PathBuf>],
        ids: &[Uuid],
    ) -> Result<(), WorkerError> {
        for (table, part) in self.topology.globals().iter().enumerate() {
            let Some(path) = &paths[table] else { continue };
            tables.flush(table, &part.stores[0].name)?;
            let next_offsets: BTreeMap<i32, i64> = tables.positions(table);
            let positions = Positions::new(ids[table], self.clock.now(), next_offsets);
            positions.write(path).map_err(|source| StateDirectory::failed(path, source))?;
        }
        Ok(())
    }
}

/// Longer than any wait; the thread ends its waits itself.
const FOREVER: Duration = Duration::from_secs(3_600);

/// What ended a wait.
enum Woken {
    Mail(Option<Mail>),
    Fetched(millstream_client::Result<Option<ClientEvent>>),
    Time,
}
