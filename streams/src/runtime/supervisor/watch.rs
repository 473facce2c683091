//! What a supervisor does while the application runs: threads come, go and are replaced, directories are cleaned.

use std::time::{Duration, SystemTime};
use std::{mem, thread};

use tokio::sync::{mpsc, oneshot};

use super::roster::{Leaver, Next};
use super::{Announcement, Command, Removal, Supervisor};
use crate::runtime::mailbox::Mail;
use crate::runtime::stream_thread::ThreadEnd;
use crate::runtime::uncaught::Failure;
use crate::runtime::{AppState, Closing, StreamsError, UncaughtResponse};

/// The shortest time (ms) between two cleanings.
const CLEANING_MS: i64 = 1_000;

/// How long (ms) the group has to tell the members that the application ends.
const ANNOUNCEMENT_MS: i64 = 60_000;

/// How long this instance stays after the group has told it that the application ends: those that hear it late hear it from the
/// same rebalance.
const GRACE: Duration = Duration::from_millis(500);

/// What a supervisor waits for.
enum Woken {
    /// `None`: the handle is gone.
    Command(Option<Command>),
    End(ThreadEnd),
    /// The group has told this instance that the application ends.
    ShutDown,
    Time,
}

/// Why an application stops.
struct Stop {
    closing: Closing,
    failure: Option<StreamsError>,
}

impl Stop {
    fn failed(failure: StreamsError) -> Self {
        Self { closing: Closing::Leaving, failure: Some(failure) }
    }
}

impl Supervisor {
    /// Starts as many threads as the configuration has.
    pub(super) fn start_threads(&mut self) -> Result<(), StreamsError> {
        let (now, threads) = (self.clock.now(), self.crew.config.threads);
        self.clean_at = now + self.cleaning_interval();
        let indexes: Vec<usize> = (0..threads).map(|_| self.roster.add(now)).collect();
        self.crew.shared.share_among(threads);
        for index in indexes {
            let handle = self.crew.spawn(index)?;
            self.threads.insert(index, handle);
        }
        Ok(())
    }

    /// Waits for the word to stop, or for a failure that stops the application, then ends all threads.
    pub(super) fn run(&mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), StreamsError> {
        let stop = loop {
            let stop = match self.wait(&mut commands) {
                Woken::Command(None) => Some(Stop { closing: Closing::default(), failure: None }),
                Woken::Command(Some(Command::Close(closing))) => Some(Stop { closing, failure: None }),
                Woken::Command(Some(Command::AddThread(reply))) => {
                    self.add_thread(reply);
                    None
                }
                Woken::Command(Some(Command::RemoveThread(timeout, reply))) => {
                    self.remove_thread(timeout, reply);
                    None
                }
                Woken::End(end) => self.ended(end),
                Woken::ShutDown => Some(self.shut_down()),
                Woken::Time => None,
            };
            if let Some(stop) = stop.or_else(|| self.on_time().err()) {
                break stop;
            }
        };
        drop(commands);
        let announced = self.announcement.take().map(|announcement| announcement.failure);
        let stop = Stop { failure: stop.failure.or(announced), ..stop };
        self.stop(stop)
    }

    fn wait(&mut self, commands: &mut mpsc::Receiver<Command>) -> Woken {
        let deadlines = self.removals.iter().map(|removal| removal.deadline);
        let announced = self.announcement.as_ref().map(|announcement| announcement.deadline);
        let next = deadlines
            .chain(announced)
            .chain([self.clean_at, self.roster.next_due()])
            .min()
            .unwrap_or(i64::MAX);
        let wait = Duration::from_millis(next.saturating_sub(self.clock.now()).max(0).unsigned_abs());
        let (ends, shutdown) = (&mut self.ends, &self.crew.shutdown);
        self.network.block_on(async {
            tokio::select! {
                command = commands.recv() => Woken::Command(command),
                Some(end) = ends.recv() => Woken::End(end),
                () = shutdown.told() => Woken::ShutDown,
                () = tokio::time::sleep(wait) => Woken::Time,
            }
        })
    }

    fn add_thread(&mut self, reply: oneshot::Sender<Result<String, StreamsError>>) {
        let index = self.roster.add(self.clock.now());
        let spawned = self.crew.spawn(index);
        let answer = match spawned {
            Ok(handle) => {
                self.threads.insert(index, handle);
                let name = self.crew.name(index);
                tracing::info!(thread = name, "a stream thread was added");
                Ok(name)
            }
            Err(error) => {
                self.roster.forget(index);
                self.crew.dismiss(index);
                Err(error)
            }
        };
        self.share_cache();
        // Nobody has to wait for it.
        let _ = reply.send(answer);
    }

    fn remove_thread(
        &mut self,
        timeout: Duration,
        reply: oneshot::Sender<Result<Option<String>, StreamsError>>,
    ) {
        match self.roster.remove() {
            None => {
                let _ = reply.send(Ok(None));
            }
            Some(Leaver::Dead(index)) => {
                self.crew.dismiss(index);
                let _ = reply.send(Ok(Some(self.crew.name(index))));
            }
            Some(Leaver::Running(thread)) => {
                self.tell(thread, Mail::Stop { leave_group: true });
                let deadline = self.clock.now().saturating_add_unsigned(timeout.as_millis() as u64);
                self.removals.push(Removal { thread, timeout, deadline, reply });
            }
        }
        self.share_cache();
    }

    /// Tells a thread something, also one whose mailbox is full, without waiting for it.
    fn tell(&self, thread: usize, mail: Mail) {
        let Some(mailbox) = self.crew.mailboxes.get(thread) else { return };
        self.network.spawn(async move {
            // A thread that has ended already takes no mail.
            let _ = mailbox.send(mail).await;
        });
    }

    fn share_cache(&self) {
        self.crew.shared.share_among(self.roster.len());
        self.crew.mailboxes.wake();
    }

    /// A thread has ended; returns whether the application does.
    fn ended(&mut self, end: ThreadEnd) -> Option<Stop> {
        let ThreadEnd { index, name, failure } = end;
        // An end that nobody asked for is a failure even without an error.
        let lost =
            || Failure { error: StreamsError::Lost(name.clone()), response: UncaughtResponse::default() };
        let Failure { error, response } = failure.unwrap_or_else(lost);
        let now = self.clock.now();
        let next = match index {
            Some(index) => {
                if let Some(handle) = self.threads.remove(&index) {
                    let _ = handle.join();
                }
                self.roster.ended(index, response, now)
            }
            // Without it the global tables stand still; a new one would have to begin anew.
            None if response == UncaughtResponse::ShutdownApplication => self.roster.announce(now),
            None => Next::Stop,
        };
        match next {
            Next::Removed => self.removed(index.unwrap_or_default(), &name),
            Next::Replaced { after_ms } => {
                tracing::error!(thread = name, %error, after_ms, "a stream thread has failed and is replaced");
                self.crew.shared.thread_died(index.unwrap_or_default());
            }
            Next::Announce { messenger } => return self.announce(error, messenger).err(),
            Next::Stop => return Some(Stop::failed(error)),
        }
        None
    }

    /// Tells the group that the application is to end, and processes nothing meanwhile.
    fn announce(&mut self, failure: StreamsError, messenger: Option<usize>) -> Result<(), Stop> {
        if self.announcement.is_some() {
            return Ok(());
        }
        tracing::error!(error = %failure, "every instance of the application is asked to stop");
        self.crew.shutdown.want();
        self.crew.shared.halt();
        let deadline = self.clock.now() + ANNOUNCEMENT_MS;
        self.announcement = Some(Announcement { failure, deadline });
        if let Some(index) = messenger {
            let handle = self.crew.spawn(index).map_err(Stop::failed)?;
            self.threads.insert(index, handle);
        }
        for thread in self.threads.keys() {
            self.tell(*thread, Mail::Rejoin);
        }
        Ok(())
    }

    /// The group has told all members that the application ends.
    fn shut_down(&mut self) -> Stop {
        self.crew.shared.halt();
        let announced = self.announcement.take().map(|announcement| announcement.failure);
        thread::sleep(GRACE);
        Stop::failed(announced.unwrap_or(StreamsError::ShutdownRequested))
    }

    fn removed(&mut self, index: usize, name: &str) {
        tracing::info!(thread = name, "a stream thread was removed");
        self.crew.dismiss(index);
        for removal in self.removals.extract_if(.., |removal| removal.thread == index) {
            let _ = removal.reply.send(Ok(Some(name.to_owned())));
        }
    }

    /// Does what is due; `Err`: it ends the application.
    fn on_time(&mut self) -> Result<(), Stop> {
        let now = self.clock.now();
        for index in self.roster.due(now) {
            let spawned = self.crew.spawn(index);
            self.threads.insert(index, spawned.map_err(Stop::failed)?);
        }
        if self.announcement.as_ref().is_some_and(|announcement| announcement.deadline <= now) {
            tracing::error!("the group has told nobody that the application ends: other instances may go on");
            return Err(Stop { closing: Closing::Leaving, failure: None });
        }
        for late in self.removals.extract_if(.., |removal| removal.deadline <= now) {
            let (thread, after) = (self.crew.name(late.thread), late.timeout);
            let _ = late.reply.send(Err(StreamsError::StillEnding { thread, after }));
        }
        if self.clean_at <= now {
            self.clean_at = now + self.cleaning_interval();
            if let Err(error) = self.crew.directory.clean(SystemTime::now(), self.crew.config.cleanup_delay) {
                tracing::warn!(%error, "cleaning the state directory failed; it is tried again");
            }
        }
        Ok(())
    }

    fn cleaning_interval(&self) -> i64 {
        (self.crew.config.cleanup_delay.as_millis().min(i64::MAX as u128 / 2) as i64).max(CLEANING_MS)
    }

    fn stop(&mut self, stop: Stop) -> Result<(), StreamsError> {
        let Stop { closing, failure } = stop;
        let shared = &self.crew.shared;
        shared.enter(if failure.is_some() { AppState::PendingError } else { AppState::PendingShutdown });
        match failure.or(self.stop_threads(closing)) {
            Some(error) => {
                tracing::error!(%error, "the application has stopped");
                self.crew.shared.enter(AppState::Error);
                Err(error)
            }
            None => {
                self.crew.shared.enter(AppState::NotRunning);
                Ok(())
            }
        }
    }

    /// Tells every thread to end and waits until it has; returns the first failure.
    fn stop_threads(&mut self, closing: Closing) -> Option<StreamsError> {
        self.crew.mailboxes.stop();
        let global = self.global.take();
        let stream_threads = self.crew.mailboxes.all();
        for mailbox in stream_threads.iter().chain(global.iter().map(|global| &global.mailbox)) {
            // A thread that has ended already takes no mail.
            let _ = mailbox.blocking_send(Mail::Stop { leave_group: closing == Closing::Leaving });
        }
        let stream_threads = mem::take(&mut self.threads).into_values();
        for thread in stream_threads.chain(global.map(|global| global.handle)) {
            let _ = thread.join();
        }
        let mut failure = None;
        while let Ok(end) = self.ends.try_recv() {
            failure = failure.or(end.failure.map(|failure| failure.error));
        }
        for removal in mem::take(&mut self.removals) {
            let _ = removal.reply.send(Ok(Some(self.crew.name(removal.thread))));
        }
        failure
    }
}
