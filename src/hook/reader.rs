//! From a command line to what it would do: through whatever carries other commands, to the programs whose acts are known.

use std::path::{Path, PathBuf};

use super::act::{Act, Found};
use super::options::{Arguments, End, Known};
use super::shell::{self, Event, Input, Simple};
use super::word::Word;
use super::{carriers, code, docker, forge, git, request, units};

/// How many shells may stand in one another.
const DEEPEST: usize = 12;
/// How many programs may carry one another.
const MOST_CARRIED: usize = 50;

/// Programs whose acts are known.
pub const ACTING: &[&str] = &["docker", "systemctl", "nixos-rebuild", "git", "curl", "gh", "tea", "sh", "bash", "zsh"];

/// What a reader may look at beside the line itself. It runs nothing and asks nobody.
pub trait Surroundings {
    /// What a file begins with, up to [`super::script::LONGEST`]; `None` where it is no file, or not there.
    fn file(&self, path: &Path) -> Option<Vec<u8>>;
    /// A variable of the environment that the line is run in.
    fn variable(&self, name: &str) -> Option<String>;
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
    pub(super) around: &'a dyn Surroundings,
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
    /// Variables that are set, as `NAME=VALUE`.
    set: Vec<Word>,
    /// Files that the line writes, with their text where it is known.
    pub(super) written: Vec<(PathBuf, Option<String>)>,
    depth: usize,
    carried: usize,
    pub(super) guesses: usize,
    /// How many scripts are read in one another.
    pub(super) scripts: usize,
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
            set: Vec::new(),
            written: Vec::new(),
            depth: 0,
            carried: 0,
            guesses: 0,
            scripts: 0,
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
        if self.carried >= MOST_CARRIED {
            return self.unread(format!("more than {MOST_CARRIED} programs carry one another"));
        }
        self.carried += 1;
        let own = match simple.input == Input::Inherited && self.outer != Input::Inherited {
            true => Simple { input: self.outer.clone(), ..simple.clone() },
            false => simple.clone(),
        };
        // What is set for one command is set for it alone.
        let before = self.set.len();
        self.set.extend(own.sets.iter().cloned());
        if !own.words.is_empty() {
            // An editor, a pager.
            for value in own.sets.iter().filter(|value| value.shown().contains(' ')) {
                let text = Word::plain(value.for_a_shell().split_once('=').map_or("", |(_, text)| text));
                self.perhaps("whether a variable is run as a command is not known", |reader| reader.given(&text));
            }
        }
        self.program(&own);
        if !own.words.is_empty() && !own.sets.is_empty() {
            self.set.truncate(before);
        }
        self.writes(&own);
        self.carried -= 1;
    }

    fn program(&mut self, simple: &Simple) {
        let Some((name, arguments)) = simple.words.split_first() else { return };
        let Some(program) = name.program() else { return self.nameless(name, simple) };
        if name.start().starts_with("/etc/init.d/") {
            let words: Vec<Word> = std::iter::once(Word::plain(program)).chain(arguments.iter().cloned()).collect();
            units::read(self, "service", &words);
            return;
        }
        match program {
            "docker" => docker::read(self, arguments, simple),
            "docker-compose" => docker::compose::read(self, arguments),
            "git" => git::read(self, arguments),
            _ if program.starts_with("git-") && program.len() > 4 => {
                let verb = Word::plain(&program[4..]);
                git::read(self, &std::iter::once(verb).chain(arguments.iter().cloned()).collect::<Vec<_>>());
            }
            _ if units::read(self, program, arguments) => {}
            "curl" | "wget" | "http" | "https" => request::read(self, program, arguments),
            "gh" | "tea" | "glab" | "hub" | "fj" | "forgejo-cli" => forge::read(self, program, arguments),
            "cd" | "pushd" | "popd" => self.moves(program, arguments),
            "export" | "declare" | "typeset" => self.set.extend(arguments.iter().cloned()),
            _ if carriers::read(self, program, simple) || code::read(self, program, simple) => {}
            _ => self.stranger(name, program, arguments),
        }
    }

    fn moves(&mut self, program: &str, arguments: &[Word]) {
        let read = Arguments::read(arguments, Known::Valued(&[]), End::Anywhere);
        let to = read.rest.first().and_then(|word| word.text()).filter(|_| program != "popd");
        let home = |rest: &str| Some(format!("{}/{rest}", self.around.variable("HOME")?));
        let at_home = to.and_then(|to| to.strip_prefix("~/")).and_then(home);
        let to = at_home.as_deref().or(to);
        self.directory = match (&self.directory, to) {
            (Some(from), Some(to)) if !to.starts_with(['~', '-']) => Some(from.join(to)),
            (None, Some(to)) if to.starts_with('/') => Some(PathBuf::from(to)),
            _ => None,
        };
        self.visited.extend(self.directory.clone());
    }

    /// A variable, where the line or its surroundings set it.
    pub fn variable(&self, name: &str) -> Option<Word> {
        let start = format!("{name}=");
        let set = self.set.iter().rev().find_map(|word| word.without(&start));
        set.or_else(|| self.around.variable(name).map(Word::plain))
    }

    /// Reads something for which these variables are set.
    pub fn with(&mut self, variables: &[&Word], read: impl FnOnce(&mut Self)) {
        let before = self.set.len();
        self.set.extend(variables.iter().map(|word| (*word).clone()));
        read(self);
        self.set.truncate(before);
    }

    /// Whether it is not certain that what is read now is run so.
    pub fn doubts(&self) -> bool {
        !self.doubt.is_empty()
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
        self.only_known(before);
    }

    /// Leaves out what could not be read since then.
    pub(super) fn only_known(&mut self, before: usize) {
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

    /// Reads something that is run in another directory.
    pub fn within(&mut self, place: Option<&Word>, read: impl FnOnce(&mut Self)) {
        let before = self.directory.clone();
        if let Some(place) = place {
            self.directory = place.text().and_then(|place| Some(self.directory.as_ref()?.join(place)));
            self.visited.extend(self.directory.clone());
        }
        read(self);
        self.directory = before;
    }

    /// What is read from now on has its standard input from there.
    pub fn listens(&mut self, input: &Input) {
        self.outer = input.clone();
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
