//! `command`: a program exits with 0 and its output matches.
//!
//! It runs an argv without a shell, in `/`, with a pinned environment. An argv that names a file inside the repository is
//! refused here too, after placeholders were filled in: a reviewer must not run the repository's code with a key in reach.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use regex::Regex;

use super::redact::excerpt;
use super::seen::Seen;
use crate::model::contract::Params;
use crate::process::{self, Spec};

/// Looks. `root` is the repository's, whose files no argument may name.
pub fn look(root: Option<&Path>, params: &Params, timeout: Duration) -> Seen {
    let argv = params.list("argv");
    let (Some(program), Some(pattern)) = (argv.first(), params.text("stdout")) else {
        return Seen::unknown("command was given no program or no output to want");
    };
    let Ok(wanted) = Regex::new(pattern) else {
        return Seen::unknown(format!("command: /{pattern}/ is no regular expression"));
    };
    if program.contains('/') && !program.starts_with('/') {
        return Seen::unknown(format!("command: `{program}` is relative; wanted an absolute path or a bare name"));
    }
    if let Some(arg) = root.and_then(|root| argv.iter().find(|arg| names_inside(arg, root))) {
        return Seen::unknown(format!("command: `{arg}` is inside the repository; wanted a program of the host"));
    }
    // A little less than the criterion's own timeout, so that the program is killed and the reason told.
    let done = match process::run(&Spec::new(argv).timeout(timeout.mul_f32(0.9))) {
        Ok(done) => done,
        Err(error) => return Seen::unknown(format!("command: {error}")),
    };
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    let raw = format!("$ {}\n{stdout}{}", argv.join(" "), String::from_utf8_lossy(&done.stderr));
    let text = stdout.trim_end_matches('\n');
    let seen = if done.truncated || done.code.is_none() {
        Seen::unknown(format!("command: `{program}` gave no whole answer: {}", done.complaint()))
    } else if !done.ok() {
        Seen::failed(format!("`{program}` failed: {}; wanted exit code 0", done.complaint()))
    } else if wanted.is_match(text) {
        Seen::held(format!("`{program}` exited with 0 and its output matches /{pattern}/")).fact("matched", pattern)
    } else {
        let first = excerpt(text.lines().next().unwrap_or("nothing"), 80);
        Seen::failed(format!("`{program}` printed \"{first}\", wanted a match of /{pattern}/"))
    };
    seen.reading("exit_code", i64::from(done.code.unwrap_or(-1))).raw(raw)
}

/// Whether an argument names the directory or anything in it, wherever in its text (behind `--option=`, in a line for a shell), with
/// `..` or through a symlink.
fn names_inside(arg: &str, root: &Path) -> bool {
    arg.match_indices('/').any(|(at, _)| {
        let text = &arg[at..];
        let end = text.find(|c: char| c.is_whitespace() || ";&|<>()'\"`,:".contains(c)).unwrap_or(text.len());
        [text, &text[..end]].into_iter().any(|path| is_inside(Path::new(path), root))
    })
}

/// Whether a path is the directory or in it.
fn is_inside(path: &Path, root: &Path) -> bool {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.starts_with(root) || path.canonicalize().is_ok_and(|real| real.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    fn look_at(argv: &[&str], stdout: &str, root: Option<&Path>) -> Seen {
        let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
        let params = Params([("argv".into(), Param::List(argv)), ("stdout".into(), Param::Text(stdout.into()))].into());
        look(root, &params, Duration::from_secs(2))
    }

    #[test]
    fn held_failed_and_each_way_of_unknown() {
        let table: &[(&[&str], &str, Outcome)] = &[
            (&["echo", "active"], "^active$", Outcome::Held),
            (&["true"], "^$", Outcome::Held),
            (&["echo", "$HOME; id"], r"^\$HOME; id$", Outcome::Held),
            (&["echo", "inactive"], "^active$", Outcome::Failed),
            (&["false"], "", Outcome::Failed),
            (&["sleep", "30"], "", Outcome::Unknown),
            (&["no-such-program"], "", Outcome::Unknown),
            (&["./x"], "", Outcome::Unknown),
            (&[], "", Outcome::Unknown),
            (&["true"], "(", Outcome::Unknown),
        ];
        for (argv, stdout, outcome) in table {
            let seen = look_at(argv, stdout, None);
            assert_eq!(seen.outcome, *outcome, "{argv:?}: {}", seen.says);
        }
    }

    /// What was wanted, or what was not, may stand in the rest.
    #[test]
    fn an_output_that_is_not_whole_is_unknown() {
        let argv = ["head", "-c", "68000000", "/dev/zero"].map(str::to_owned).to_vec();
        let params = [("argv".into(), Param::List(argv)), ("stdout".into(), Param::Text(String::new()))];
        let seen = look(None, &Params(params.into()), Duration::from_secs(120));
        assert!(seen.outcome == Outcome::Unknown && seen.says.contains("no whole answer"), "{}", seen.says);
    }

    #[test]
    fn the_repository_s_own_code_is_not_run() {
        let home = tempfile::tempdir().expect("a directory");
        let root = home.path().canonicalize().expect("real").join("repo");
        std::fs::create_dir(&root).expect("made");
        std::fs::write(root.join("x"), "").expect("written");
        std::os::unix::fs::symlink(root.join("x"), home.path().join("way")).expect("linked");
        let inside = root.join("x").display().to_string();
        let link = home.path().join("way").display().to_string();
        let dots = format!("/tmp/..{inside}");
        let lines = [
            format!("cat /etc/hosts {inside}"),
            format!("cd {}; ./x", root.display()),
            format!("PATH=/bin:{}:/sbin x", root.display()),
            format!("$(</etc/x)&&'{link}'"),
        ];
        for arg in [inside.clone(), format!("--file={inside}"), link, dots].into_iter().chain(lines) {
            let seen = look_at(&["echo", &arg], "", Some(&root));
            assert_eq!(seen.outcome, Outcome::Unknown, "{arg}");
        }
        for arg in ["/usr".to_owned(), format!("{}sitory/x", root.display()), "a/b:c;d".to_owned()] {
            assert_eq!(look_at(&["echo", &arg], "", Some(&root)).outcome, Outcome::Held, "{arg}");
        }
    }
}
