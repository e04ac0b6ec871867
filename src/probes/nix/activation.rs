//! What a switch to a built system would stop and start, by that system's own word (`switch-to-configuration dry-activate`).
//!
//! That runs a program of the system, so it is asked only where a step is about to do the same. It changes nothing; what it
//! prints is the one description of a switch that there is (nixpkgs, "What happens during a system switch").

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::model::contract::Params;
use crate::probes::seen::{Seen, texts};
use crate::process::{self, Spec};

/// The program, beneath a system.
const PROGRAM: &str = "bin/switch-to-configuration";
/// What it prints in every run.
const ALWAYS: &str = "would activate the configuration...";
/// How a list of units begins, and the word for it.
const LISTS: [(&str, &str); 5] = [
    ("would stop the following units: ", "stop"),
    ("would restart the following units: ", "restart"),
    ("would start the following units: ", "start"),
    ("would reload the following units: ", "reload"),
    ("would NOT stop the following changed units: ", "leave"),
];

/// Asks a built system; what it printed.
///
/// # Errors
///
/// It may not be asked now, is not built here, or did not answer whole.
pub(super) fn ask(root: &Path, built: &Path, may: &Result<(), String>, timeout: Duration) -> Result<String, String> {
    may.clone()?;
    let program = root.join(built.strip_prefix("/").unwrap_or(built)).join(PROGRAM);
    if !program.is_file() {
        return Err(format!("it is not built here, {PROGRAM} is not there: nixos-rebuild build"));
    }
    let argv = [program.as_os_str(), "dry-activate".as_ref()];
    let done = process::run(&Spec::new(argv).timeout(timeout.mul_f32(0.4))).map_err(|error| error.to_string())?;
    if !done.ok() || done.truncated {
        return Err(format!("dry-activate: {}", done.complaint()));
    }
    Ok(done.text() + "\n" + &String::from_utf8_lossy(&done.stderr))
}

/// The units by what would become of them; `None` for an answer that is not in the program's form. Pure.
fn units(told: &str) -> Option<BTreeMap<&'static str, Vec<&str>>> {
    let mut units: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in told.lines() {
        if let Some((rest, what)) = LISTS.iter().find_map(|(begin, what)| Some((line.strip_prefix(begin)?, *what))) {
            units.entry(what).or_default().extend(rest.split(',').map(str::trim).filter(|unit| !unit.is_empty()));
        } else if line.starts_with("would ") && line.contains("following") {
            // In words that are not known a unit could be stopped unseen.
            return None;
        }
    }
    told.lines().any(|line| line == ALWAYS).then_some(units)
}

/// Judges what was printed. Pure.
pub(super) fn judge(params: &Params, running: &Path, built: &Path, told: &str) -> Seen {
    let Some(units) = units(told) else {
        return Seen::unknown("nix.generation: what dry-activate printed is not in its known form").raw(told);
    };
    let declared = params.list("keeps");
    let keeps =
        if declared.is_empty() { vec!["docker.service"] } else { declared.iter().map(String::as_str).collect() };
    let of = |what: &str| units.get(what).cloned().unwrap_or_default();
    let ended: Vec<&str> = of("stop").into_iter().chain(of("restart")).collect();
    let hit: Vec<&str> = keeps.iter().copied().filter(|unit| ended.contains(unit)).collect();
    let seen = if hit.is_empty() {
        Seen::held(format!(
            "a switch to {} stops or restarts {} units, none of {}",
            built.display(),
            ended.len(),
            keeps.join(", ")
        ))
    } else {
        Seen::failed(format!(
            "a switch to {} stops or restarts {}: every container would stop with the engine; leave what changes it to a window \
             of its own",
            built.display(),
            hit.join(", ")
        ))
    };
    let lists: toml::Table = units.iter().map(|(what, list)| ((*what).to_owned(), texts(list))).collect();
    seen.fact("store_path", built.display().to_string())
        .reading("running", running.display().to_string())
        .reading("units", lists)
        .raw(told)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    /// In the form that the program of nixpkgs prints; written down, not run: this needs a NixOS.
    const QUIET: &str = "would stop the following units: swarm-init.service\n\
        would NOT stop the following changed units: systemd-journal-flush.service\n\
        would activate the configuration...\n\
        would reload the following units: dbus.service\n\
        would restart the following units: nscd.service, polkit.service\n\
        would start the following units: swarm-init.service\n";

    #[test]
    fn held_failed_and_unknown() {
        let (old, new) = (Path::new("/nix/store/a"), Path::new("/nix/store/b"));
        let docker = QUIET.replace("nscd.service", "docker.service, nscd.service");
        let stopped = QUIET.replace("units: swarm-init.service\nwould NOT", "units: docker.service\nwould NOT");
        let keeps = |unit: &str| Params([("keeps".to_owned(), Param::List(vec![unit.to_owned()]))].into());
        let none = Params::default();
        let table = [
            (&none, QUIET, Outcome::Held, "stops or restarts 3 units, none of docker.service"),
            (&none, "would activate the configuration...\n", Outcome::Held, "stops or restarts 0 units"),
            (&none, &docker, Outcome::Failed, "stops or restarts docker.service"),
            (&none, &stopped, Outcome::Failed, "stops or restarts docker.service"),
            (&keeps("polkit.service"), QUIET, Outcome::Failed, "stops or restarts polkit.service"),
            (&keeps("dbus.service"), QUIET, Outcome::Held, "none of dbus.service"),
            (&none, "", Outcome::Unknown, "not in its known form"),
            (
                &none,
                "would halt the following units: docker.service\nwould activate the configuration...\n",
                Outcome::Unknown,
                "",
            ),
        ];
        for (params, told, outcome, word) in table {
            let seen = judge(params, old, new, told);
            assert_eq!(seen.outcome, outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
        assert_eq!(
            judge(&none, old, new, QUIET).readings["units"]["restart"],
            texts(["nscd.service", "polkit.service"])
        );
    }

    #[test]
    fn a_system_that_may_not_be_asked_or_does_not_answer_is_not_known() {
        let root = tempfile::tempdir().expect("a directory");
        let built = PathBuf::from("/nix/store/b");
        let ask = |may: Result<(), String>| super::ask(root.path(), &built, &may, Duration::from_secs(2));
        let why = |asked: Result<String, String>| asked.expect_err("not known");
        assert_eq!(why(ask(Err("not now".into()))), "not now");
        assert!(why(ask(Ok(()))).contains("not built here"));
        let program = root.path().join("nix/store/b").join(PROGRAM);
        fs::create_dir_all(program.parent().expect("a parent")).expect("made");
        for (script, word) in
            [("exit 1", "exit code 1"), ("sleep 30", "sleep"), ("echo no right >&2; exit 100", "no right")]
        {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
            let why = why(ask(Ok(())));
            assert!(why.contains(word) || script.starts_with("sleep"), "{why}");
        }
        fs::write(&program, "#!/bin/sh\n[ \"$1\" = dry-activate ] && echo 'would activate the configuration...' >&2\n")
            .expect("written");
        assert!(ask(Ok(())).is_ok_and(|told| units(&told).is_some()));
    }
}
