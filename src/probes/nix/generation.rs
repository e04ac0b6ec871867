//! `nix.generation`: the system that runs is the one that was switched to, and, with `flake`, the one that a switch would build;
//! with `dry_activate`, a switch to that one stops no unit that must go on.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{activation, complaint};
use crate::model::contract::Params;
use crate::probes::seen::Seen;
use crate::process::{self, Spec};

/// The system that runs.
const RUNNING: &str = "run/current-system";
/// The system that the next boot takes; `nixos-rebuild test` does not set it.
const PROFILE: &str = "nix/var/nix/profiles/system";

/// What may be done to look.
#[derive(Debug, Clone)]
pub struct Rights {
    /// Who evaluates a flake: a user that has neither keys nor the engine's socket.
    pub uid: Option<u32>,
    /// Whether the system that a switch would build may be asked, or why not.
    pub may_activate: Result<(), String>,
}

/// Looks.
pub fn look(root: &Path, params: &Params, rights: &Rights, timeout: Duration) -> Seen {
    let (running, profile) = match (system(root, RUNNING), system(root, PROFILE)) {
        (Ok(running), Ok(profile)) => (running, profile),
        (Err(why), _) | (_, Err(why)) => return Seen::unknown(format!("nix.generation: {why}")),
    };
    let built = match (params.text("flake"), rights.uid) {
        (None, _) => None,
        (Some(_), None) => {
            return Seen::unknown(
                "nix.generation: a flake is evaluated only under the contract's `nix_eval_uid`, and it names none",
            );
        }
        (Some(flake), Some(uid)) => match evaluate(flake, uid, timeout) {
            Ok(built) => Some(built),
            Err(why) => return Seen::unknown(format!("nix.generation: {why}")),
        },
    };
    match (params.flag("dry_activate"), built) {
        (false, built) => judge(&running, &profile, built.as_deref()),
        (true, None) => Seen::unknown("nix.generation: `dry_activate` asks the system of a `flake`, and none is named"),
        (true, Some(built)) => match activation::ask(root, &built, &rights.may_activate, timeout) {
            Ok(told) => activation::judge(params, &running, &built, &told),
            Err(why) => Seen::unknown(format!("nix.generation: {}: {why}", built.display())),
        },
    }
}

/// The real path of a system's link.
fn system(root: &Path, link: &str) -> Result<PathBuf, String> {
    let real = fs::canonicalize(root.join(link)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no /{link}: this is no NixOS"),
        _ => format!("/{link} cannot be read: {error}"),
    })?;
    let beneath = real.strip_prefix(fs::canonicalize(root).unwrap_or_else(|_| root.to_owned())).unwrap_or(&real);
    let real = Path::new("/").join(beneath);
    if real.starts_with("/nix/store") {
        Ok(real)
    } else {
        Err(format!("/{link} is {}, not in the store", real.display()))
    }
}

/// Judges the paths. Pure.
fn judge(running: &Path, profile: &Path, built: Option<&Path>) -> Seen {
    let seen = if running != profile {
        Seen::failed(format!(
            "{} runs, and the system profile is {}: a test or a boot that was not finished; nixos-rebuild switch",
            running.display(),
            profile.display()
        ))
    } else if let Some(built) = built.filter(|built| *built != running) {
        Seen::failed(format!(
            "{} runs, and a switch would build {}: nixos-rebuild switch",
            running.display(),
            built.display()
        ))
    } else {
        Seen::held(format!("{} runs and is the system profile", running.display()))
    };
    let line = |what: &str, path: &Path| format!("{what} {}\n", path.display());
    let built = built.map(|built| line("a switch would build", built)).unwrap_or_default();
    seen.fact("store_path", running.display().to_string())
        .raw(line("running", running) + &line("system profile", profile) + &built)
}

fn evaluate(flake: &str, uid: u32, timeout: Duration) -> Result<PathBuf, String> {
    let features = ["--extra-experimental-features", "nix-command flakes"];
    let argv = ["nix"].into_iter().chain(features).chain(["eval", "--raw", "--no-write-lock-file", "--", flake]);
    let home = home_of(uid).map_err(|error| format!("no place for the evaluation's cache: {error}"))?;
    let mut spec = Spec::new(argv).timeout(timeout.mul_f32(0.9)).env("HOME", home.path());
    spec.uid = Some(uid);
    let done = process::run(&spec).map_err(|error| error.to_string())?;
    if !done.ok() || done.truncated {
        return Err(format!("`nix eval {flake}`: {}", complaint(&done)));
    }
    store_path(&done.text()).ok_or_else(|| format!("`nix eval {flake}` gave no path of the store"))
}

/// A home that goes when it is dropped: without one that it can write to, nix evaluates no flake (it keeps a cache of what it
/// fetched there), and the user that evaluates has none of its own.
fn home_of(uid: u32) -> io::Result<tempfile::TempDir> {
    let home = tempfile::tempdir()?;
    chown(home.path(), Some(uid), None)?;
    Ok(home)
}

/// One path of the store, and nothing else.
fn store_path(text: &str) -> Option<PathBuf> {
    let plain = text.strip_prefix("/nix/store/")?;
    let right = !plain.is_empty() && plain.chars().all(|c| c.is_ascii_alphanumeric() || "+-._?=".contains(c));
    right.then(|| PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    /// A machine whose two links point to these systems, in NixOS's own form.
    fn machine(running: &str, profile: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for path in ["run", "nix/var/nix/profiles", "nix/store"] {
            fs::create_dir_all(root.path().join(path)).expect("made");
        }
        for (link, system) in [(RUNNING, running), (PROFILE, profile)] {
            if !system.is_empty() {
                let store = root.path().join("nix/store").join(system);
                fs::create_dir_all(&store).expect("made");
                symlink(&store, root.path().join(link)).expect("linked");
            }
        }
        root
    }

    #[test]
    fn held_failed_and_each_way_of_unknown() {
        let (old, new) = ("aaaa-nixos-system-host-24.05", "bbbb-nixos-system-host-24.05");
        let rights = Rights { uid: None, may_activate: Ok(()) };
        let look =
            |root: &tempfile::TempDir, params: &Params| look(root.path(), params, &rights, Duration::from_secs(5));
        let none = Params::default();
        let held = look(&machine(new, new), &none);
        assert_eq!(held.facts["store_path"].as_str(), Some(&*format!("/nix/store/{new}")), "{}", held.says);
        assert_eq!(held.outcome, Outcome::Held);
        let tested = look(&machine(new, old), &none);
        assert!(tested.outcome == Outcome::Failed && tested.says.contains("nixos-rebuild switch"), "{}", tested.says);
        let elsewhere = look(&machine("", ""), &none);
        assert!(elsewhere.outcome == Outcome::Unknown && elsewhere.says.contains("no NixOS"), "{}", elsewhere.says);
        let flake = Params([("flake".to_owned(), Param::Text("x#y".into()))].into());
        let forbidden = look(&machine(new, new), &flake);
        assert!(forbidden.outcome == Outcome::Unknown && forbidden.says.contains("nix_eval_uid"), "{}", forbidden.says);
        let elsewhere = machine(new, new);
        std::fs::remove_file(elsewhere.path().join(RUNNING)).expect("removed");
        symlink("/etc", elsewhere.path().join(RUNNING)).expect("linked");
        let outside = look(&elsewhere, &none);
        assert!(outside.outcome == Outcome::Unknown && outside.says.contains("not in the store"), "{}", outside.says);
        let dry = look(&machine(new, new), &Params([("dry_activate".to_owned(), Param::Flag(true))].into()));
        assert!(dry.outcome == Outcome::Unknown && dry.says.contains("none is named"), "{}", dry.says);
        let (new, old) = (Path::new("/nix/store/b"), Path::new("/nix/store/a"));
        assert_eq!(judge(new, new, Some(new)).outcome, Outcome::Held);
        assert_eq!(judge(new, new, Some(old)).outcome, Outcome::Failed);
    }

    /// Real nix says what a switch would build; the machine is a tree in NixOS's form.
    #[test]
    fn real_nix_evaluates_a_flake_with_nothing_of_the_caller_s() {
        if !crate::probes::nix::real::is_here() {
            return;
        }
        let flake = tempfile::tempdir().expect("a directory");
        let system = "derivation { name = \"nixos-system-host\"; system = \"x\"; builder = \"/none\"; }";
        fs::write(
            flake.path().join("flake.nix"),
            format!("{{ outputs = {{ self }}: {{ system = {system}; word = \"x\"; }}; }}"),
        )
        .expect("written");
        let uid = rustix::process::getuid().as_raw();
        let named = |attribute: &str| format!("path:{}#{attribute}", flake.path().display());
        let limit = Duration::from_secs(60);
        let built = evaluate(&named("system"), uid, limit).expect("evaluated");
        let name = built.strip_prefix("/nix/store").expect("in the store").to_string_lossy().into_owned();
        assert!(name.ends_with("-nixos-system-host"), "{name}");
        let params = Params([("flake".to_owned(), Param::Text(named("system")))].into());
        let rights = Rights { uid: Some(uid), may_activate: Ok(()) };
        let held = look(machine(&name, &name).path(), &params, &rights, limit);
        assert_eq!(held.outcome, Outcome::Held, "{}", held.says);
        let (old, told) = ("aaaa-nixos-system-host-24.05", format!("a switch would build {}", built.display()));
        let failed = look(machine(old, old).path(), &params, &rights, limit);
        assert!(failed.outcome == Outcome::Failed && failed.says.contains(&told), "{}", failed.says);
        for (attribute, word) in [("missing", "error: flake '"), ("word", "gave no path of the store")] {
            let none = evaluate(&named(attribute), uid, limit).expect_err("nothing to build");
            assert!(none.contains(word), "{none}");
        }
    }

    #[test]
    fn only_a_path_of_the_store_is_an_answer() {
        assert!(store_path("/nix/store/bbbb-nixos-system-host-24.05.20240601.abc").is_some());
        for wrong in ["", "/nix/store/", "/etc/passwd", "/nix/store/../x", "/nix/store/a/b", "warning\n/nix/store/a"] {
            assert_eq!(store_path(wrong), None, "{wrong}");
        }
    }
}
