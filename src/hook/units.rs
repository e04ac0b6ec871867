//! Units of the system, the host's configuration, and the host itself.

use super::act::{Act, Deed};
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

/// Targets that end everything, as verbs that start one.
fn ends_everything(target: &str) -> bool {
    let name = target.strip_suffix(".target");
    name.is_some_and(|name| {
        HOST.contains(&name) || matches!(name, "shutdown" | "runlevel0" | "runlevel1" | "runlevel6")
    })
}

/// This program.
const OURS: &str = "countersign";
/// Signals that end nothing.
const HARMLESS: &[&str] = &["-0", "-1", "-HUP", "-SIGHUP", "-USR1", "-SIGUSR1"];
/// Where engine and interlock keep what is their own.
const PLACES: &[&str] = &[
    "/var/lib/docker",
    "/run/docker",
    "/var/run/docker",
    "/var/lib/countersign",
    "/var/log/countersign",
    "/etc/countersign",
];

fn words_of(arguments: &[Word]) -> String {
    arguments.iter().map(|word| word.shown()).collect::<Vec<_>>().join(" ")
}

/// Reads one of the programs; says whether this was one.
pub fn read(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) -> bool {
    match program {
        "systemctl" => systemctl(reader, arguments),
        // service(8): the unit first, then the verb.
        "service" | "rc-service" | "invoke-rc.d" => {
            if let [unit, verb, ..] = arguments
                && verb.text().is_none_or(|verb| ENDING.contains(&verb) || verb == "full-restart")
            {
                unit_act(reader, &verb.shown(), unit);
            }
        }
        // A look whether it is there, a reload, a dump: nothing ends.
        "pkill" | "killall" | "kill" if arguments.iter().any(|word| HARMLESS.iter().any(|signal| word.is(signal))) => {}
        "pkill" | "killall" => killed_by_name(reader, program, arguments),
        "kill" => {
            // `kill $(pidof dockerd)`
            let of_engine =
                |output: &str| ["dockerd", "containerd", "docker.pid"].iter().any(|name| output.contains(name));
            if arguments.iter().filter_map(Word::output).any(of_engine) {
                unit_act(reader, program, &Word::plain("docker"));
            }
            if arguments.iter().filter_map(Word::output).any(|output| output.contains(OURS)) {
                reader.unread(format!("`{program}` ends {OURS}"));
            }
        }
        // What opens a way past all of it is a person's to type.
        OURS if arguments.iter().any(|word| word.is("door") || word.is("break-glass")) => {
            reader.unread(format!("`{OURS} {}` opens a way past what is guarded", words_of(arguments)));
        }
        OURS => return false,
        "busctl" => {
            let ends =
                |word: &Word| ["StopUnit", "RestartUnit", "KillUnit", "MaskUnitFiles"].iter().any(|verb| word.is(verb));
            if arguments.iter().any(ends) {
                arguments
                    .iter()
                    .filter(|word| word.end().contains('.'))
                    .for_each(|unit| unit_act(reader, program, unit));
            }
        }
        "nixos-rebuild" | "nixos-rebuild-ng" => rebuild(reader, program, arguments),
        // What nixos-rebuild itself runs last.
        "switch-to-configuration" => rebuild(reader, program, arguments),
        "nh" => {
            if let Some(at) = arguments.iter().position(|word| word.is("os")) {
                rebuild(reader, "nh os", &arguments[at + 1..]);
            }
        }
        "nix-env" => {
            let system = arguments.iter().any(|word| word.shown().contains("profiles/system"));
            let moves =
                |word: &Word| ["--rollback", "--set", "-G", "--switch-generation"].iter().any(|text| word.is(text));
            if system && arguments.iter().any(moves) {
                switches(reader, "nix-env … profiles/system");
            }
        }
        "colmena" if arguments.iter().any(|word| word.is("apply") || word.is("apply-local")) => {
            switches(reader, "colmena apply");
        }
        // deploy-rs
        "deploy" if arguments.iter().any(|word| word.start().starts_with(".#")) => switches(reader, "deploy"),
        "init" | "telinit" if arguments.iter().any(|word| ["0", "1", "6"].iter().any(|level| word.is(level))) => {
            host(reader, program, arguments);
        }
        // The engine's own files, and what is believed of it.
        "rm" | "mv" => {
            let own = |word: &&Word| {
                let below = |place: &&str| {
                    word.start().strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                PLACES.iter().any(below)
            };
            if let Some(place) = arguments.iter().find(own) {
                reader.unread(format!(
                    "`{program}` takes `{}` away, which is the engine's or {OURS}'s own",
                    place.shown()
                ));
            }
        }
        // The client of Co-op Cloud: an app's stack is named as its domain, with `_` for each dot.
        "abra" => {
            let words: Vec<&str> =
                arguments.iter().filter_map(Word::text).filter(|word| !word.starts_with('-')).collect();
            if let ["app" | "a", "undeploy" | "un" | "remove" | "rm", name, ..] = words.as_slice() {
                let deed = Deed::RemoveStack(Word::plain(name.replace('.', "_")));
                reader.does(Act::Engine(deed), format!("abra app undeploy {name}"));
            }
        }
        "reboot" | "shutdown" | "poweroff" | "halt" => host(reader, program, arguments),
        _ => return false,
    }
    true
}

/// `pkill` takes a pattern, `killall` a name.
fn killed_by_name(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(&["-s", "-u", "-g", "--signal"]), End::Anywhere);
    for name in read.rest.iter().filter_map(|word| word.text()) {
        if name.contains(OURS) {
            reader.unread(format!("`{program}` ends {OURS}"));
            continue;
        }
        let daemon = ["dockerd", "containerd"].into_iter().find(|daemon| match program {
            "pkill" => {
                !name.is_empty() && (daemon.contains(name) || name.split(['/', ' ']).any(|part| part == *daemon))
            }
            _ => name == *daemon,
        });
        let unit = if daemon == Some("dockerd") { "docker" } else { daemon.unwrap_or(name) };
        unit_act(reader, program, &Word::plain(unit));
    }
}

fn switches(reader: &mut Reader<'_>, typed: &str) {
    reader.does(Act::Switch { typed: typed.to_owned() }, typed);
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
        // It ends everything that the target does not want.
        Some("isolate") => host(reader, "isolate", &[]),
        Some("start") if units.iter().any(|unit| unit.text().is_some_and(ends_everything)) => {
            host(reader, "start", &[])
        }
        Some(name) if ENDING.contains(&name) => {
            for unit in units {
                if unit.is("system.slice") || unit.is("-.slice") {
                    host(reader, name, &[]);
                }
                unit_act(reader, name, unit);
            }
        }
        Some(name) if HOST.contains(&name) => host(reader, name, &[]),
        Some(_) => {}
        None => {
            // Where not even the program is known, a unit that is not either says nothing.
            for unit in units.iter().filter(|unit| !reader.doubts() || !unit.is_open()).copied().collect::<Vec<_>>() {
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
    // Options that are not known may have values.
    let verb = read.rest.iter().find(|word| ["switch", "boot", "test"].iter().any(|verb| word.is(verb)));
    match verb.or(read.rest.iter().find(|word| word.is_open())) {
        Some(verb) if verb.is_open() => {
            let typed = format!("{program} {}", verb.shown());
            reader.doubting("what it is told is known only when it runs", |reader| switches(reader, &typed));
        }
        Some(verb) => switches(reader, &format!("{program} {}", verb.shown())),
        None => {}
    }
}

/// The host itself goes down, and with it everything.
fn host(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    if !arguments.iter().any(|word| ["--help", "-c", "-k", "--show"].iter().any(|option| word.is(option))) {
        reader.unread(format!("`{program}` ends everything that runs on the host"));
    }
}
