//! One transient timer of systemd and the service that it starts. The service stays loaded after its end (`RemainAfterExit`), so that
//! it can be told when it ran and how that ended.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::{self, PATH, Spec};

/// What a timer runs: what the step's undo would run, with the same words, place, user and variables.
#[derive(Debug)]
pub(super) struct Reverse {
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    /// Where it runs.
    pub(super) cwd: PathBuf,
    /// User and group.
    pub(super) owner: (u32, u32),
}

/// Where a timer and its service are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It waits for its time.
    Waits {
        /// When it was set.
        set: String,
    },
    /// Its service runs.
    Runs {
        /// When it began.
        since: String,
    },
    /// Its service came to its end.
    Ran {
        /// When it began.
        at: String,
        /// How it ended, in systemd's word.
        result: String,
    },
    /// Neither is there: it was stopped before its time, or the machine was started anew.
    Gone,
}

impl Reverse {
    /// The words behind systemd-run's options.
    fn words(&self) -> Result<Vec<String>, String> {
        let found = |name: &str| {
            let path = process::lookup(name).ok_or_else(|| format!("there is no program `{name}` in {PATH}"))?;
            Ok::<_, String>(path.to_string_lossy().into_owned())
        };
        let (program, args) = self.argv.split_first().ok_or("nothing to run")?;
        // A user that systemd is told of must have an entry in its database, and gets its variables and groups: a program gets none
        // of these from a step.
        let mut words = vec![found("env")?, "-i".to_owned(), format!("PATH={PATH}"), "LC_ALL=C".to_owned()];
        if self.owner != (0, 0) {
            let (uid, gid) = self.owner;
            words.push(found("setpriv")?);
            words.extend([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into(), "--".into()]);
        }
        words.push(found(program)?);
        words.extend(args.iter().cloned());
        // systemd puts variables in where a word has a `$`.
        Ok(words.into_iter().map(|word| word.replace('$', "$$")).collect())
    }
}

/// A name of which neither timer nor service is left.
pub(super) fn free(base: &str) -> Result<String, String> {
    for n in 1_u32.. {
        let name = if n == 1 { base.to_owned() } else { format!("{base}_{n}") };
        if show(&name)?.iter().all(|part| value(part, "LoadState") == "not-found") {
            return Ok(name);
        }
    }
    Err(format!("every name like {base} is taken"))
}

/// Sets it.
///
/// # Errors
///
/// It does not wait: nothing would be reversed.
pub(super) fn set(name: &str, after: Duration, reverse: &Reverse) -> Result<(), String> {
    let mut argv: Vec<String> =
        ["systemd-run", "--unit", name, "--timer-property=AccuracySec=1s"].map(String::from).into();
    argv.push("--property=RemainAfterExit=yes".to_owned());
    argv.push(format!("--on-active={}", after.as_secs()));
    argv.push(format!("--working-directory={}", reverse.cwd.display()));
    argv.push("--".to_owned());
    argv.extend(reverse.words()?);
    let set = process::run(&Spec::new(argv)).map_err(|error| error.to_string())?;
    if !set.ok() {
        return Err(format!("systemd-run: {}", set.complaint()));
    }
    match look(name)? {
        Seen::Waits { .. } => Ok(()),
        _ => Err(format!("timer {name} was set and does not wait")),
    }
}

/// Looks at it.
pub(super) fn look(name: &str) -> Result<Seen, String> {
    show(name).map(|[timer, service]| seen(&timer, &service))
}

/// Stops it, if it waits, and looks: a timer that came to its time meanwhile is seen by its service.
pub(super) fn stop(name: &str) -> Result<Seen, String> {
    let argv = ["systemctl", "stop", "--", &format!("{name}.timer")];
    process::run(&Spec::new(argv)).map_err(|error| error.to_string())?;
    look(name)
}

/// Lets systemd forget a service that has ended. What it may have left running goes on.
pub(super) fn forget(name: &str) -> Result<(), String> {
    let service = format!("{name}.service");
    let [_, shown] = show(name)?;
    let verb = match value(&shown, "SubState") {
        "exited" => "stop",
        "failed" => "reset-failed",
        _ => return Ok(()),
    };
    process::run(&Spec::new(["systemctl", verb, "--", &service])).map(|_| ()).map_err(|error| error.to_string())
}

/// What systemd says of the timer and of its service.
fn show(name: &str) -> Result<[String; 2], String> {
    let properties = "--property=LoadState,ActiveState,SubState,Result,MainPID,InactiveExitTimestamp";
    let argv = ["systemctl", "show", properties, "--", &format!("{name}.timer"), &format!("{name}.service")];
    let shown = process::run(&Spec::new(argv)).map_err(|error| error.to_string())?;
    if !shown.ok() {
        return Err(format!("systemctl show {name}: {}", shown.complaint()));
    }
    let text = shown.text();
    let parts: Vec<String> = text.split("\n\n").map(str::to_owned).filter(|part| !part.trim().is_empty()).collect();
    parts.try_into().map_err(|_| format!("systemctl show {name} did not answer for a timer and a service"))
}

fn value<'t>(part: &'t str, key: &str) -> &'t str {
    part.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default()
}

fn seen(timer: &str, service: &str) -> Seen {
    let began = value(service, "InactiveExitTimestamp").to_owned();
    let set = value(timer, "InactiveExitTimestamp").to_owned();
    let lives = !matches!(value(service, "MainPID"), "0" | "")
        || matches!(value(service, "ActiveState"), "activating" | "deactivating");
    match (value(timer, "ActiveState"), value(timer, "SubState")) {
        _ if !began.is_empty() && lives => Seen::Runs { since: began },
        _ if !began.is_empty() => Seen::Ran { at: began, result: value(service, "Result").to_owned() },
        (_, "waiting") => Seen::Waits { set },
        // Its time has come, and its service is about to begin.
        ("active", _) => Seen::Runs { since: set },
        _ => Seen::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_told_by_itself_and_by_its_service() {
        let service = |active: &str, result: &str, pid: u8, began: &str| {
            format!("MainPID={pid}\nResult={result}\nActiveState={active}\nInactiveExitTimestamp={began}")
        };
        let timer =
            |active: &str, sub: &str| format!("ActiveState={active}\nSubState={sub}\nInactiveExitTimestamp=noon");
        let ran = |result: &str| Seen::Ran { at: "one".into(), result: result.into() };
        let table = [
            (timer("active", "waiting"), service("inactive", "success", 0, ""), Seen::Waits { set: "noon".into() }),
            (timer("active", "running"), service("inactive", "success", 0, ""), Seen::Runs { since: "noon".into() }),
            (timer("active", "running"), service("active", "success", 7, "one"), Seen::Runs { since: "one".into() }),
            (timer("active", "running"), service("active", "success", 0, "one"), ran("success")),
            (timer("inactive", "dead"), service("failed", "exit-code", 0, "one"), ran("exit-code")),
            (timer("inactive", "dead"), service("inactive", "success", 0, ""), Seen::Gone),
        ];
        for (timer, service, wanted) in table {
            assert_eq!(seen(&timer, &service), wanted, "{timer}\n{service}");
        }
    }

    #[test]
    fn what_a_timer_runs_has_the_variables_and_the_user_of_a_step() {
        let argv = ["sh", "-c", "echo ${x}$y"].map(str::to_owned).to_vec();
        let words = |owner| Reverse { argv: argv.clone(), cwd: "/".into(), owner }.words().unwrap().join(" ");
        let root = words((0, 0));
        assert!(root.contains(&format!("env -i PATH={PATH} LC_ALL=C /")), "{root}");
        assert!(root.ends_with("/sh -c echo $${x}$$y"), "{root}");
        let other = words((65534, 0));
        assert!(other.contains("/setpriv --reuid=65534 --regid=0 --clear-groups -- /"), "{other}");
        let none = Reverse { argv: vec!["no-such-program-here".into()], cwd: "/".into(), owner: (0, 0) };
        assert!(none.words().unwrap_err().contains("no-such-program-here"));
    }
}
