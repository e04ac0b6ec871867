//! Which processes run, by their argv.
//!
//! A plain name is compared to the program's base name, and for an interpreter to that of its script; it sees the
//! ancestors of this process too, since an upgrade that calls this program runs. A regular expression over the whole argv
//! passes over this process and its ancestors, whose arguments may hold the expression itself.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use regex::Regex;

/// Programs among whose arguments is the program that counts; a version may stand behind their names.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ash", "ksh", "fish", "busybox", "perl", "python", "ruby", "node", "php", "lua",
    "awk", "gawk", "tclsh", "expect", "env", "sudo", "nohup",
];

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// This process or an ancestor of it.
    pub own: bool,
}

/// All processes that have an argv; kernel threads and zombies have none.
///
/// # Errors
///
/// `/proc` cannot be read, or hides the processes of others.
pub fn running(proc: &Path) -> Result<Vec<Process>, String> {
    if fs::read(proc.join("1/cmdline")).is_err() {
        return Err("the processes of others are hidden from this user: run as one who sees them".to_owned());
    }
    let own = ancestors(proc);
    let entries = fs::read_dir(proc).map_err(|error| format!("{}: {error}", proc.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", proc.display()))?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        match fs::read(entry.path().join("cmdline")) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => {
                let whole = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
                let argv = whole.split(|byte| *byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned());
                found.push(Process { pid, argv: argv.collect(), own: own.contains(&pid) });
            }
            // It ended while it was looked at.
            Err(error) if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(3) => {}
            Err(error) => return Err(format!("process {pid} cannot be looked at: {error}")),
        }
    }
    Ok(found)
}

fn ancestors(proc: &Path) -> BTreeSet<u32> {
    let mut own = BTreeSet::new();
    let mut pid = std::process::id();
    while pid > 1 && own.insert(pid) {
        let status = fs::read_to_string(proc.join(format!("{pid}/status"))).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
        pid = parent.unwrap_or(0);
    }
    own
}

/// The processes that one of the names means, each as `name (pid N)`; arguments are not shown, they may hold secrets.
///
/// # Errors
///
/// A regular expression that is none.
pub fn matching(running: &[Process], names: &[String]) -> Result<Vec<String>, String> {
    let mut hits = Vec::new();
    for name in names {
        let regex = match name.starts_with('^') {
            true => Some(Regex::new(name).map_err(|error| format!("/{name}/ is no regular expression: {error}"))?),
            false => None,
        };
        for process in running.iter().filter(|process| process.pid != std::process::id()) {
            let hit = match &regex {
                Some(regex) => !process.own && regex.is_match(&process.argv.join(" ")),
                None => is_called(&process.argv, name),
            };
            if hit {
                hits.push(format!("{name} (pid {})", process.pid));
            }
        }
    }
    Ok(hits)
}

fn is_called(argv: &[String], name: &str) -> bool {
    let base = |arg: &str| {
        let base = arg.rsplit('/').next().unwrap_or(arg).trim_start_matches('-');
        // What a wrapper of nixpkgs starts.
        base.strip_prefix('.').and_then(|inner| inner.strip_suffix("-wrapped")).unwrap_or(base).to_owned()
    };
    let Some(program) = argv.first().map(|arg| base(arg)) else { return false };
    if program == name {
        return true;
    }
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&bare) {
        return false;
    }
    // Which option takes a word (`perl -I DIR SCRIPT`) is the interpreter's to know, so every path counts, that of an option too, and
    // every word that may still be the script: up to the first path. What `-c` takes is a program's text, and not its name.
    let mut words = argv.iter().skip(1);
    let mut before = true;
    while let Some(word) = words.next() {
        if word == "-c" {
            words.next();
            before = false;
        } else if word.contains('/') {
            if base(word) == name {
                return true;
            }
            before &= word.starts_with('-');
        } else if before && base(word) == name && !word.starts_with('-') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, own: bool, argv: &[&str]) -> Process {
        Process { pid, own, argv: argv.iter().map(|arg| (*arg).to_owned()).collect() }
    }

    #[test]
    fn names_are_compared_whole_and_scripts_count() {
        let table: &[(&[&str], bool)] = &[
            (&["upgrade-all"], true),
            (&["/usr/bin/upgrade-all", "--now"], true),
            (&["/bin/bash", "-e", "/srv/upgrade-all"], true),
            (&["python3.12", "/srv/upgrade-all", "x"], true),
            (&["/usr/bin/env", "A=b", "upgrade-all"], true),
            (&["bash", "-euo", "pipefail", "/srv/upgrade-all"], true),
            (&["python3", "-X", "dev", "-W", "error", "/srv/upgrade-all"], true),
            (&["/nix/store/x/bin/.upgrade-all-wrapped", "switch"], true),
            (&["bash", "/nix/store/x/bin/.upgrade-all-wrapped"], true),
            (&["perl", "-I", "/srv/lib", "/srv/upgrade-all"], true),
            (&["/usr/bin/perl5.38", "-I/srv/lib", "/srv/upgrade-all"], true),
            (&["php8.2", "-d", "a=/x", "-f", "/srv/upgrade-all"], true),
            (&["bash", "--rcfile=/etc/x", "upgrade-all"], true),
            (&["bash", "-c", "exec \"$0\"", "/srv/upgrade-all"], true),
            (&["bash", "/srv/other", "/srv/upgrade-all"], true),
            (&["bash", "/srv/other", "upgrade-all"], false),
            (&["grep", "upgrade-all"], false),
            (&["vim", "/srv/upgrade-all"], false),
            (&["upgrade-all-report"], false),
            (&["bash", "-c", "echo upgrade-all"], false),
        ];
        for (argv, hit) in table {
            assert_eq!(
                is_called(&argv.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), "upgrade-all"),
                *hit,
                "{argv:?}"
            );
        }
    }

    #[test]
    fn expressions_pass_over_this_process_and_its_ancestors() {
        let all = [
            process(900_001, true, &["sh", "-c", "probe ^nixos"]),
            process(900_002, false, &["nixos-rebuild", "switch"]),
        ];
        assert_eq!(matching(&all, &["^nixos-rebuild".into()]), Ok(vec!["^nixos-rebuild (pid 900002)".into()]));
        assert_eq!(matching(&all, &["^sh".into()]), Ok(vec![]));
        assert_eq!(matching(&all, &["sh".into()]), Ok(vec!["sh (pid 900001)".into()]));
        assert!(matching(&all, &["^(".into()]).is_err());
    }

    #[test]
    fn what_cannot_be_seen_is_an_error() {
        let hidden = tempfile::tempdir().expect("a directory");
        assert!(running(hidden.path()).is_err());
        let real = running(Path::new("/proc")).expect("this machine's");
        assert!(real.iter().any(|process| process.pid == std::process::id() && process.own));
    }
}
