//! Programs that are not known, and names that only the shell knows: what they are given may be run.

use super::reader::{ACTING, Reader};
use super::shell::{Input, Simple};
use super::word::Word;
use super::{carriers, code};

/// How many guesses may stand on one another.
const DEEPEST: usize = 3;
/// What a name that is not known may be.
const NAMES: &[&str] = &["docker", "git", "systemctl", "nixos-rebuild", "gh", "tea", "ssh", "sh"];

impl Reader<'_> {
    /// A program whose name is open: any of those that are known, or one that carries another, or nothing at all before the command.
    pub(super) fn nameless(&mut self, name: &Word, simple: &Simple) {
        let arguments = &simple.words[1..];
        let doubt = format!("which program `{}` is, is known only when it runs", name.shown());
        if let Some(default) = name.preset().filter(|default| !default.is_empty()) {
            let words = default.split_whitespace().map(Word::plain).chain(arguments.iter().cloned()).collect();
            return self.doubting(&doubt, |reader| reader.simple(&Simple::of(words, simple.input.clone())));
        }
        if arguments.iter().all(Word::is_open) {
            // One word is a program, and none of those that are known where nothing else is.
            // What a script and its functions are given is read where they are given it.
            let given = name.is_arguments() && self.scripts > 0;
            if name.is_open() && !name.is_one() && !given {
                self.unread("which command is run is known only when it runs".into());
            }
            return;
        }
        let given = |known: &[&str]| arguments.iter().any(|word| known.iter().any(|text| word.is(text)));
        for program in NAMES {
            let fits = match *program {
                // `$CARGO test` is what people type.
                "nixos-rebuild" => given(&["switch", "boot"]),
                "sh" => arguments.iter().any(takes_text),
                _ => true,
            };
            let words = || std::iter::once(Word::plain(*program)).chain(arguments.iter().cloned()).collect();
            let read = |reader: &mut Self| reader.simple(&Simple::of(words(), Input::Inherited));
            match (name.is_open(), name.may_run(program)) {
                (true, _) if fits => self.perhaps(&doubt, read),
                (false, true) => self.doubting(&doubt, read),
                _ => {}
            }
        }
        self.guess(&doubt, arguments);
    }

    /// A program that is not known: it may run what it is given.
    pub(super) fn stranger(&mut self, name: &Word, program: &str, arguments: &[Word]) {
        // A script that can be read is read.
        if name.text().is_some_and(|path| path.contains('/')) {
            self.script(name, true);
        }
        if carriers::only_shows(program) {
            return;
        }
        self.guess(&format!("whether `{program}` runs what it is given is not known"), arguments);
        let socket = |word: &Word| word.shown().contains("docker.sock");
        if matches!(program, "socat" | "nc" | "ncat" | "http" | "wget") && arguments.iter().any(socket) {
            self.unread(format!("what `{program}` does with it cannot be told"));
        }
    }

    /// Commands among the arguments of something that is not known, and texts behind options by which programs take commands.
    pub(super) fn guess(&mut self, doubt: &str, arguments: &[Word]) {
        if self.guesses >= DEEPEST {
            return;
        }
        self.guesses += 1;
        let runs = |name: &str| ACTING.contains(&name) || carriers::is_one(name) || code::is_one(name);
        let known = |word: &Word| word.program().is_some_and(runs);
        let before = self.found.len();
        for at in (0..arguments.len()).filter(|at| known(&arguments[*at])) {
            let words = arguments[at..].to_vec();
            self.perhaps(doubt, |reader| reader.simple(&Simple::of(words, Input::Inherited)));
            if self.found.len() > before {
                break;
            }
        }
        for pair in arguments.windows(2).filter(|pair| takes_text(&pair[0]) && pair[1].shown().contains(' ')) {
            // `!` is how an editor runs one.
            let text = pair[1].without("!").unwrap_or_else(|| pair[1].clone());
            self.perhaps(doubt, |reader| reader.given(&text));
        }
        self.guesses -= 1;
    }
}

/// Whether programs take a command's text behind this option: `-c`, `-lc`, `-a`, `-e`, `-x`, `--command`, `--exec`, `--run`.
fn takes_text(word: &Word) -> bool {
    let option = word.text().unwrap_or_default();
    match option.strip_prefix("--") {
        Some(long) => matches!(long, "command" | "exec" | "run" | "session-command"),
        None => option.starts_with('-') && option.ends_with(['c', 'a', 'e', 'x']),
    }
}
