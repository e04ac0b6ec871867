//! A dead man's way back: before a step acts, a transient timer is set that reverses it by itself, and the step's end takes the
//! timer away. If this process, its terminal or the way to this machine does not outlive the step, the machine comes back alone.
//!
//! A timer that has run proves nothing of the step: it may have run before the step took effect, or failed. Only a person knows.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fault;
use crate::host::HostState;
use crate::model::contract::Step;
use crate::model::record::Act;
use crate::steps::act::Ground;
use crate::steps::kinds::unit;

mod timer;

use timer::{Reverse, Seen};

/// What the host's state holds of a step's timers. Without any: nothing will reverse the step.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Timers {
    /// Those that may be there, the newest last. A name is written before its timer is set.
    names: Vec<String>,
    /// Those of which somebody was told that they do not wait any more.
    told: Vec<String>,
}

impl Timers {
    fn read(capture: &str, host: &HostState) -> Result<Self, String> {
        let base = base(capture);
        match host.captured(&base).map_err(|error| error.to_string())?.as_deref() {
            None | Some(b"") => Ok(Self::default()),
            // As it was written when a step had one timer at most.
            Some(b"armed") => Ok(Self { names: vec![base], told: Vec::new() }),
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| format!("capture {base}: {error}")),
        }
    }

    fn keep(&self, capture: &str, host: &HostState) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        host.capture(&base(capture), &bytes).map(|_| ()).map_err(|error| error.to_string())
    }

    /// What is wrong with a timer that was to be waiting; none when nothing is, or a person who was told says that the step is done.
    fn trouble(&mut self, name: &str, seen: &Seen, person: bool) -> Option<String> {
        let ask = "whether the step is in force is not known: look, then countersign builder resume --done --reason …, or --again \
                   --reason …";
        let what = match seen {
            Seen::Waits { .. } => return None,
            Seen::Runs { since } => {
                return Some(format!(
                    "timer {name} reverses the step right now, since {since}: wait for its end, then look"
                ));
            }
            _ if person && self.told.iter().any(|told| told == name) => return None,
            Seen::Ran { at, result } => {
                format!("nobody confirmed in time: timer {name} ran the reversal at {at}, with result {result}; {ask}")
            }
            // Its place was taken by a newer one.
            Seen::Gone if self.names.last().is_some_and(|last| last != name) => return None,
            Seen::Gone => {
                format!(
                    "timer {name} is not there and left no word, as after a restart of the machine: it reverses nothing; {ask}"
                )
            }
        };
        self.told.push(name.to_owned());
        Some(what)
    }
}

/// Sets the timer; none where the contract asks for none or nothing would be reversed. When the step is done again, the timer of
/// before goes only when the new one waits: at no moment would nothing reverse the step.
///
/// # Errors
///
/// It could not be set, or the one of before could not be taken away: the step must not be begun.
pub fn arm(step: &Step, ground: &Ground<'_>) -> Result<(), String> {
    let Some(after) = step.back_within else { return Ok(()) };
    let reverse = reverse(step, ground)?;
    let mut timers = Timers::read(&ground.capture, ground.host)?;
    let before = timers.names.clone();
    before.iter().try_for_each(|name| at_rest(name, &timer::look(name)?))?;
    timers.told.clear();
    let Some(reverse) = reverse else {
        before.iter().try_for_each(|name| take_away(name))?;
        return Timers::default().keep(&ground.capture, ground.host);
    };
    let name = timer::free(&base(&ground.capture))?;
    timers.names.push(name.clone());
    timers.keep(&ground.capture, ground.host)?;
    let set = timer::set(&name, after, &reverse).and_then(|()| before.iter().try_for_each(|old| take_away(old)));
    if let Err(why) = set {
        // What cannot be taken away either stays named.
        take_away(&name).map_err(|also| format!("{why}; {also}"))?;
        timers.names = before;
        timers.keep(&ground.capture, ground.host)?;
        return Err(why);
    }
    timers.names = vec![name.clone()];
    timers.keep(&ground.capture, ground.host)?;
    (ground.say)(&format!("timer {name} reverses the step in {} s unless it is confirmed", after.as_secs()));
    Ok(())
}

/// Takes the timer away: the step is done and confirmed. A person's word that it is done counts once somebody was told that the
/// timer does not wait any more: before that, nobody can have looked for it.
///
/// # Errors
///
/// It runs, has run or is gone, so that nobody knows whether the step is in force; or it could not be taken away, so it will run.
pub fn confirm(step: &Step, host: &HostState, capture: &str, person: bool) -> Result<(), String> {
    if step.back_within.is_none() {
        return Ok(());
    }
    let mut timers = Timers::read(capture, host)?;
    let names = timers.names.clone();
    let mut trouble = Vec::new();
    let mut waiting = Vec::new();
    for name in &names {
        let seen = timer::look(name)?;
        trouble.extend(timers.trouble(name, &seen, person));
        if matches!(seen, Seen::Waits { .. }) {
            waiting.push(name);
        }
    }
    // While one does not wait any more, those that do are the only way back.
    if trouble.is_empty() {
        fault::point("back.looked").map_err(|error| error.to_string())?;
        for name in waiting {
            match timer::stop(name)? {
                Seen::Gone => {}
                Seen::Waits { .. } => trouble.push(cannot_stop(name)),
                // Its time came between the look and the stop.
                ran => trouble.extend(timers.trouble(name, &ran, false)),
            }
        }
    }
    if !trouble.is_empty() {
        timers.keep(capture, host)?;
        return Err(trouble.join("; "));
    }
    names.iter().try_for_each(|name| timer::forget(name))?;
    Timers::default().keep(capture, host)
}

/// Takes the timer away from a step that changed nothing, or was reversed. It stays where a step was to be done again: what an
/// earlier try changed is still to be reversed.
///
/// # Errors
///
/// It could not be taken away: it reverses what is reversed already when its time comes.
pub fn disarm(step: &Step, ground: &Ground<'_>) -> Result<(), String> {
    if step.back_within.is_none() || ground.doing == Act::Resume {
        return Ok(());
    }
    let timers = Timers::read(&ground.capture, ground.host)?;
    timers.names.iter().try_for_each(|name| take_away(name))?;
    Timers::default().keep(&ground.capture, ground.host)
}

/// What of a step that is not done whoever reads of it must know: a timer will reverse it, does or did.
pub fn standing(step: &Step, host: &HostState, capture: &str) -> Option<String> {
    let after = step.back_within?.as_secs();
    let names = Timers::read(capture, host).ok()?.names;
    let one = |name: &String| match timer::look(name).ok()? {
        Seen::Waits { set } => Some(format!("timer {name} is still set: it reverses the step {after} s after {set}")),
        Seen::Runs { since } => Some(format!("timer {name} reverses the step right now, since {since}")),
        Seen::Ran { at, result } => Some(format!("timer {name} ran the reversal at {at}, with result {result}")),
        Seen::Gone => (names.last() == Some(name)).then(|| format!("timer {name} is not there: it reverses nothing")),
    };
    let said: Vec<String> = names.iter().filter_map(one).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What a timer is to run; none where nothing would be reversed.
fn reverse(step: &Step, ground: &Ground<'_>) -> Result<Option<Reverse>, String> {
    match (step.kind.as_str(), &step.undo) {
        (_, Some(argv)) => {
            let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            let uid = step.params.number("uid").and_then(|uid| u32::try_from(uid).ok());
            Ok(Some(Reverse {
                argv: argv.clone(),
                // A checkout is gone when this process is.
                cwd: step.params.text("cwd").unwrap_or("/").into(),
                owner: (uid.unwrap_or(own.0), own.1),
            }))
        }
        ("systemd.unit", None) => {
            let argv = unit::way_back(&step.params, ground)?;
            Ok(argv.map(|argv| Reverse { argv, cwd: PathBuf::from("/"), owner: (0, 0) }))
        }
        (kind, None) => Err(format!("`back_within`: a step of kind {kind} has no reverse that a timer could run")),
    }
}

/// Refuses one whose service runs: step and reversal at once end nobody knows where.
fn at_rest(name: &str, seen: &Seen) -> Result<(), String> {
    match seen {
        Seen::Runs { since } => {
            Err(format!("timer {name} reverses the step right now, since {since}: wait for its end, then look"))
        }
        _ => Ok(()),
    }
}

fn take_away(name: &str) -> Result<(), String> {
    let seen = timer::stop(name)?;
    at_rest(name, &seen)?;
    if matches!(seen, Seen::Waits { .. }) {
        return Err(cannot_stop(name));
    }
    timer::forget(name)
}

fn cannot_stop(name: &str) -> String {
    format!("timer {name} could not be stopped: it reverses the step when its time comes")
}

fn base(capture: &str) -> String {
    format!("countersign-back-{capture}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_answers_for_a_timer_only_after_being_told_of_it() {
        let mut timers = Timers { names: vec!["old".into(), "new".into()], told: Vec::new() };
        let ran = Seen::Ran { at: "noon".into(), result: "exit-code".into() };
        let runs = Seen::Runs { since: "noon".into() };
        assert_eq!(timers.trouble("new", &Seen::Waits { set: "noon".into() }, false), None);
        assert_eq!(timers.trouble("old", &Seen::Gone, false), None, "a newer one took its place");
        assert!(timers.trouble("new", &Seen::Gone, true).is_some_and(|why| why.contains("left no word")));
        assert_eq!(timers.trouble("new", &Seen::Gone, true), None);
        let why = timers.trouble("old", &ran, true).unwrap_or_default();
        assert!(why.contains("ran the reversal at noon, with result exit-code; whether"), "{why}");
        assert!(timers.trouble("old", &ran, false).is_some(), "nobody has looked");
        assert_eq!(timers.trouble("old", &ran, true), None);
        assert!(timers.trouble("old", &runs, true).is_some_and(|why| why.contains("right now")));
    }

    #[test]
    fn timers_that_an_earlier_version_kept_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let host = HostState::at(directory.path(), "e").unwrap();
        host.prepare().unwrap();
        for (bytes, names) in [(&b""[..], &[][..]), (b"armed", &["countersign-back-demo-x"])] {
            host.capture("countersign-back-demo-x", bytes).unwrap();
            assert_eq!(Timers::read("demo-x", &host).unwrap().names, names);
        }
    }
}
