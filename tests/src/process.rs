//! Child processes that cannot outlive their test, and whose output can be waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long anything may take before it counts as hung. Generous: a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running program, killed when it is dropped.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// What a program has written so far: shared by the threads that read its pipes and the test that waits.
#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    grown: Condvar,
}

#[derive(Default, Clone)]
struct Lines {
    out: Vec<String>,
    err: Vec<String>,
    /// Of the two streams, those that the program has closed: it ended, and nothing more comes.
    closed: usize,
}

impl Process {
    /// Starts `command` with its three streams piped.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let output = Arc::new(Output::default());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let readers = vec![
            output.clone().read(out.context("no standard output")?, |lines| &mut lines.out),
            output.clone().read(err.context("no standard error")?, |lines| &mut lines.err),
        ];
        Ok(Self { name, child, output, readers })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes `input` to the program's standard input, which stays open.
    pub fn write(&mut self, input: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("standard input is closed")?;
        stdin.write_all(input.as_bytes()).with_context(|| format!("writing to {}", self.name))?;
        Ok(stdin.flush()?)
    }

    /// Waits until `count` lines of output or errors, from the first one on, satisfy `wanted`; returns those.
    pub fn wait_for_lines(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        self.wait_until(|lines| {
            let found: Vec<String> = lines.all().filter(|line| wanted(line)).take(count).cloned().collect();
            (found.len() == count).then_some(found)
        })
    }

    /// Waits for the first line in which `find` finds something, and returns that.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        self.wait_until(|lines| lines.all().find_map(|line| find(line)))
    }

    /// Waits for one line that satisfies `wanted`.
    pub fn wait_for_line(&self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        Ok(self.wait_for_lines(1, wanted)?.remove(0))
    }

    /// Waits until the newest of the lines that are `about` something satisfies `wanted`.
    pub fn wait_for_newest(&self, about: impl Fn(&str) -> bool, wanted: impl Fn(&str) -> bool) -> Result<()> {
        self.wait_until(|lines| {
            lines.all().filter(|line| about(line)).last().filter(|line| wanted(line)).map(drop)
        })
    }

    fn wait_until<T>(&self, find: impl Fn(&Lines) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&lines) {
                return Ok(found);
            }
            ensure!(
                lines.closed < 2,
                "{} has ended without what is awaited\n{}",
                self.name,
                lines.describe()
            );
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "{} does not write what is awaited\n{}", self.name, lines.describe());
            lines = self.output.grown.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the program has written a line to its standard output.
    pub fn has_output(&self) -> bool {
        !self.output.lines.lock().unwrap_or_else(PoisonError::into_inner).out.is_empty()
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes standard input, waits for a successful exit and returns the lines of standard output.
    pub fn finish(mut self) -> Result<Vec<String>> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "{} does not end\n{}", self.name, self.lines().describe());
            thread::sleep(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let lines = self.lines();
        ensure!(status.success(), "{} ended with {status}\n{}", self.name, lines.describe());
        Ok(lines.out)
    }

    /// Asks the program to end, as a service manager does, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").args(["-s", "TERM", &self.id().to_string()]).status()?;
        ensure!(told.success(), "{} cannot be told to end", self.name);
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            ensure!(Instant::now() < deadline, "{} does not end\n{}", self.name, self.lines().describe());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Kills the program as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The end of what it has written, for error messages.
    pub fn describe(&self) -> String {
        self.lines().describe()
    }

    fn lines(&self) -> Lines {
        self.output.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where the program has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn read(
        self: Arc<Self>,
        pipe: impl Read + Send + 'static,
        stream: fn(&mut Lines) -> &mut Vec<String>,
    ) -> JoinHandle<()> {
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                stream(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner)).push(line);
                self.grown.notify_all();
            }
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).closed += 1;
            self.grown.notify_all();
        })
    }
}

impl Lines {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.out.iter().chain(&self.err)
    }

    /// The end of both streams, for error messages.
    fn describe(&self) -> String {
        let tail = |lines: &[String]| lines[lines.len().saturating_sub(20)..].join("\n");
        format!("standard output ends:\n{}\nstandard error ends:\n{}", tail(&self.out), tail(&self.err))
    }
}
