use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self as std_mpsc, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::mpsc;

use crate::connectors::line_reader::read_lines;

/// How many blocks of lines, or of input, wait at a time.
const WAITING: usize = 2;
/// The longest line of the log.
const LOG_LINE_MAX: usize = 4 << 10;
/// How long a child that closed its output may take to end, and how often it is looked at.
const LAST_BREATH: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// A running program, killed when it is dropped with all that it has started.
pub(super) struct Program {
    leader: Arc<Mutex<Leader>>,
    said: mpsc::Receiver<Said>,
    input: Option<SyncSender<Vec<u8>>>,
    pub(super) started: Instant,
}

/// The shell, in a process group of its own, in which whatever it starts is too.
struct Leader {
    child: Child,
    /// Nobody has asked yet how it ended, so its number, which is the group's, is no other's.
    is_known: bool,
}

impl Leader {
    /// How it ended, if it has.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.is_known &= status.is_none();
        Ok(status)
    }

    /// Ends all of the group. What has left it, as a daemon does, goes on.
    fn kill(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_known) {
            return Ok(());
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        group.map_or(Ok(()), |group| kill_process_group(group, Signal::KILL))?;
        self.child.wait().map(drop)
    }
}

/// What a program says.
pub(super) enum Said {
    /// Lines of its standard output.
    Lines(Vec<String>),
    /// It has ended; if it failed, how.
    Ended(Result<(), String>),
}

impl Program {
    /// Starts a shell's command. `reads`: it is written to.
    pub(super) fn start(
        command: &str,
        environment: &[(&str, String)],
        line_max_bytes: usize,
        reads: bool,
        connector: &str,
    ) -> io::Result<Self> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(if reads { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let leader = Arc::new(Mutex::new(Leader { child, is_known: true }));
        let (sender, said) = mpsc::channel(WAITING);
        let connector = connector.to_owned();
        if let Some(errors) = errors {
            spawn(move || log(errors, &connector))?;
        }
        if let Some(output) = output {
            let leader = leader.clone();
            spawn(move || listen(output, line_max_bytes, &sender, &leader))?;
        }
        let input = input.map(feed).transpose()?;
        Ok(Self { leader, said, input, started: Instant::now() })
    }

    /// What it says next. Nothing is lost by dropping the future.
    pub(super) async fn next(&mut self) -> Said {
        let gone = || Said::Ended(Err("its output cannot be read".to_owned()));
        self.said.recv().await.unwrap_or_else(gone)
    }

    /// Writes to it, in a thread, since it may not be reading. `false`: it does not read what was written before.
    pub(super) fn write(&self, bytes: Vec<u8>) -> bool {
        self.input.as_ref().is_some_and(|input| input.try_send(bytes).is_ok())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.said.close();
        // It may have ended by itself, which is as good.
        let _ = self.leader.lock().kill();
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("exec".to_owned()).spawn(run).map(drop)
}

/// A thread that writes to the program for as long as both are there.
fn feed(mut stdin: ChildStdin) -> io::Result<SyncSender<Vec<u8>>> {
    let (sender, input) = std_mpsc::sync_channel::<Vec<u8>>(WAITING);
    spawn(move || {
        while let Ok(bytes) = input.recv() {
            if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
                return;
            }
        }
    })?;
    Ok(sender)
}

fn listen(output: impl Read, max_bytes: usize, said: &mpsc::Sender<Said>, leader: &Mutex<Leader>) {
    let read =
        read_lines(output, max_bytes, str::to_owned, |lines| said.blocking_send(Said::Lines(lines)).is_ok());
    let ended = match (read, status(leader)) {
        (Err(why), _) | (_, Err(why)) => Err(format!("it cannot be listened to: {why}")),
        (_, Ok(Some(status))) if status.success() => Ok(()),
        (_, Ok(Some(status))) => {
            Err(format!("the command ended with {status}; its standard error is in the log"))
        }
        (_, Ok(None)) => Err(format!(
            "the command closed its standard output, did not end within {LAST_BREATH:?} and was killed; its standard error is in the log"
        )),
    };
    // Whoever wanted to know may be gone.
    let _ = said.blocking_send(Said::Ended(ended));
}

/// How a program ended that says no more; `None` if it had to be killed.
fn status(leader: &Mutex<Leader>) -> io::Result<Option<ExitStatus>> {
    let patience = Instant::now() + LAST_BREATH;
    loop {
        if let Some(status) = leader.lock().ended()? {
            return Ok(Some(status));
        }
        if Instant::now() > patience {
            return leader.lock().kill().map(|()| None);
        }
        thread::sleep(LOOK);
    }
}

fn log(errors: impl Read, connector: &str) {
    let _ = read_lines(errors, LOG_LINE_MAX, str::to_owned, |lines| {
        lines.iter().for_each(|line| tracing::info!(connector, "the program says: {line}"));
        true
    });
}
