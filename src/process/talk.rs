//! A program that answers one question after the other, for as long as this process asks.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use super::{PIPE_ROOM, ProcessError, Spec, command, killed, spawn};
use crate::interrupt;

/// How many pieces of an answer wait to be heard before the program has to wait: of 16 KiB each.
const AHEAD: usize = 64;

/// A program that was started to be asked. It is killed when this is dropped, and ends by itself when this process does: its
/// standard input is closed then.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    pieces: Receiver<Vec<u8>>,
    complaints: File,
    spec: Spec,
}

impl Talk {
    /// Starts it. Of the specification, input, file to keep open and outputs are not for a talk; its timeout is how long the next
    /// piece of an answer may take.
    ///
    /// # Errors
    ///
    /// It is not there or cannot be started.
    pub fn start(spec: Spec) -> Result<Self, ProcessError> {
        let io = |source| ProcessError::Io { program: spec.program(), source };
        let complaints = tempfile::tempfile().map_err(io)?;
        let mut command = command(&spec)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints.try_clone().map_err(io)?);
        let mut child = spawn(&spec, command)?;
        let (sender, pieces) = mpsc::sync_channel(AHEAD);
        if let Some(mut stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, pieces, complaints, spec })
    }

    /// Asks. All answers to earlier questions are to be heard before, and a question is at most [`Talk::MOST`] bytes, unless it is
    /// one line that is read before anything is answered: so neither side ever waits for the other to listen.
    ///
    /// # Errors
    ///
    /// The program is gone.
    pub fn ask(&mut self, question: &[u8]) -> Result<(), ProcessError> {
        let told = self.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(question).and_then(|()| stdin.flush()));
        told.map_err(|source| self.gone(source))
    }

    /// The longest question, in bytes.
    pub const MOST: usize = PIPE_ROOM;

    /// The next piece of the answer.
    ///
    /// # Errors
    ///
    /// The program is gone, or says nothing for too long (then it was killed).
    pub fn hear(&mut self) -> Result<Vec<u8>, ProcessError> {
        let _known = interrupt::child(self.child.id(), false);
        match self.pieces.recv_timeout(self.spec.timeout) {
            Ok(piece) => Ok(piece),
            Err(RecvTimeoutError::Timeout) => Err(killed(&self.spec, &mut self.child, self.spec.timeout)),
            Err(RecvTimeoutError::Disconnected) => Err(self.gone(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// Why it is gone, with what it complained of last.
    fn gone(&mut self, source: io::Error) -> ProcessError {
        let mut said = Vec::new();
        self.complaints.rewind().and_then(|()| (&self.complaints).take(1 << 16).read_to_end(&mut said)).ok();
        let said = String::from_utf8_lossy(&said).trim().lines().last().map(str::to_owned);
        let source = said.map_or(source, io::Error::other);
        ProcessError::Io { program: self.spec.program(), source }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // What was not heard is not waited for. The number of one that has ended may be another's by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            killed(&self.spec, &mut self.child, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(talk: &mut Talk) -> String {
        String::from_utf8(talk.hear().expect("heard")).expect("text")
    }

    #[test]
    fn a_program_answers_until_it_is_let_go() {
        let mut talk = Talk::start(Spec::new(["sed", "-u", "s/a/b/; /bye/{w /dev/stderr\nq}"])).expect("started");
        let pid = talk.child.id();
        for _ in 0..3 {
            talk.ask(b"a\n").expect("asked");
            assert_eq!(heard(&mut talk), "b\n");
        }
        talk.ask(b"bye\n").expect("asked");
        assert_eq!(heard(&mut talk), "bye\n");
        let gone = talk.hear().expect_err("it ended").to_string();
        assert_eq!(gone, "`sed`: bye");
        drop(talk);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn one_that_says_nothing_is_not_waited_for() {
        let spec = Spec::new(["sleep", "60"]).timeout(Duration::from_millis(50));
        let mut talk = Talk::start(spec).expect("started");
        assert!(matches!(talk.hear(), Err(ProcessError::Timeout { .. })));
    }
}
