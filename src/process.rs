//! The one door to subprocesses: argv vectors without a shell, a pinned environment, a timeout, bounded output.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::interrupt;

mod followed;
mod talk;

pub use followed::follow;
pub use talk::Talk;

/// Where programs are looked up; the caller's `PATH` is never used.
pub const PATH: &str = "/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What fits into a new pipe whatever its size, in bytes (`PIPE_BUF`, pipe(7)).
const PIPE_ROOM: usize = 4096;

/// How many pieces of output are read ahead of whoever takes them.
const AHEAD: usize = 64;

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Program (absolute, or a bare name looked up in [`PATH`]) and arguments.
    pub argv: Vec<OsString>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// Its environment, beside `PATH` and `LC_ALL=C`. Nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// When it is killed with all its group.
    pub timeout: Duration,
    /// The user id it runs as; absent: this process's.
    pub uid: Option<u32>,
    /// How many bytes of each of its outputs are kept.
    pub max_output: usize,
    /// A file that stays open in the program, such as a lock that must outlive this process when it is killed.
    pub keep_open: Option<Arc<File>>,
}

impl Spec {
    /// A program with its arguments, run in `/` with a timeout of 30 s.
    pub fn new<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            cwd: PathBuf::from("/"),
            env: Vec::new(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(30),
            uid: None,
            max_output: 64 << 20,
            keep_open: None,
        }
    }

    /// Runs in this directory.
    #[must_use]
    pub fn in_dir(mut self, cwd: &Path) -> Self {
        cwd.clone_into(&mut self.cwd);
        self
    }

    /// With this variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Killed after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn program(&self) -> String {
        self.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Which output a piece came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// Its standard error, up to the limit.
    pub stderr: Vec<u8>,
    /// Whether more came than was kept.
    pub truncated: bool,
    /// How long it ran.
    pub took: Duration,
}

impl Finished {
    /// Whether it exited with 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text, without the newline at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }

    /// The last line of standard error, for messages.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or(0)),
        };
        lines.last().map_or(how.clone(), |line| format!("{line} ({how})"))
    }
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("there is no program `{0}` in {PATH}")]
    NotFound(String),
    /// It ran for too long and was killed.
    #[error("`{program}` was killed after {} s", .after.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// How long it ran.
        after: Duration,
    },
    /// It could not be started or watched.
    #[error("`{program}`: {source}")]
    Io {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
}

/// The program's absolute path: as it is, or found in [`PATH`].
pub fn lookup(program: &str) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Path::new(program).is_file().then(|| PathBuf::from(program));
    }
    if program.is_empty() || program.contains('/') {
        return None;
    }
    PATH.split(':').map(|directory| Path::new(directory).join(program)).find(|path| path.is_file())
}

fn command(spec: &Spec) -> Result<Command, ProcessError> {
    let program = lookup(&spec.program()).ok_or_else(|| ProcessError::NotFound(spec.program()))?;
    let mut command = Command::new(program);
    command.args(spec.argv.iter().skip(1)).current_dir(&spec.cwd).env_clear();
    command.env("PATH", PATH).env("LC_ALL", "C").envs(spec.env.iter().map(|(name, value)| (name, value)));
    if let Some(uid) = spec.uid {
        command.uid(uid);
    }
    command.process_group(0);
    Ok(command)
}

/// Starts it. The file to keep open is duplicated without close-on-exec for just this moment: a program that another thread
/// starts in the same moment could inherit it too, which prolongs a lock and never breaks one.
fn spawn(spec: &Spec, mut command: Command) -> Result<Child, ProcessError> {
    let io = |source| ProcessError::Io { program: spec.program(), source };
    let kept = spec.keep_open.as_ref().map(rustix::io::dup).transpose().map_err(|error| io(error.into()))?;
    let child = command.spawn().map_err(io);
    drop(kept);
    child
}

/// Runs a program to its end.
///
/// # Errors
///
/// It is not there, cannot be started, or ran out of time (then its whole process group was killed).
pub fn run(spec: &Spec) -> Result<Finished, ProcessError> {
    run_with(spec, &mut |_, _| {})
}

/// Runs a program to its end and hands on each piece of output as it comes.
///
/// # Errors
///
/// As [`run`].
pub fn run_with(spec: &Spec, on_output: &mut dyn FnMut(Stream, &[u8])) -> Result<Finished, ProcessError> {
    let io = |source| ProcessError::Io { program: spec.program(), source };
    let start = Instant::now();
    let mut command = command(spec)?;
    let stdin = if spec.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(spec, command)?;
    let _known = interrupt::child(child.id(), spec.keep_open.is_some());
    // A program that writes faster than it is read waits, as at any pipe.
    let (sender, pieces) = mpsc::sync_channel(AHEAD);
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is no error of ours. A new pipe takes a little at once.
        if spec.stdin.len() <= PIPE_ROOM {
            stdin.write_all(&spec.stdin).ok();
        } else {
            let bytes = spec.stdin.clone();
            std::thread::spawn(move || stdin.write_all(&bytes).ok());
        }
    }
    if let Some(stdout) = child.stdout.take() {
        pump(stdout, Stream::Stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        pump(stderr, Stream::Stderr, sender.clone());
    }
    // What is left of it are the pipes: without them there is nothing to wait for but the exit.
    drop(sender);
    let (mut stdout, mut stderr, mut truncated) = (Vec::new(), Vec::new(), false);
    loop {
        let left = spec.timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(killed(spec, &mut child, start.elapsed()));
        }
        match pieces.recv_timeout(left) {
            Ok((stream, piece)) => {
                on_output(stream, &piece);
                let kept = if stream == Stream::Stdout { &mut stdout } else { &mut stderr };
                let room = spec.max_output.saturating_sub(kept.len()).min(piece.len());
                truncated |= room < piece.len();
                kept.extend_from_slice(&piece[..room]);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => return Err(killed(spec, &mut child, start.elapsed())),
        }
    }
    // Both outputs are closed; what remains is the exit itself, which mostly comes at once.
    let mut pause = Duration::from_micros(20);
    let status = loop {
        match child.try_wait().map_err(io)? {
            Some(status) => break status,
            None if start.elapsed() > spec.timeout => return Err(killed(spec, &mut child, start.elapsed())),
            None => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(5));
    };
    Ok(Finished { code: status.code(), signal: status.signal(), stdout, stderr, truncated, took: start.elapsed() })
}

fn pump(mut from: impl Read + Send + 'static, stream: Stream, to: SyncSender<(Stream, Vec<u8>)>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.send((stream, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
}

fn killed(spec: &Spec, child: &mut Child, after: Duration) -> ProcessError {
    signal_group(child, Signal::KILL);
    child.wait().ok();
    ProcessError::Timeout { program: spec.program(), after }
}

/// Signals a program that was not waited for yet, and all its group.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended on its own in this very moment.
        rustix::process::kill_process_group(group, signal).ok();
    }
}

/// Starts a program that outlives this process, its outputs appended to a file; gives its process id.
///
/// # Errors
///
/// It is not there or cannot be started.
pub fn spawn_detached(spec: &Spec, log: &File) -> Result<u32, ProcessError> {
    let io = |source| ProcessError::Io { program: spec.program(), source };
    let log_again = log.try_clone().map_err(io)?;
    let log = log.try_clone().map_err(io)?;
    let mut command = command(spec)?;
    command.stdin(Stdio::null()).stdout(log).stderr(log_again);
    Ok(spawn(spec, command)?.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_inherited_and_no_shell_runs() {
        let spec = Spec::new(["/usr/bin/env"]).env("GIVEN", "x;$(id)");
        let finished = run(&spec).expect("ran");
        let mut lines: Vec<_> = finished.text().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["GIVEN=x;$(id)".to_owned(), "LC_ALL=C".to_owned(), format!("PATH={PATH}")]);
    }

    #[test]
    fn a_timeout_kills_the_children_too() {
        let spec = Spec::new(["sh", "-c", "sleep 60 & sleep 60"]).timeout(Duration::from_millis(200));
        let start = Instant::now();
        assert!(matches!(run(&spec), Err(ProcessError::Timeout { .. })));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn output_is_bounded_and_large_output_does_not_block() {
        let mut spec = Spec::new(["head", "-c", "3000000", "/dev/zero"]);
        spec.max_output = 1000;
        let finished = run(&spec).expect("ran");
        assert!(finished.ok() && finished.truncated && finished.stdout.len() == 1000);
    }

    #[test]
    fn programs_come_from_the_pinned_path_only() {
        for program in ["./true", "no-such-program-here", "", "../bin/true"] {
            assert!(matches!(run(&Spec::new([program])), Err(ProcessError::NotFound(_))), "{program}");
        }
    }

    #[test]
    fn a_lock_outlives_its_taker_in_the_program_that_keeps_it_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || File::options().create(true).append(true).open(directory.path().join("lock")).expect("opened");
        for (keep, free) in [(false, true), (true, false)] {
            let lock = Arc::new(open());
            lock.try_lock().expect("taken");
            let mut spec = Spec::new(["sleep", "60"]);
            spec.keep_open = keep.then(|| lock.clone());
            let id = spawn_detached(&spec, &open()).expect("started");
            drop((spec, lock));
            // A program that another test starts in this moment holds a copy of every file until its exec.
            let until = Instant::now() + Duration::from_secs(if free { 30 } else { 0 });
            while open().try_lock().is_err() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(open().try_lock().is_ok(), free, "kept open: {keep}");
            let pid = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
        }
    }
}
