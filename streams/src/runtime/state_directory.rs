//! Where state lies between runs, and whose it is.
//!
//! ```text
//! <state.dir>/<application.id>/
//!     .lock           held, exclusively, by the process that uses the directory
//!     process.json    {"processId": "<uuid>"}: who we are in the group, across restarts
//!     0_1/            one directory per task
//!         rocksdb/
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::task::TaskId;

const LOCK: &str = ".lock";
const PROCESS: &str = "process.json";
const GLOBAL: &str = "global";

/// The state directory of one application on this machine, locked for this process.
#[derive(Debug)]
pub struct StateDirectory {
    root: PathBuf,
    process_id: Uuid,
    /// The tasks whose directories are in use.
    in_use: TasksInUse,
    /// Never read: the lock lasts as long as the file is open.
    _lock: File,
}

/// Shared by the directory and the locks on its tasks. A lock of the plain kind: it is held for a look-up, when tasks come and go.
type TasksInUse = Arc<Mutex<BTreeSet<TaskId>>>;

/// The right to a task's directory: until it is dropped no other thread opens its stores, and nobody removes it.
#[derive(Debug)]
pub(crate) struct TaskLock {
    task: TaskId,
    in_use: TasksInUse,
}

impl Drop for TaskLock {
    fn drop(&mut self) {
        self.in_use.lock().remove(&self.task);
    }
}

/// Why a state directory cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateDirectoryError {
    /// Another live process holds the lock.
    #[error("state directory {} is in use by process {owner}: stop it, or give this one a state.dir of its own", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process id that the owner wrote into its lock file.
        owner: String,
    },
    /// Another thread of this process has the task's stores open.
    #[error("the directory of task {task} is in use by another thread")]
    TaskInUse {
        /// The task.
        task: TaskId,
    },
    /// The identity file is not what was written there.
    #[error("{} does not hold a process id: delete it, and this process gets a new identity", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("state directory {}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    process_id: String,
}

impl StateDirectory {
    /// Creates or takes over the directory of `application_id` below `state_dir`.
    ///
    /// # Errors
    ///
    /// [`StateDirectoryError::InUse`] while another process runs on it: two would write the same stores.
    pub fn open(state_dir: &Path, application_id: &str) -> Result<Self, StateDirectoryError> {
        let root = state_dir.join(application_id);
        fs::create_dir_all(&root).map_err(|source| failed(&root, source))?;
        let lock = take_lock(&root)?;
        let process_id = read_or_make_identity(&root)?;
        Ok(Self { root, process_id, in_use: Arc::default(), _lock: lock })
    }

    /// Removes all state of `application_id` below `state_dir`, that of global tables included. The identity stays: the process
    /// takes its place in the group back.
    ///
    /// # Errors
    /// [`StateDirectoryError::InUse`]: an application runs on it.
    pub(crate) fn clean_up(state_dir: &Path, application_id: &str) -> Result<(), StateDirectoryError> {
        let directory = Self::open(state_dir, application_id)?;
        let of_tasks = directory.tasks()?.into_iter().map(|task| task.to_string());
        for name in of_tasks.chain([GLOBAL.to_owned()]) {
            let path = directory.root.join(name);
            match fs::remove_dir_all(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed(&path, source)),
                Ok(()) => tracing::info!(path = %path.display(), "state was removed"),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Who this process is: the same after a restart, so that it takes its place in the group back.
    pub fn process_id(&self) -> Uuid {
        self.process_id
    }

    /// Takes a task's directory for one thread.
    ///
    /// # Errors
    /// [`StateDirectoryError::TaskInUse`]: another thread has it. It lets go when it has heard that the task has moved.
    pub(crate) fn lock(&self, task: TaskId) -> Result<TaskLock, StateDirectoryError> {
        if !self.in_use.lock().insert(task) {
            return Err(StateDirectoryError::TaskInUse { task });
        }
        Ok(TaskLock { task, in_use: Arc::clone(&self.in_use) })
    }

    /// Where a task's directory is, if there is one.
    pub(crate) fn path_of(&self, task: TaskId) -> PathBuf {
        self.root.join(task.to_string())
    }

    /// The directory of a task, created if need be.
    pub fn task(&self, task: TaskId) -> Result<PathBuf, StateDirectoryError> {
        let path = self.path_of(task);
        fs::create_dir_all(&path).map_err(|source| failed(&path, source))?;
        Ok(path)
    }

    /// The directory of a global table's store, created if need be. No task's name is like that, so it is never cleaned.
    pub(crate) fn global(&self, store: &str) -> Result<PathBuf, StateDirectoryError> {
        let path = self.root.join(GLOBAL).join(store);
        fs::create_dir_all(&path).map_err(|source| failed(&path, source))?;
        Ok(path)
    }

    pub(crate) fn failed(path: &Path, source: io::Error) -> StateDirectoryError {
        failed(path, source)
    }

    /// The tasks that have state here.
    pub fn tasks(&self) -> Result<Vec<TaskId>, StateDirectoryError> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(|source| failed(&self.root, source))? {
            let entry = entry.map_err(|source| failed(&self.root, source))?;
            tasks.extend(entry.file_name().to_str().and_then(|name| name.parse::<TaskId>().ok()));
        }
        tasks.sort();
        Ok(tasks)
    }

    /// Removes the state of tasks that no thread uses and that nothing has touched for `delay` (`state.cleanup.delay.ms`).
    /// Returns what was removed; each removal is logged.
    pub(crate) fn clean(&self, now: SystemTime, delay: Duration) -> Result<Vec<TaskId>, StateDirectoryError> {
        let mut removed = Vec::new();
        for task in self.tasks()? {
            let path = self.path_of(task);
            // Held while the directory goes: a thread that is given the task meanwhile waits, and begins anew.
            let Ok(_lock) = self.lock(task) else { continue };
            if idle_time(&path, now).map_err(|source| failed(&path, source))? < delay {
                continue;
            }
            tracing::info!(%task, path = %path.display(), ?delay, "removing the state of a task that has moved away");
            fs::remove_dir_all(&path).map_err(|source| failed(&path, source))?;
            removed.push(task);
        }
        Ok(removed)
    }
}

fn take_lock(root: &Path) -> Result<File, StateDirectoryError> {
    let path = root.join(LOCK);
    let io = |source| failed(&path, source);
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner).map_err(io)?;
            return Err(StateDirectoryError::InUse { path: root.to_owned(), owner: owner.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(file)
}

fn read_or_make_identity(root: &Path) -> Result<Uuid, StateDirectoryError> {
    let path = root.join(PROCESS);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice::<Process>(&bytes)
            .ok()
            .and_then(|process| process.process_id.parse().ok())
            .ok_or(StateDirectoryError::Identity { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_identity(&path),
        Err(source) => Err(failed(&path, source)),
    }
}

/// Written aside and renamed, so that a crash leaves an identity or none, never half of one.
fn make_identity(path: &Path) -> Result<Uuid, StateDirectoryError> {
    let id = Uuid::new_v4();
    let process = Process { process_id: id.to_string() };
    let aside = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&aside)?;
        serde_json::to_writer(&mut file, &process)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().map_err(|source| failed(path, source))?;
    Ok(id)
}

/// Since anything in a task's directory changed. A clock that was set back counts as no time.
fn idle_time(path: &Path, now: SystemTime) -> io::Result<Duration> {
    let mut newest = fs::metadata(path)?.modified()?;
    for entry in fs::read_dir(path)? {
        newest = newest.max(entry?.metadata()?.modified()?);
    }
    Ok(now.duration_since(newest).unwrap_or_default())
}

fn failed(path: &Path, source: io::Error) -> StateDirectoryError {
    StateDirectoryError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId { subtopology: 0, partition: 1 };

    #[test]
    fn a_process_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateDirectory::open(dir.path(), "app").unwrap().process_id();
        let again = StateDirectory::open(dir.path(), "app").unwrap().process_id();
        let other = StateDirectory::open(dir.path(), "other").unwrap().process_id();
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn a_second_user_is_refused_and_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = StateDirectory::open(dir.path(), "app").unwrap();
        let refused = StateDirectory::open(dir.path(), "app").unwrap_err();
        let me = format!("in use by process {}", std::process::id());
        assert!(refused.to_string().contains(&me), "{refused}");
        drop(held);
        StateDirectory::open(dir.path(), "app").unwrap();
    }

    #[test]
    fn an_unreadable_identity_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(StateDirectory::open(dir.path(), "app").unwrap());
        fs::write(dir.path().join("app").join(PROCESS), "{}").unwrap();
        let refused = StateDirectory::open(dir.path(), "app").unwrap_err();
        assert!(matches!(refused, StateDirectoryError::Identity { .. }), "{refused}");
    }

    #[test]
    fn cleaning_spares_what_is_in_use_and_the_recent() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(dir.path(), "app").unwrap();
        let other = TaskId { partition: 0, ..TASK };
        state.task(TASK).unwrap();
        state.task(other).unwrap();
        assert_eq!(state.tasks().unwrap(), [other, TASK]);
        let delay = Duration::from_secs(600);
        let clean = |later: u64| state.clean(SystemTime::now() + Duration::from_secs(later), delay).unwrap();
        let held = state.lock(TASK).unwrap();
        assert_eq!(clean(500), []);
        assert_eq!(clean(700), [other]);
        assert_eq!(state.tasks().unwrap(), [TASK]);
        drop(held);
        assert_eq!(clean(700), [TASK]);
    }

    #[test]
    fn cleaning_up_leaves_the_identity_alone_and_is_refused_while_somebody_works_there() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(dir.path(), "app").unwrap();
        let process = state.process_id();
        state.task(TASK).unwrap();
        let global = state.global("names").unwrap();
        let refused = StateDirectory::clean_up(dir.path(), "app").unwrap_err();
        assert!(matches!(refused, StateDirectoryError::InUse { .. }), "{refused}");
        drop(state);
        StateDirectory::clean_up(dir.path(), "app").unwrap();
        let state = StateDirectory::open(dir.path(), "app").unwrap();
        assert_eq!((state.tasks().unwrap(), global.exists()), (vec![], false));
        assert_eq!(state.process_id(), process);
    }

    #[test]
    fn a_task_is_one_threads_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(dir.path(), "app").unwrap();
        let held = state.lock(TASK).unwrap();
        assert!(matches!(state.lock(TASK), Err(StateDirectoryError::TaskInUse { task: TASK })));
        drop(held);
        assert!(state.lock(TASK).is_ok());
    }
}
