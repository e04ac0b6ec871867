//! A dead man's way back: before a step acts, a transient timer is set that reverses it by itself, and the step's end takes the
//! timer away. If this process, its terminal or the way to this machine does not outlive the step, the machine comes back alone.

use std::time::Duration;

use crate::host::HostState;
use crate::model::contract::Step;
use crate::process::{self, Spec};
use crate::steps::act::Ground;
use crate::steps::kinds::unit;

/// What the host's state holds while a timer is set.
const ARMED: &[u8] = b"armed";

/// Sets the timer; none where the contract asks for none or nothing would be reversed.
///
/// # Errors
///
/// It could not be set: the step must not be begun.
pub fn arm(step: &Step, ground: &Ground<'_>) -> Result<(), String> {
    let Some(after) = step.back_within else { return Ok(()) };
    let argv = match (step.kind.as_str(), &step.undo) {
        (_, Some(argv)) => Some(argv.clone()),
        ("systemd.unit", None) => unit::way_back(&step.params)?,
        (kind, None) => {
            return Err(format!("`back_within`: a step of kind {kind} has no reverse that a timer could run"));
        }
    };
    let Some(argv) = argv else { return Ok(()) };
    let name = name(&ground.capture);
    // Left by a run that was cut off: the new one begins its own time.
    clear(&name)?;
    mark(&name, ARMED, ground.host)?;
    let on_active = format!("--on-active={}", after.as_secs());
    let start = ["systemd-run", "--unit", &name, &on_active, "--timer-property=AccuracySec=1s", "--"];
    let set = process::run(&Spec::new(start.into_iter().chain(argv.iter().map(String::as_str))))
        .map_err(|error| error.to_string())?;
    if !set.ok() {
        return Err(format!("systemd-run: {}", set.complaint()));
    }
    if !waits(&name)? {
        return Err(format!("timer {name} was set and does not wait"));
    }
    (ground.say)(&format!("timer {name} reverses the step in {} s unless it is confirmed", after.as_secs()));
    Ok(())
}

/// Takes the timer away: the step is done and confirmed.
///
/// # Errors
///
/// It has run already, so the step is reversed, or it could not be taken away, so it will be.
pub fn confirm(step: &Step, host: &HostState, capture: &str) -> Result<(), String> {
    if step.back_within.is_none() {
        return Ok(());
    }
    let name = name(capture);
    let armed = host.captured(&name).map_err(|error| error.to_string())?;
    if armed.as_deref() != Some(ARMED) {
        // Nothing was to be reversed.
        return Ok(());
    }
    // A timer that has run is not there any more: what is not waiting has reversed the step.
    if !waits(&name)? {
        return Err(format!(
            "nobody confirmed in time: timer {name} reversed the step; look with systemctl status {name}"
        ));
    }
    let stopped = process::run(&Spec::new(["systemctl", "stop", "--", &format!("{name}.timer")]));
    let stopped = stopped.map_err(|error| error.to_string())?;
    if !stopped.ok() || waits(&name)? {
        let why = stopped.complaint();
        return Err(format!("timer {name} could not be stopped ({why}): it reverses the step when its time comes"));
    }
    mark(&name, b"", host)
}

/// Takes the timer away from a step that changed nothing, or was reversed.
///
/// # Errors
///
/// It could not be taken away: it reverses what is reversed already when its time comes.
pub fn disarm(step: &Step, ground: &Ground<'_>) -> Result<(), String> {
    if step.back_within.is_none() {
        return Ok(());
    }
    let name = name(&ground.capture);
    clear(&name).and_then(|()| mark(&name, b"", ground.host))
}

fn mark(name: &str, as_what: &[u8], host: &HostState) -> Result<(), String> {
    host.capture(name, as_what).map(|_| ()).map_err(|error| error.to_string())
}

fn name(capture: &str) -> String {
    format!("countersign-back-{capture}")
}

fn clear(name: &str) -> Result<(), String> {
    // Either may not be there, which is what is wanted.
    for argv in
        [["systemctl", "stop", &format!("{name}.timer")], ["systemctl", "reset-failed", &format!("{name}.service")]]
    {
        process::run(&Spec::new(argv).timeout(Duration::from_secs(30))).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn show(name: &str, property: &str) -> Result<String, String> {
    let argv = ["systemctl", "show", "--property", property, "--value", "--", name];
    let shown = process::run(&Spec::new(argv)).map_err(|error| error.to_string())?;
    if shown.ok() { Ok(shown.text()) } else { Err(format!("systemctl show {name}: {}", shown.complaint())) }
}

fn waits(name: &str) -> Result<bool, String> {
    Ok(show(&format!("{name}.timer"), "SubState")? == "waiting")
}
