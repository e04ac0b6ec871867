//! Interrupts (Ctrl-C, SIGTERM, a lost terminal): nothing is left half-written, and whoever interrupts is told what is where.
//!
//! A signal does not end the process by itself. It waits for whatever must come to its end ([`finish_first`]: a file that is
//! being replaced, a work tree that is being moved; moments), ends the subprocesses that only look, says what is where and
//! exits with 130. While a step runs ([`step`]) the first signal lets the step come to its end and only keeps the next from
//! beginning; the second one leaves it in doubt, from where `builder resume` goes on. A lost terminal is never the second: it tells
//! of itself more than once.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of an interrupted command (design: 130, as shells give it).
pub const CODE: i32 = 130;

/// What an interrupt found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step is being finished first.
    Finishing(String),
    /// The process ends now.
    Leaving(Left),
}

/// What an interrupted command leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// What it had done, in its own words.
    pub notes: Vec<String>,
    /// The step that was not waited for.
    pub in_doubt: Option<String>,
    /// Process ids of programs of that step, which go on and keep the run lock.
    pub going_on: Vec<u32>,
}

#[derive(Default)]
struct State {
    signals: u32,
    /// The answer is being printed: nothing is left to say.
    answered: bool,
    finishing: usize,
    steps: Vec<String>,
    notes: Vec<String>,
    /// Process group of each running subprocess, and whether it is to outlive this process.
    children: BTreeMap<u32, bool>,
}

impl State {
    fn may_leave(&self) -> bool {
        self.signals > 0 && self.finishing == 0 && (self.steps.is_empty() || self.signals > 1)
    }
}

static STATE: Mutex<State> = Mutex::new(State {
    signals: 0,
    answered: false,
    finishing: 0,
    steps: Vec::new(),
    notes: Vec::new(),
    children: BTreeMap::new(),
});
static CHANGED: Condvar = Condvar::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that an interrupt waits for, until it is dropped.
#[derive(Debug)]
#[must_use = "an interrupt waits for as long as this is held"]
pub struct Held {
    step: bool,
}

/// Holds an interrupt off until what is begun here has come to its end. For moments only.
pub fn finish_first() -> Held {
    stay_if_leaving();
    state().finishing += 1;
    Held { step: false }
}

/// Lets the first interrupt wait for the end of a step. Its name is for whoever interrupts.
pub fn step(name: &str) -> Held {
    stay_if_leaving();
    state().steps.push(name.to_owned());
    Held { step: true }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = state();
        if self.step {
            state.steps.pop();
        } else {
            state.finishing -= 1;
        }
        drop(state);
        CHANGED.notify_all();
        stay_if_leaving();
    }
}

/// Begins nothing more once the process is about to end.
fn stay_if_leaving() {
    while state().may_leave() {
        std::thread::park();
    }
}

/// Says what is about to be where, for whoever interrupts later. Does not return when an interrupt has come: it never is.
pub fn note(words: impl Into<String>) {
    stay_if_leaving();
    state().notes.push(words.into());
}

/// Whether an interrupt has come.
pub fn requested() -> bool {
    state().signals > 0
}

/// The answer is about to be printed: from here on an interrupt ends the process without a word. Does not return when one came.
pub fn answered() {
    stay_if_leaving();
    state().answered = true;
}

/// A subprocess with a group of its own, until it is dropped.
#[derive(Debug)]
pub struct Child(u32);

/// Remembers a running subprocess. `outlives`: it is a step's program, which an interrupt does not end.
pub fn child(id: u32, outlives: bool) -> Child {
    state().children.insert(id, outlives);
    Child(id)
}

impl Drop for Child {
    fn drop(&mut self) {
        state().children.remove(&self.0);
    }
}

/// From now on signals are handled here; `tell` says what an interrupt found.
///
/// # Errors
///
/// The system does not give the means.
pub fn watch(tell: impl Fn(Event) + Send + Sync + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(entered);
    let tell = Arc::new(tell);
    std::thread::Builder::new().name("interrupts".into()).spawn(move || {
        runtime.block_on(async move {
            loop {
                let counts = tokio::select! {
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => true,
                    _ = hangup.recv() => false,
                };
                let tell = tell.clone();
                // Leaving waits on a thread of its own, so that a second signal is heard.
                if came(counts, &*tell) {
                    std::thread::spawn(move || leave(&*tell));
                }
            }
        });
    })?;
    Ok(())
}

/// A signal came; gives whether it is the first. One that does not count is only ever the first.
fn came(counts: bool, tell: &(dyn Fn(Event) + Send + Sync)) -> bool {
    let mut state = state();
    let first = state.signals == 0;
    if first || counts {
        state.signals = state.signals.saturating_add(1);
    }
    let waits = state.steps.last().filter(|_| first).cloned();
    drop(state);
    CHANGED.notify_all();
    if let Some(step) = waits {
        tell(Event::Finishing(step));
    }
    first
}

#[expect(clippy::disallowed_methods, reason = "the interrupted thread stands still and cannot return a code")]
fn leave(tell: &(dyn Fn(Event) + Send + Sync)) {
    let mut state = state();
    while !state.may_leave() {
        state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    let in_doubt = state.steps.last().cloned();
    let (mut going_on, mut ended) = (Vec::new(), Vec::new());
    for (id, outlives) in &state.children {
        if *outlives { going_on.push(*id) } else { ended.push(*id) }
    }
    let (notes, answered) = (state.notes.clone(), state.answered);
    drop(state);
    for group in ended.into_iter().filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
        // It may have ended by itself in this very moment.
        kill_process_group(group, Signal::KILL).ok();
    }
    if !answered {
        tell(Event::Leaving(Left { notes, in_doubt, going_on }));
    }
    std::process::exit(CODE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupt_waits_for() {
        let state = |signals, finishing, steps: &[&str]| State {
            signals,
            finishing,
            steps: steps.iter().map(|step| (*step).to_owned()).collect(),
            ..State::default()
        };
        assert!(!state(0, 0, &[]).may_leave());
        assert!(state(1, 0, &[]).may_leave());
        assert!(!state(1, 1, &[]).may_leave(), "a file is being replaced");
        assert!(!state(1, 0, &["recreate"]).may_leave(), "the first lets the step come to its end");
        assert!(state(2, 0, &["recreate"]).may_leave());
        assert!(!state(2, 1, &["recreate"]).may_leave(), "its record is being written");
    }
}
