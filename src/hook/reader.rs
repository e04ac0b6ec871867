//! From a command line to what it would do: through whatever carries other commands, to the programs whose acts are known.

use std::path::{Path, PathBuf};

use super::act::{Act, Found};
use super::options::{Arguments, End, Known};
use super::shell::{self, Event, Input, Simple};
use super::word::Word;
use super::{carriers, code, docker, forge, git, request, units};

/// How many shells may stand in one another.
const DEEPEST: usize = 12;

/// Programs whose acts are known.
pub const ACTING: &[&str] = &["docker", "systemctl", "nixos-rebuild", "git", "curl", "gh", "tea", "sh", "bash", "zsh"];

/// What a reader may look at beside the line itself. It runs nothing and asks nobody.
pub trait Surroundings {
    /// The text of a file; `None` where it is none, too long or not there.
    fn file(&self, path: &Path) -> Option<String>;
    /// The git directory of the repository that a directory is in, the same for all of its work trees.
    fn repository(&self, directory: &Path) -> Option<PathBuf>;
    /// `OWNER/REPO` of that repository's remote `origin`.
    fn origin(&self, directory: &Path) -> Option<String>;
}

/// In which repository something is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// In this one, by its git directory.
    In(PathBuf),
    /// In none.
    Nowhere,
    /// Only the shell knows.
    Open,
}

/// Reads a line.
pub struct Reader<'a> {
    around: &'a dyn Surroundings,
    /// Where commands run; `None` where only the shell knows, or on another machine.
    pub directory: Option<PathBuf>,
    /// Where else commands run, by what the line says: a contract may stand there.
    pub visited: Vec<PathBuf>,
    /// What was found, in order.
    pub found: Vec<Found>,
    /// Why it is not certain that what is read now is run so.
    doubt: String,
    /// Where the standard input of what is read now comes from.
    outer: Input,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader in a directory.
    pub fn new(around: &'a dyn Surroundings, directory: &Path) -> Self {
        Self {
            around,
            directory: Some(directory.to_owned()),
            visited: Vec::new(),
            found: Vec::new(),
            doubt: String::new(),
            outer: Input::Inherited,
            depth: 0,
        }
    }

    /// Reads a text as a shell's.
    pub fn text(&mut self, text: &str) {
        if self.depth >= DEEPEST {
            return self.unread(format!("more than {DEEPEST} shells stand in one another"));
        }
        self.depth += 1;
        match shell::read(text) {
            Ok(events) => self.events(events),
            Err(why) => self.unread(format!("it cannot be read as shell text: {why}")),
        }
        self.depth -= 1;
    }

    fn events(&mut self, events: Vec<Event>) {
        let mut kept = Vec::new();
        for event in events {
            match event {
                Event::Run(simple) => self.simple(&simple),
                Event::Begin => kept.push(self.directory.clone()),
                Event::End => self.directory = kept.pop().unwrap_or_default(),
                Event::Unread(why) => self.unread(why),
            }
        }
    }

    /// A text of which parts may be open, for another shell.
    pub fn given(&mut self, word: &Word) {
        match word.is_open() {
            true => self.unread("what a shell is given is known only when it runs".into()),
            false => self.text(&word.for_a_shell()),
        }
    }

    /// A simple command.
    pub fn simple(&mut self, simple: &Simple) {
        if simple.input == Input::Inherited && self.outer != Input::Inherited {
            let own = Simple { words: simple.words.clone(), input: self.outer.clone() };
            return self.program(&own);
        }
        self.program(simple);
    }

    fn program(&mut self, simple: &Simple) {
        let Some((name, arguments)) = simple.words.split_first() else { return };
        let Some(program) = name.program() else { return self.nameless(name, simple) };
        if name.start().starts_with("/etc/init.d/") {
            let words: Vec<Word> = std::iter::once(Word::plain(program)).chain(arguments.iter().cloned()).collect();
            return units::read(self, "service", &words);
        }
        match program {
            "docker" => docker::read(self, arguments, simple),
            "docker-compose" => docker::compose::read(self, arguments),
            "git" => git::read(self, arguments),
            "systemctl"
            | "service"
            | "pkill"
            | "killall"
            | "reboot"
            | "shutdown"
            | "poweroff"
            | "halt"
            | "nixos-rebuild"
            | "switch-to-configuration"
            | "nh" => units::read(self, program, arguments),
            "curl" => request::read(self, arguments),
            "gh" | "tea" | "glab" | "hub" => forge::read(self, program, arguments),
            "cd" | "pushd" | "popd" => self.moves(program, arguments),
            _ if carriers::read(self, program, simple) || code::read(self, program, simple) => {}
            _ => self.stranger(name, program, arguments),
        }
    }

    /// A program whose name is open: any of those that are known.
    fn nameless(&mut self, name: &Word, simple: &Simple) {
        let arguments = &simple.words[1..];
        if arguments.is_empty() {
            if name.is_open() {
                self.unread("which command is run is known only when it runs".into());
            }
            return;
        }
        let doubt = format!("which program `{}` is, is known only when it runs", name.shown());
        for program in ["docker", "git", "systemctl", "nixos-rebuild", "gh", "tea"] {
            if name.may_be(program) || name.is_open() {
                let words = std::iter::once(Word::plain(program)).chain(arguments.iter().cloned()).collect();
                self.doubting(&doubt, |reader| reader.simple(&Simple { words, input: Input::Inherited }));
            }
        }
    }

    /// A program that is not known: it may run what it is given.
    fn stranger(&mut self, name: &Word, program: &str, arguments: &[Word]) {
        // A script that can be read is read.
        if name.text().is_some_and(|path| path.contains('/')) && self.script(name, true) {
            return;
        }
        if carriers::only_shows(program) {
            return;
        }
        let known = |word: &Word| word.program().is_some_and(|name| ACTING.contains(&name) || carriers::is_one(name));
        let doubt = format!("whether `{program}` runs what it is given is not known");
        let before = self.found.len();
        for at in (0..arguments.len()).filter(|at| known(&arguments[*at])) {
            let words = arguments[at..].to_vec();
            self.perhaps(&doubt, |reader| reader.simple(&Simple { words, input: Input::Inherited }));
            if self.found.len() > before {
                break;
            }
        }
        let socket = |word: &Word| word.shown().contains("docker.sock");
        if matches!(program, "socat" | "nc" | "ncat" | "http" | "wget") && arguments.iter().any(socket) {
            self.unread(format!("what `{program}` does with it cannot be told"));
        }
    }

    /// Reads a file as a script, if it is there and one of the shell's; says whether it was.
    pub fn script(&mut self, path: &Word, by_its_first_line: bool) -> bool {
        let (Some(path), Some(directory)) = (path.text(), &self.directory) else { return false };
        let Some(text) = self.around.file(&directory.join(path)) else { return false };
        let first = text.lines().next().unwrap_or_default();
        let is_shell = first.starts_with("#!") && first.trim_end().ends_with("sh");
        if by_its_first_line && !is_shell {
            return false;
        }
        self.text(&text);
        true
    }

    fn moves(&mut self, program: &str, arguments: &[Word]) {
        let read = Arguments::read(arguments, Known::Valued(&[]), End::Anywhere);
        let to = read.rest.first().and_then(|word| word.text()).filter(|_| program != "popd");
        self.directory = match (&self.directory, to) {
            (Some(from), Some(to)) if !to.starts_with(['~', '-']) => Some(from.join(to)),
            (None, Some(to)) if to.starts_with('/') => Some(PathBuf::from(to)),
            _ => None,
        };
        self.visited.extend(self.directory.clone());
    }

    /// Reads something that is perhaps not run so.
    pub fn doubting(&mut self, doubt: &str, read: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.doubt, doubt.to_owned());
        read(self);
        self.doubt = before;
    }

    /// Reads something that is perhaps no command at all; what cannot be read of it says nothing: `apt install bash git`.
    pub fn perhaps(&mut self, doubt: &str, read: impl FnOnce(&mut Self)) {
        let before = self.found.len();
        self.doubting(doubt, read);
        let mut found = self.found.split_off(before);
        found.retain(|found| !matches!(found.act, Act::Unread(_)));
        self.found.append(&mut found);
    }

    /// Reads something whose standard input comes from there.
    pub fn under(&mut self, input: &Input, read: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.outer, input.clone());
        read(self);
        self.outer = before;
    }

    /// Reads something that is run on another machine or in another place: the directory there is not known.
    pub fn elsewhere(&mut self, read: impl FnOnce(&mut Self)) {
        let before = self.directory.take();
        read(self);
        self.directory = before;
    }

    /// `OWNER/REPO` of where commands run.
    pub fn origin(&self) -> Option<String> {
        self.around.origin(self.directory.as_ref()?)
    }

    /// The repository where commands run, by its git directory.
    pub fn repository(&self) -> Where {
        match &self.directory {
            None => Where::Open,
            Some(directory) => match self.around.repository(directory) {
                Some(repository) => Where::In(repository),
                None => Where::Nowhere,
            },
        }
    }

    /// Something that the command would do.
    pub fn does(&mut self, act: Act, said: impl Into<String>) {
        self.found.push(Found { act, said: said.into(), doubt: self.doubt.clone() });
    }

    /// Something that cannot be read.
    pub fn unread(&mut self, why: String) {
        self.does(Act::Unread(why), "");
    }
}
