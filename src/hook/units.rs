//! Units of the system, the host's configuration, and the host itself.

use super::act::Act;
use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::word::Word;

/// Options of `systemctl` with a value (systemctl(1)).
const SYSTEMCTL: &[&str] = &[
    "-H",
    "--host",
    "-M",
    "--machine",
    "-t",
    "--type",
    "--state",
    "-p",
    "--property",
    "-P",
    "--kill-whom",
    "--kill-who",
    "-s",
    "--signal",
    "--what",
    "-n",
    "--lines",
    "-o",
    "--output",
    "--job-mode",
    "--root",
    "--image",
    "--preset-mode",
    "--message",
    "--when",
    "--timestamp",
];
/// Verbs that end or restart a unit, or keep it from starting.
const ENDING: &[&str] = &[
    "stop",
    "restart",
    "try-restart",
    "reload-or-restart",
    "try-reload-or-restart",
    "condrestart",
    "force-reload",
    "kill",
    "mask",
    "disable",
    "isolate",
    "freeze",
    "clean",
    "revert",
];
/// Verbs that end everything.
const HOST: &[&str] =
    &["reboot", "poweroff", "halt", "kexec", "soft-reboot", "rescue", "emergency", "suspend", "hibernate"];
/// Options of `nixos-rebuild` with a value.
const REBUILD: &[&str] = &[
    "--flake",
    "-I",
    "-f",
    "--file",
    "-A",
    "--attr",
    "-p",
    "--profile-name",
    "-c",
    "--specialisation",
    "--target-host",
    "--build-host",
    "--option",
    "--max-jobs",
    "-j",
    "--cores",
    "--builders",
    "--override-input",
    "--update-input",
];

/// Reads one of the programs.
pub fn read(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    match program {
        "systemctl" => systemctl(reader, arguments),
        // service(8): the unit first, then the verb.
        "service" => {
            if let [unit, verb, ..] = arguments
                && verb.text().is_none_or(|verb| ENDING.contains(&verb) || verb == "full-restart")
            {
                unit_act(reader, &verb.shown(), unit);
            }
        }
        "pkill" | "killall" => {
            let read = Arguments::read(arguments, Known::Valued(&["-s", "-u", "-g", "--signal"]), End::Anywhere);
            for name in read.rest {
                let meant = match name.text() {
                    Some("dockerd") => Word::plain("docker"),
                    _ => name.clone(),
                };
                unit_act(reader, program, &meant);
            }
        }
        "nixos-rebuild" => rebuild(reader, program, arguments),
        // What nixos-rebuild itself runs last.
        "switch-to-configuration" => rebuild(reader, program, arguments),
        "nh" => {
            if let Some(("os", rest)) = arguments.split_first().and_then(|(kind, rest)| Some((kind.text()?, rest))) {
                rebuild(reader, "nh os", rest);
            }
        }
        _ => host(reader, program, arguments),
    }
}

fn unit_act(reader: &mut Reader<'_>, verb: &str, unit: &Word) {
    reader.does(Act::Unit { verb: verb.to_owned(), unit: unit.clone() }, format!("{verb} {}", unit.shown()));
}

fn systemctl(reader: &mut Reader<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(SYSTEMCTL), End::Anywhere);
    // A user's own units are not the system's.
    if read.has(&["--user", "--help", "--version", "--dry-run"]) {
        return;
    }
    let Some((verb, units)) = read.rest.split_first() else { return };
    match verb.text() {
        Some(name) if ENDING.contains(&name) => {
            for unit in units {
                unit_act(reader, name, unit);
            }
        }
        Some(name) if HOST.contains(&name) => host(reader, name, &[]),
        Some(_) => {}
        None => {
            for unit in units {
                reader.doubting("what is done to it is known only when it runs", |reader| unit_act(reader, "…", unit));
            }
            if units.is_empty() {
                reader.unread("what `systemctl` is told is known only when it runs".into());
            }
        }
    }
}

fn rebuild(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(REBUILD), End::Anywhere);
    if read.has(&["--help"]) {
        return;
    }
    let Some(verb) = read.rest.first() else { return };
    let typed = format!("{program} {}", verb.shown());
    match verb.text() {
        Some("switch" | "boot" | "test") => reader.does(Act::Switch { typed: typed.clone() }, typed),
        Some(_) => {}
        None => reader.doubting("what it is told is known only when it runs", |reader| {
            reader.does(Act::Switch { typed: typed.clone() }, typed);
        }),
    }
}

/// The host itself goes down, and with it everything.
fn host(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    if !arguments.iter().any(|word| ["--help", "-c", "-k", "--show"].iter().any(|option| word.is(option))) {
        reader.unread(format!("`{program}` ends everything that runs on the host"));
    }
}
