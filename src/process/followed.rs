//! A program that goes on when this process is gone, as the half of a switch must.
//!
//! A pipe to this process would end with it, and the program with its next line (SIGPIPE). So a relay between them writes the output on
//! to a file in memory, which this process follows; the relay ends with the last who may write to it. The program itself sees a pipe:
//! a file would be cut short by whoever opens `/dev/stderr` anew.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, MemfdFlags};
use rustix::process::Signal;

use super::{Finished, ProcessError, Spec, command, killed, signal_group, spawn};
use crate::interrupt;

/// How long a program that took too long may take to end by itself, after TERM.
const GRACE: Duration = Duration::from_secs(10);
/// How long the relay is waited for when the program has ended: what the program left behind may write on for ever.
const LAST: Duration = Duration::from_millis(300);
/// The longest piece that is handed on at once, in bytes.
const PIECE: usize = 64 << 10;
/// How much of what was read may stay in memory, in bytes.
const READ: u64 = 1 << 20;
/// How much of the end of its output is kept for whoever asks why it failed, in bytes.
const TAIL: usize = 16 << 10;

/// Runs a program to its end and hands on each piece of its outputs, both as one, as it comes, and an empty one now and then while
/// none does. Its end is that of its own process; what
/// it left in the background is not waited for. It reads nothing, and `max_output` says nothing here: the end of its output is given
/// as standard error.
///
/// # Errors
///
/// It is not there, cannot be started, or ran out of time (then its process group got TERM, and 10 s later KILL).
pub fn follow(spec: &Spec, on_output: &mut dyn FnMut(&[u8])) -> Result<Finished, ProcessError> {
    let io = |source: io::Error| ProcessError::Io { program: spec.program(), source };
    let begun = Instant::now();
    let memory = File::from(rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC).map_err(|error| io(error.into()))?);
    let mut command = command(spec)?;
    let (from, to) = io::pipe().map_err(io)?;
    let mut relay = relay(from, &memory)?;
    command.stdin(Stdio::null()).stdout(to.try_clone().map_err(io)?).stderr(to);
    let child = spawn(spec, command);
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            relay.wait().ok();
            return Err(error);
        }
    };
    let _known = interrupt::child(child.id(), true);
    let mut output = Output { memory, at: 0, freed: 0, tail: Vec::new() };
    let status = wait(spec, &mut child, begun, &mut || output.take(on_output))?;
    let ended = Instant::now();
    loop {
        let relayed = relay.try_wait().map_err(io)?.is_some();
        while output.take(on_output).map_err(io)? {}
        if relayed || ended.elapsed() > LAST {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = ended.duration_since(begun);
    let (code, signal) = (status.code(), status.signal());
    Ok(Finished { code, signal, stdout: Vec::new(), stderr: output.tail, truncated: false, took })
}

/// What stands between: `cat` in a process group of its own, which no signal to the program or to this process reaches.
fn relay(from: io::PipeReader, memory: &File) -> Result<Child, ProcessError> {
    let spec = Spec::new(["cat"]);
    let io = |source| ProcessError::Io { program: spec.program(), source };
    let mut command = command(&spec)?;
    command.stdin(from).stdout(memory.try_clone().map_err(io)?).stderr(Stdio::null());
    spawn(&spec, command)
}

/// Waits for the program's own end; `take` is asked for more output in between.
fn wait(
    spec: &Spec,
    child: &mut Child,
    begun: Instant,
    take: &mut dyn FnMut() -> io::Result<bool>,
) -> Result<ExitStatus, ProcessError> {
    let io = |source| ProcessError::Io { program: spec.program(), source };
    let mut asked_to_end = None::<Instant>;
    let mut pause = Duration::from_micros(50);
    loop {
        let more = take().map_err(io)?;
        if let Some(status) = child.try_wait().map_err(io)? {
            return match asked_to_end {
                Some(_) => Err(ProcessError::Timeout { program: spec.program(), after: begun.elapsed() }),
                None => Ok(status),
            };
        }
        match asked_to_end {
            None if begun.elapsed() > spec.timeout => {
                signal_group(child, Signal::TERM);
                asked_to_end = Some(Instant::now());
            }
            Some(asked) if asked.elapsed() > GRACE => return Err(killed(spec, child, begun.elapsed())),
            _ => {}
        }
        if more {
            pause = Duration::from_micros(50);
        } else {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

/// What was written on.
struct Output {
    memory: File,
    at: u64,
    freed: u64,
    tail: Vec<u8>,
}

impl Output {
    /// Hands on the next piece, if there is one.
    fn take(&mut self, on_output: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let mut buffer = [0; PIECE];
        // Not by the file's own offset, at which the relay writes.
        let count = self.memory.read_at(&mut buffer, self.at)?;
        let piece = &buffer[..count];
        self.at += count as u64;
        self.tail.extend_from_slice(piece);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if self.at - self.freed > READ {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // Where that is not possible it only stays in memory.
            rustix::fs::fallocate(&self.memory, hole, self.freed, self.at - self.freed).ok();
            self.freed = self.at;
        }
        on_output(piece);
        Ok(count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(script: &str, timeout: u64) -> (Result<Finished, ProcessError>, String) {
        let mut all = Vec::new();
        let spec = Spec::new(["sh", "-c", script]).timeout(Duration::from_millis(timeout));
        let ended = follow(&spec, &mut |piece| all.extend_from_slice(piece));
        (ended, String::from_utf8(all).expect("text"))
    }

    #[test]
    fn all_of_both_outputs_comes_in_order_also_by_the_devices_names() {
        let script = "echo one; echo two >&2; echo three >/dev/stderr; echo four >/dev/stdout; printf five; exit 3";
        let (ended, all) = followed(script, 20_000);
        let ended = ended.expect("ran");
        assert_eq!((ended.code, all.as_str()), (Some(3), "one\ntwo\nthree\nfour\nfive"));
        assert_eq!(ended.complaint(), "five (exit code 3)");
    }

    #[test]
    fn much_is_handed_on_whole() {
        let (ended, all) = followed("seq 1000000", 60_000);
        assert!(ended.expect("ran").ok());
        assert_eq!(all.lines().count(), 1_000_000);
        assert!(all.ends_with("\n1000000\n"));
    }

    #[test]
    fn what_it_leaves_in_the_background_is_not_waited_for() {
        let begun = Instant::now();
        let (ended, all) = followed("sleep 60 & echo started $!", 30_000);
        assert!(ended.expect("ran").ok() && begun.elapsed() < Duration::from_secs(20));
        let pid: i32 = all.trim().rsplit(' ').next().and_then(|pid| pid.parse().ok()).expect("a process id");
        let left = rustix::process::Pid::from_raw(pid).expect("a process id");
        rustix::process::kill_process(left, Signal::KILL).expect("it is there");
    }

    #[test]
    fn out_of_time_it_is_asked_to_end_before_it_is_made_to_also_while_it_writes_without_end() {
        for script in ["trap 'exit 0' TERM; while :; do sleep 0.01; done", "trap 'exit 0' TERM; yes"] {
            let begun = Instant::now();
            let (ended, _) = followed(script, 200);
            assert!(matches!(ended, Err(ProcessError::Timeout { .. })), "{ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(8), "it was not asked");
        }
    }
}
