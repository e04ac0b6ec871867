//! `systemd.unit`: brings declared units and timers into a state and reads it back. Masks are made under /run, so that a reboot
//! is a way back too.

use serde::{Deserialize, Serialize};

use crate::fault;
use crate::model::contract::Params;
use crate::process::{self, Spec};
use crate::steps::act::{Acted, Ground, NotDone};

/// What is asked of each unit.
const PROPERTIES: &str = "--property=LoadState,ActiveState,Type,RemainAfterExit,Result,FragmentPath";

/// Directories whose files come before a mask under /run/systemd/system, by systemd.unit(5). What is in that directory itself is in
/// the mask's way.
const BEFORE_MASKS: [&str; 5] = [
    "/etc/",
    "/run/systemd/system.control/",
    "/run/systemd/transient/",
    "/run/systemd/generator.early/",
    "/run/systemd/system/",
];

/// One unit as systemd shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    name: String,
    load: String,
    active: String,
    /// `Type`, of services only.
    kind: String,
    remains: bool,
    result: String,
    /// The file that it is read from. Captures of an earlier version do not have it.
    #[serde(default)]
    file: String,
}

impl Unit {
    fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading")
    }

    fn is_masked(&self) -> bool {
        self.load == "masked"
    }

    /// What it is, for people.
    fn words(&self) -> String {
        let masked = if self.is_masked() { ", masked" } else { "" };
        format!("{} is {}{masked}", self.name, self.active)
    }

    /// Whether it is in the state that an act leads to.
    fn is_after(&self, act: &str) -> bool {
        // A job that has done its work and does not remain is inactive again.
        let finished = self.kind == "oneshot" && !self.remains && self.active == "inactive" && self.result == "success";
        match act {
            "stop" => matches!(self.active.as_str(), "inactive" | "failed"),
            "start" | "restart" => self.active == "active" || finished,
            "mask" => self.is_masked(),
            "unmask" => !self.is_masked(),
            _ => false,
        }
    }

    /// Why an act could not do anything to it: masks are made and removed under /run, and another file comes before them there.
    fn refuses(&self, act: &str) -> Option<String> {
        let Self { name, file, .. } = self;
        let before = BEFORE_MASKS.iter().any(|directory| file.starts_with(directory));
        match act {
            "mask" if before && !self.is_masked() => Some(format!(
                "{name} cannot be masked under /run: its file {file} comes first; wanted act = \"stop\" (of the timers and \
                 sockets that start it too), or a drop-in with a condition that does not hold"
            )),
            "unmask" if self.is_masked() && file.starts_with("/etc/") => Some(format!(
                "{name} is masked by {file}, for longer than until the next start; wanted one that is masked under /run: \
                 systemctl unmask {name}, or the host's configuration"
            )),
            _ => None,
        }
    }

    /// The act that brings it back to what it was (`self`), once `act` was done; none where `act` changed nothing of it.
    fn way_back(&self, act: &str) -> Option<&'static str> {
        match act {
            "stop" if self.is_up() => Some("start"),
            "start" if !self.is_up() => Some("stop"),
            "mask" if !self.is_masked() => Some("unmask"),
            "unmask" if self.is_masked() => Some("mask"),
            _ => None,
        }
    }
}

/// The step.
///
/// # Errors
///
/// Untouched when systemd or a unit is not there; midway when a unit is not in the state afterwards.
pub fn act(params: &Params, timeout: std::time::Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let (act, names) = (params.text("act").unwrap_or_default(), params.list("units"));
    let now = look(names).map_err(NotDone::untouched)?;
    if let Some(absent) = now.iter().find(|unit| !matches!(unit.load.as_str(), "loaded" | "masked")) {
        let message =
            format!("unit {} is {}; wanted one that systemd knows: systemctl status", absent.name, absent.load);
        return Err(NotDone::untouched(message));
    }
    let refused: Vec<String> = now.iter().filter_map(|unit| unit.refuses(act)).collect();
    if !refused.is_empty() {
        return Err(NotDone::untouched(refused.join("; ")));
    }
    let before = first(now, ground).map_err(NotDone::untouched)?;
    keep(&before, ground).map_err(NotDone::untouched)?;
    fault::point("unit.captured").map_err(|error| NotDone::untouched(error.to_string()))?;
    (ground.may_go_on)().map_err(NotDone::untouched)?;
    (ground.part)(&format!("{act} {}", names.join(" ")), "");
    systemctl(act, names, timeout).map_err(NotDone::midway)?;
    fault::point("unit.done").map_err(|error| NotDone::midway(error.to_string()))?;
    let after = look(names).map_err(NotDone::midway)?;
    let wrong: Vec<String> = after.iter().filter(|unit| !unit.is_after(act)).map(Unit::words).collect();
    if !wrong.is_empty() {
        return Err(NotDone::midway(format!("after {act} {}; look with systemctl status", wrong.join("; "))));
    }
    let lines = before.iter().zip(&after).map(|(was, is)| format!("{}, was {}\n", is.words(), was.active));
    Ok(Acted { output: lines.collect(), ..Acted::default() })
}

/// The reverse: each unit as it was before the step, as far as the step changed it.
///
/// # Errors
///
/// Untouched for a restart, which has no reverse. Stuck when a unit did not come back.
pub fn undo(params: &Params, timeout: std::time::Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let act = params.text("act").unwrap_or_default();
    if act == "restart" {
        return Err(NotDone::untouched("a restart has no reverse"));
    }
    let Some(before) = read(ground).map_err(NotDone::stuck)? else {
        return Ok(Acted { output: "nothing is captured, so nothing was changed\n".into(), ..Acted::default() });
    };
    let mut output = String::new();
    for unit in &before {
        let Some(back) = unit.way_back(act) else { continue };
        let name = std::slice::from_ref(&unit.name);
        (ground.part)(&format!("{back} {}", unit.name), "");
        systemctl(back, name, timeout).map_err(NotDone::stuck)?;
        let after = look(name).map_err(NotDone::stuck)?;
        if let Some(wrong) = after.iter().find(|unit| !unit.is_after(back)) {
            return Err(NotDone::stuck(format!("after {back} {}; look with systemctl status", wrong.words())));
        }
        output += &after.iter().map(|unit| format!("{}\n", unit.words())).collect::<String>();
    }
    keep(&[], ground).map_err(NotDone::stuck)?;
    Ok(Acted { output, ..Acted::default() })
}

/// The argv that would bring the units back to what they were before the step was first tried: what a timer runs when nobody confirms
/// in time. None where nothing would change.
pub(super) fn way_back(params: &Params, ground: &Ground<'_>) -> Result<Option<Vec<String>>, String> {
    let act = params.text("act").unwrap_or_default();
    let units = first(look(params.list("units"))?, ground)?;
    let back: Vec<(&str, &Unit)> = units.iter().filter_map(|unit| Some((unit.way_back(act)?, unit))).collect();
    // One act leads to one reverse: the units differ only in whether they need it.
    let Some((verb, _)) = back.first() else { return Ok(None) };
    let mut argv = vec!["systemctl".to_owned(), (*verb).to_owned()];
    if matches!(*verb, "mask" | "unmask") {
        argv.push("--runtime".to_owned());
    }
    argv.extend(back.iter().map(|(_, unit)| unit.name.clone()));
    Ok(Some(argv))
}

/// What the units were before the step: what a run that was cut off found, else what they are now. An undo empties it.
fn first(now: Vec<Unit>, ground: &Ground<'_>) -> Result<Vec<Unit>, String> {
    let kept = read(ground)?.filter(|kept| kept.len() == now.len());
    Ok(kept.unwrap_or(now))
}

fn keep(units: &[Unit], ground: &Ground<'_>) -> Result<(), String> {
    let bytes = serde_json::to_vec(units).map_err(|error| error.to_string())?;
    ground.host.capture(&ground.capture, &bytes).map(|_| ()).map_err(|error| error.to_string())
}

fn read(ground: &Ground<'_>) -> Result<Option<Vec<Unit>>, String> {
    let Some(bytes) = ground.host.captured(&ground.capture).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("capture {}: {error}", ground.capture))
}

fn systemctl(act: &str, names: &[String], timeout: std::time::Duration) -> Result<(), String> {
    let mut argv = vec!["systemctl", act];
    if matches!(act, "mask" | "unmask") {
        argv.push("--runtime");
    }
    argv.push("--");
    argv.extend(names.iter().map(String::as_str));
    let done = process::run(&Spec::new(&argv).timeout(timeout)).map_err(|error| error.to_string())?;
    if done.ok() { Ok(()) } else { Err(format!("{}: {}", argv.join(" "), done.complaint())) }
}

/// Looks at units. An answer that has not one part for each is no answer.
fn look(names: &[String]) -> Result<Vec<Unit>, String> {
    if names.is_empty() || names.iter().any(|name| name.is_empty() || name.contains(['*', '?', '['])) {
        return Err("`units` must name at least one unit, each in full".to_owned());
    }
    let argv = ["systemctl", "show", PROPERTIES, "--"].into_iter().chain(names.iter().map(String::as_str));
    let shown = process::run(&Spec::new(argv)).map_err(|error| error.to_string())?;
    if !shown.ok() {
        return Err(format!("systemctl show: {}", shown.complaint()));
    }
    parse(names, &shown.text())
}

fn parse(names: &[String], text: &str) -> Result<Vec<Unit>, String> {
    let parts: Vec<&str> = text.split("\n\n").filter(|part| !part.trim().is_empty()).collect();
    if parts.len() != names.len() {
        return Err(format!("systemctl show answered for {} of {} units", parts.len(), names.len()));
    }
    let unit = |(name, part): (&String, &&str)| {
        let value = |key: &str| {
            let found = part.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        let unit = Unit {
            name: name.clone(),
            load: value("LoadState"),
            active: value("ActiveState"),
            kind: value("Type"),
            remains: value("RemainAfterExit") == "yes",
            result: value("Result"),
            file: value("FragmentPath"),
        };
        let known = !unit.load.is_empty() && !unit.active.is_empty();
        known.then_some(unit).ok_or_else(|| format!("systemctl show told no state of {name}"))
    };
    names.iter().zip(&parts).map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_answer_has_one_part_for_each_unit_or_is_none() {
        let text = "LoadState=loaded\nActiveState=active\n\nType=oneshot\nRemainAfterExit=no\nLoadState=masked\n\
                    ActiveState=inactive\nResult=success";
        let units = parse(&names(&["a.timer", "b.service"]), text).unwrap();
        assert_eq!(
            units.iter().map(Unit::words).collect::<Vec<_>>(),
            ["a.timer is active", "b.service is inactive, masked"]
        );
        assert!(parse(&names(&["a.timer"]), text).is_err());
        assert!(parse(&names(&["a.timer", "b.timer", "c.timer"]), text).is_err());
        assert!(parse(&names(&["a.timer"]), "LoadState=loaded").is_err());
        for wrong in [&[][..], &[""], &["a*.timer"]] {
            assert!(look(&names(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn each_act_is_read_back_and_reversed_only_where_it_changed_something() {
        let unit = |active: &str, load: &str, kind: &str| Unit {
            name: "u".into(),
            load: load.into(),
            active: active.into(),
            kind: kind.into(),
            remains: false,
            result: "success".into(),
            file: String::new(),
        };
        let table = [
            // before, act, way back, after, whether that is what the act leads to
            (unit("active", "loaded", ""), "stop", Some("start"), unit("inactive", "loaded", ""), true),
            (unit("inactive", "loaded", ""), "stop", None, unit("deactivating", "loaded", ""), false),
            (unit("inactive", "loaded", ""), "start", Some("stop"), unit("active", "loaded", ""), true),
            (unit("active", "loaded", ""), "start", None, unit("inactive", "loaded", "oneshot"), true),
            (unit("active", "loaded", ""), "restart", None, unit("activating", "loaded", "oneshot"), false),
            (unit("active", "loaded", ""), "mask", Some("unmask"), unit("active", "masked", ""), true),
            (unit("active", "masked", ""), "mask", None, unit("active", "loaded", ""), false),
            (unit("inactive", "masked", ""), "unmask", Some("mask"), unit("inactive", "loaded", ""), true),
        ];
        for (before, act, back, after, right) in table {
            assert_eq!((before.way_back(act), after.is_after(act)), (back, right), "{act} of {before:?}");
        }
        let failed = Unit { result: "exit-code".into(), ..unit("inactive", "loaded", "oneshot") };
        assert!(!failed.is_after("start"));
    }

    #[test]
    fn a_mask_that_another_file_comes_before_is_refused() {
        let unit = |file: &str, load: &str| Unit { file: file.into(), load: load.into(), ..Unit::default() };
        let table = [
            ("/lib/systemd/system/u.service", "loaded", "mask", false),
            ("/nix/store/x/u.service", "loaded", "mask", false),
            ("/etc/systemd/system/u.service", "loaded", "mask", true),
            ("/etc/systemd/system/u.service", "loaded", "stop", false),
            ("/run/systemd/transient/u.service", "loaded", "mask", true),
            ("/run/systemd/system/u.service", "loaded", "mask", true),
            ("/run/systemd/system/u.service", "masked", "mask", false),
            ("/run/systemd/system/u.service", "masked", "unmask", false),
            ("/etc/systemd/system/u.service", "masked", "unmask", true),
        ];
        for (file, load, act, refused) in table {
            assert_eq!(unit(file, load).refuses(act).is_some(), refused, "{act} of {file}, {load}");
        }
    }
}
