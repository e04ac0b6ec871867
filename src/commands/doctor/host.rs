//! This machine: programs, the state directory, disk, and what a broken connection would end.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::engine::Seen;
use super::line::Line;
use crate::commands::open::Session;
use crate::context::{Connection, Context};
use crate::error::{CommandError, Exit};
use crate::host::DEFAULT_STATE;
use crate::model::contract::Params;
use crate::process;

/// Free space that documents and host state need, in MiB: captures and evidence are small, a full disk is not.
const DOCUMENTS_MIB: u64 = 100;
/// Free space that the engine needs to start every service again, in MiB.
const ENGINE_MIB: u64 = 1024;

/// The one program that everything needs.
pub fn programs() -> Vec<Line> {
    let spec = process::Spec::new(["git", "--version"]);
    vec![match process::run(&spec) {
        Err(error) => Line::wrong(Exit::Unknown, "git", error.to_string(), "git 2.31 or newer", "apt-get install git"),
        Ok(done) => {
            let text = done.text();
            let version = text.split(' ').nth(2).unwrap_or_default();
            let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
            let pair = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            if pair >= (2, 31) {
                Line::ok("git", version)
            } else {
                Line::wrong(Exit::Unknown, "git", text.clone(), "git 2.31 or newer", "apt-get install git")
            }
        }
    }]
}

/// Looks.
pub fn look(context: &Context, session: Option<&Session>, seen: &Seen, lines: &mut Vec<Line>) {
    lines.push(match context.machine() {
        Ok(_) => Line::ok("machine's id", "is there"),
        Err(error) => Line::refused("machine's id", &error, "an id, by which records tell machines apart"),
    });
    if let Some(session) = session {
        commands(session, seen, lines);
        lines.push(state(context, session, seen));
    }
    disk(context, session, seen, lines);
    lines.push(connection(context));
}

/// Whether the programs that criteria and steps run are there; only where they would run.
fn commands(session: &Session, seen: &Seen, lines: &mut Vec<Line>) {
    let contract = &session.contract;
    let steps = contract.steps.iter().flat_map(|step| {
        let after = step.postflight.iter().map(|criterion| &criterion.params);
        std::iter::once(&step.params).chain(after)
    });
    let all = contract.criteria().map(|(_, criterion)| &criterion.params).chain(steps);
    let mut programs: Vec<&str> = all.filter_map(program).collect();
    programs.sort_unstable();
    programs.dedup();
    if programs.is_empty() {
        return;
    }
    let what = "contract's programs";
    if !seen.here {
        let next =
            if seen.engine_id.is_none() { seen.remedy.as_str() } else { "countersign doctor, on the engine's machine" };
        lines.push(Line::unknown(what, "they run on the engine's machine, and this is not known to be it", next));
        return;
    }
    let missing: Vec<&str> = programs.iter().copied().filter(|program| process::lookup(program).is_none()).collect();
    lines.push(if missing.is_empty() {
        Line::ok(what, programs.join(", "))
    } else {
        let found = format!("{} not found in {}", missing.join(", "), process::PATH);
        Line::wrong(
            Exit::Failed,
            what,
            found,
            "each, by an absolute path or in that path",
            "install them, or adapt `argv` in the contract",
        )
    });
}

fn program(params: &Params) -> Option<&str> {
    params.list("argv").first().map(String::as_str)
}

/// The directory of host state, without making it.
fn state(context: &Context, session: &Session, seen: &Seen) -> Line {
    let what = "host state";
    let Some(engine) = &seen.engine_id else {
        return Line::unknown(what, "it belongs to an engine, and none could be asked", &seen.remedy);
    };
    let directory = match session.host_state(engine) {
        Ok(state) => state.directory().to_owned(),
        Err(error) => return Line::refused(what, &error, "a place outside every repository"),
    };
    let shown = directory.display();
    match fs::symlink_metadata(&directory) {
        Ok(there) if !there.is_dir() => {
            let next = "countersign doctor --state DIR";
            Line::wrong(Exit::Role, what, format!("{shown} is no directory"), "a directory of mode 0700", next)
        }
        Ok(there) if there.mode() & 0o077 != 0 => {
            let found = format!("{shown} has mode {:04o}", there.mode() & 0o777);
            Line::wrong(Exit::Role, what, found, "mode 0700: captures are not redacted", format!("chmod 0700 {shown}"))
        }
        Ok(there) if there.uid() != context.uid() => Line::advice(
            what,
            format!("{shown} belongs to uid {}: that user runs the steps, not uid {}", there.uid(), context.uid()),
            "nothing, unless this user is to run steps",
            "run steps as that user, or with --state DIR",
        ),
        Ok(_) => match session.host_state(engine).and_then(|state| state.ledger().map_err(CommandError::from)) {
            Ok(ledger) => Line::ok(what, format!("{shown}, {} entries in the ledger", ledger.entries.len())),
            Err(error) => Line::refused(what, &error, "a ledger that can be read"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = existing(&directory);
            if access(&above, Access::WRITE_OK).is_ok() {
                Line::ok(what, format!("{shown} is not there yet and can be made"))
            } else {
                let found =
                    format!("{shown} is not there, and uid {} cannot make it in {}", context.uid(), above.display());
                let next = format!("install -d -m 0700 -o USER {}, as root", shown);
                Line::advice(what, found, "a directory of the user that runs steps, or --state DIR", next)
            }
        }
        Err(error) => Line::advice(
            what,
            format!("{shown}: {error}"),
            "nothing, unless this user is to run steps",
            "run steps as its owner, or with --state DIR",
        ),
    }
}

fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(context: &Context, session: Option<&Session>, seen: &Seen, lines: &mut Vec<Line>) {
    let state = context.global.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let places = [
        ("disk of the clone", session.map(|session| session.repository.root.clone()), DOCUMENTS_MIB),
        ("disk of host state", Some(state), DOCUMENTS_MIB),
        ("disk of the engine", seen.data_root.as_ref().map(PathBuf::from), ENGINE_MIB),
    ];
    for (what, place, wanted) in places {
        let Some(place) = place else {
            if what == "disk of the engine" {
                lines.push(Line::unknown(what, "where it keeps its data is not known here", "docker info"));
            }
            continue;
        };
        let place = existing(&place);
        lines.push(match statvfs(&place) {
            Err(error) => Line::unknown(what, format!("{}: {error}", place.display()), "df -h"),
            Ok(volume) => {
                let free = volume.f_bavail.saturating_mul(volume.f_frsize) >> 20;
                let found = format!("{free} MiB and {} files free at {}", volume.f_favail, place.display());
                // A volume that counts no files (f_files = 0) has no limit on them.
                if free < wanted || (volume.f_files > 0 && volume.f_favail < 1000) {
                    let wanted = format!("at least {wanted} MiB and 1000 files");
                    Line::wrong(Exit::Failed, what, found, wanted, "df -h; df -i")
                } else {
                    Line::ok(what, found)
                }
            }
        });
    }
}

fn connection(context: &Context) -> Line {
    let what = "connection";
    match context.connection() {
        Connection::Multiplexer(name) => Line::ok(what, format!("inside {name}: a broken connection ends nothing")),
        Connection::Remote => Line::advice(
            what,
            "over SSH, outside tmux and screen: a broken connection ends a run (countersign builder resume goes on with it)",
            "a session that outlives the connection",
            "tmux new -s countersign",
        ),
        Connection::Local => Line::ok(what, "not over SSH"),
    }
}
