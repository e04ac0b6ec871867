//! `nix.option`: a module of the subject sets an option to a value, or to a script that has a line.

use std::path::Path;
use std::time::Duration;

use regex::Regex;

use super::complaint;
use super::module::{self, Found};
use super::script::{TopLevel, top_level};
use crate::model::contract::Params;
use crate::model::digest::Digest;
use crate::probes::file::{Place, Unreadable};
use crate::probes::redact::excerpt;
use crate::probes::secret_reference::is_reference;
use crate::probes::secret_rules::find;
use crate::probes::seen::Seen;
use crate::process::{self, ProcessError, Spec};

/// Looks.
pub fn look(place: &Place, params: &Params, timeout: Duration) -> Seen {
    let (Some(file), Some(option)) = (params.text("file"), params.text("option")) else {
        return Seen::unknown("nix.option was given no file or no option");
    };
    if Path::new(file).is_absolute() {
        return Seen::unknown(format!("nix.option: `{file}` is absolute; wanted a path inside the subject"));
    }
    let bytes = match place.read(file) {
        Ok(bytes) => bytes,
        Err(missing @ Unreadable::NotCommitted(_)) => return Seen::failed(missing.to_string()),
        Err(error) => return Seen::unknown(format!("nix.option: {error}")),
    };
    let Ok(source) = String::from_utf8(bytes) else {
        return Seen::unknown(format!("nix.option: `{file}` is not UTF-8 text"));
    };
    let seen = judge(params, file, option, &source);
    match syntax(&source, timeout) {
        Syntax::Wrong(why) => Seen::failed(format!("`{file}` is no Nix: nix-instantiate says {why}")),
        Syntax::Right => seen.reading("nix_instantiate", "parses it"),
        Syntax::NotAsked(why) => seen.reading("nix_instantiate", why),
    }
}

/// Judges a module's source. Pure.
fn judge(params: &Params, file: &str, option: &str, source: &str) -> Seen {
    let path = match module::path(option) {
        Ok(path) => path,
        Err(why) => return Seen::unknown(format!("nix.option: {why}")),
    };
    let (value, script, line) = match module::find(source, &path) {
        Found::Set { value, script, line } => (value, script, line),
        Found::Absent => return Seen::failed(format!("`{file}` does not set {option}")),
        Found::NotNix(why) => return Seen::failed(format!("`{file}` is no Nix: {why}")),
        Found::Unknown(why) => return Seen::unknown(format!("`{file}`, {option}: {why}")),
    };
    if params.text("value").is_none() && params.list("lines").is_empty() {
        return Seen::unknown(format!("nix.option was given neither a value nor lines to want of {option}"));
    }
    // Beside its name a value is seen for what it is; alone it would go through as any word.
    if !find(&format!("{option} = \"{value}\"")).is_empty() && !is_reference(&value, false) {
        return Seen::unknown(format!(
            "`{file}`:{line} sets {option} to what looks like a secret: it is not compared, nor shown"
        ));
    }
    let mut wrong = Vec::new();
    if let Some(wanted) = params.text("value").filter(|wanted| *wanted != value) {
        let found = excerpt(&value, 80);
        wrong.push(format!("it is \"{found}\", wanted \"{wanted}\""));
    }
    let script = match (script, params.list("lines")) {
        (None, [_, ..]) => {
            return Seen::unknown(format!(
                "`{file}`:{line} sets {option} to no plain string: only an evaluation tells its lines"
            ));
        }
        (script, _) => script.unwrap_or_default(),
    };
    let (top, mut unclear, mut behind) = (top_level(&script), Vec::new(), Vec::new());
    for pattern in params.list("lines") {
        let Ok(regex) = Regex::new(pattern) else {
            return Seen::unknown(format!("nix.option: /{pattern}/ is no regular expression"));
        };
        let found: Vec<&TopLevel> = top.iter().flatten().filter(|command| command.is(&regex)).collect();
        let in_words = top.iter().flatten().any(|command| regex.is_match(&command.text));
        let joined = script.replace("\\\n", " ");
        let mut lines = script.lines().chain(joined.lines()).map(without_comment);
        if found.iter().any(|command| !command.behind_or) {
        } else if !found.is_empty() {
            behind.push(format!(
                "what matches /{pattern}/ runs only where what stands before its ||, or behind its `if !`, fails"
            ));
        } else if in_words || lines.any(|line| regex.is_match(line)) {
            unclear.push(match &top {
                Err(why) => format!("/{pattern}/: {why}"),
                Ok(_) => format!(
                    "what matches /{pattern}/ is no command at the top level, from its program's name on, that nothing holds back (a \
                     compound command, a function, a here-document, `&&`, before it an exit, an endless loop or an interpolation that is \
                     no program's path)"
                ),
            });
        } else {
            wrong.push(format!("none of its lines matches /{pattern}/"));
        }
    }
    let seen = if !wrong.is_empty() {
        Seen::failed(format!("`{file}`:{line} sets {option}, and {}", wrong.join("; ")))
    } else if !unclear.is_empty() {
        return Seen::unknown(format!(
            "`{file}`:{line} sets {option}, and whether it is run is not known: {}",
            unclear.join("; ")
        ));
    } else {
        let behind: String = behind.iter().map(|one| format!("; {one}")).collect();
        Seen::held(format!("`{file}`:{line} sets {option} as wanted{behind}"))
    };
    // A long value is compared by its digest; the whole of it is in the raw text.
    let short = value.len() <= 200 && !value.contains('\n');
    let fact = if short { value.clone() } else { Digest::of(value.as_bytes()).to_string() };
    seen.fact("value", fact).reading("line", i64::try_from(line).unwrap_or(i64::MAX)).raw(format!("{value}\n"))
}

/// A line of a shell's script up to its comment: a `#` at the beginning of a word, outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() || ";&|(".contains(before) => return &line[..at],
            (None, '"' | '\'') if before != '\\' => quote = Some(c),
            (Some(open), c) if c == open && (before != '\\' || open == '\'') => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

enum Syntax {
    Right,
    Wrong(String),
    NotAsked(String),
}

/// The other opinion on the syntax, where there is one. It parses and evaluates nothing.
fn syntax(source: &str, timeout: Duration) -> Syntax {
    let mut spec = Spec::new(["nix-instantiate", "--parse", "-"]).timeout(timeout.mul_f32(0.8));
    spec.stdin = source.as_bytes().to_vec();
    match process::run(&spec) {
        Ok(done) if done.ok() => Syntax::Right,
        Ok(done) => {
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            let error = text.lines().find(|line| line.contains("syntax error")).map(str::trim);
            match error {
                Some(error) => Syntax::Wrong(error.to_owned()),
                None => Syntax::NotAsked(format!("does not say: {}", complaint(&done))),
            }
        }
        Err(ProcessError::NotFound(_)) => Syntax::NotAsked("is not here".to_owned()),
        Err(error) => Syntax::NotAsked(format!("could not be asked: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    const SOURCE: &str = "{\n  a.enable = true;\n  s.script = ''\n    # docker network create old\n    docker network create --subnet 10.10.0.0/16 proxy\n  '';\n  c = lib.mkIf x { d = 1; };\n  p.password = \"hunter2\";\n}\n";

    #[test]
    fn held_failed_and_unknown() {
        let text = |text: &str| Param::Text(text.to_owned());
        let lines = |lines: &[&str]| Param::List(lines.iter().map(|line| (*line).to_owned()).collect());
        let table = [
            ("a.enable", vec![("value", text("true"))], Outcome::Held, "`m.nix`:2 sets a.enable as wanted"),
            ("a.enable", vec![("value", text("false"))], Outcome::Failed, "it is \"true\", wanted \"false\""),
            (
                "s.script",
                vec![("lines", lines(&["network create .*--subnet 10.10"]))],
                Outcome::Unknown,
                "from its program's name on",
            ),
            ("s.script", vec![("lines", lines(&["docker .*--subnet 10.10.0.0/16 .*proxy"]))], Outcome::Held, ""),
            ("s.script", vec![("lines", lines(&["--subnet 10.11"]))], Outcome::Failed, "none of its lines"),
            ("s.script", vec![("lines", lines(&["create old"]))], Outcome::Failed, "none of its lines"),
            ("s.script", vec![], Outcome::Unknown, "neither a value nor lines"),
            ("p.password", vec![("value", text("hunter2"))], Outcome::Unknown, "looks like a secret"),
            ("b", vec![("value", text("1"))], Outcome::Failed, "does not set b"),
            ("c.d", vec![("value", text("1"))], Outcome::Unknown, "only an evaluation"),
            ("a..b", vec![("value", text("1"))], Outcome::Unknown, "no attribute path"),
        ];
        for (option, extra, outcome, word) in table {
            let params = Params(extra.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
            let seen = judge(&params, "m.nix", option, SOURCE);
            assert_eq!(seen.outcome, outcome, "{option}: {}", seen.says);
            assert!(seen.says.contains(word), "{option}: {}", seen.says);
        }
        let broken = judge(&Params::default(), "m.nix", "a", "{ a = ");
        assert!(broken.outcome == Outcome::Failed && broken.says.contains("no Nix"), "{}", broken.says);
    }

    #[test]
    fn only_what_a_shell_would_run_is_a_line_of_the_script() {
        let table = [
            ("lib.mkForce ''create /16''", Outcome::Held),
            ("mkDefault (\"x; create /16\")", Outcome::Held),
            ("\"run '# '; create /16\"", Outcome::Held),
            ("\"run '# ' create /16\"", Outcome::Unknown),
            ("''run create \\\n /16''", Outcome::Unknown),
            ("''inspect x || \\\n  create /16''", Outcome::Held),
            (
                "''\n${pkgs.x}/bin/y ${z}\nif ! ${pkgs.x}/bin/inspect x; then\n  ${pkgs.x}/bin/create /16\nfi''",
                Outcome::Held,
            ),
            ("''\n${lib.getExe pkgs.x} y || ${getExe' pkgs.x \"z\"} y\ncreate /16''", Outcome::Held),
            ("''\n${lib.optionalString (!c) \"exit 0\"}\ncreate /16''", Outcome::Unknown),
            ("''\n${lib.optionalString c \"false &&\"} create /16''", Outcome::Unknown),
            ("''\n${lib.getExe pkgs.x + \"; exit\"}\ncreate /16''", Outcome::Unknown),
            ("''exit;\ncreate /16''", Outcome::Unknown),
            ("''if false; then\ncreate /16\nfi''", Outcome::Unknown),
            ("'': <<'END'\ncreate /16\nEND\n''", Outcome::Unknown),
            ("''if x; then\ncreate /16''", Outcome::Unknown),
            ("''echo create /16''", Outcome::Unknown),
            ("''exit $? | x\ncreate /16''", Outcome::Held),
            ("lib.mkIf false ''create /16''", Outcome::Unknown),
            ("lib.optionalString false ''create /16''", Outcome::Unknown),
            ("\"# \" + ''create /16''", Outcome::Unknown),
            ("lib.mkForce ''\n# create /16''", Outcome::Failed),
            ("''x ${\"create /16\"}''", Outcome::Failed),
            ("''create /24 # was: create /16''", Outcome::Failed),
            ("''exit 0\ncreate /16''", Outcome::Unknown),
        ];
        for (value, outcome) in table {
            let params = Params([("lines".to_owned(), Param::List(vec!["create /16".into()]))].into());
            let seen = judge(&params, "m.nix", "s", &format!("{{ s = {value}; }}"));
            assert_eq!(seen.outcome, outcome, "{value}: {}", seen.says);
        }
    }

    #[test]
    fn real_nix_agrees_on_the_syntax() {
        if !crate::probes::nix::real::is_here() {
            return;
        }
        let limit = Duration::from_secs(60);
        assert!(matches!(syntax(&format!("{{ lib, x, ... }}: {SOURCE}"), limit), Syntax::Right));
        for broken in ["{ a = ; }", "{ a = 1 }", "{ a = ''x; }", ""] {
            assert!(matches!(syntax(broken, limit), Syntax::Wrong(_)), "{broken}");
        }
        // A name that nothing defines is none of syntax: only an evaluation of the whole tells.
        let Syntax::NotAsked(why) = syntax("{ s = \"${pkgs.docker}\"; }", limit) else { panic!("asked") };
        assert!(why.contains("undefined variable"), "{why}");
    }
}
