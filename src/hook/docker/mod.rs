//! The stock client of the engine: which requests a command line of it makes. Options and commands are those of the Docker CLI
//! reference (docs.docker.com/reference/cli/docker); an option that is not known takes a value, so that no name is missed for one.

pub mod compose;
mod container;
mod service;

use super::act::{Act, Deed};
use super::carriers;
use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::shell::Simple;
use super::word::Word;

/// Options of `docker` itself that take a value.
const GLOBAL: &[&str] =
    &["-H", "--host", "-c", "--context", "-l", "--log-level", "--config", "--tlscacert", "--tlscert", "--tlskey"];

/// Commands whose own first argument is a command.
const GROUPS: &[&str] =
    &["network", "service", "stack", "swarm", "node", "system", "container", "image", "volume", "builder", "buildx"];

/// Reads a command line.
pub fn read(reader: &mut Reader<'_>, arguments: &[Word], simple: &Simple) {
    let read = Arguments::read(arguments, Known::Valued(GLOBAL), End::First);
    let Some((verb, rest)) = read.rest.split_first() else { return };
    let rest: Vec<Word> = rest.iter().map(|word| (*word).clone()).collect();
    let line = Line { simple, verb };
    let Some(name) = verb.text() else { return line.unclear(reader, verb) };
    if GROUPS.contains(&name) {
        let Some((act, arguments)) = rest.split_first() else { return };
        let Some(act_name) = act.text() else { return line.unclear(reader, act) };
        return command(reader, &line, &format!("{name} {act_name}"), arguments);
    }
    match name {
        "compose" => compose::read(reader, &rest),
        "run" | "create" | "start" | "restart" | "exec" => command(reader, &line, &format!("container {name}"), &rest),
        "build" => command(reader, &line, "image build", &rest),
        _ => {}
    }
}

/// A command line of the client, for what is said about it.
pub(super) struct Line<'a> {
    simple: &'a Simple,
    verb: &'a Word,
}

impl Line<'_> {
    /// The line as it was read.
    pub(super) fn said(&self) -> String {
        let words: Vec<String> = self.simple.words.iter().map(Word::shown).collect();
        words.join(" ").chars().take(200).collect()
    }

    /// The program that runs in a container.
    pub(super) fn simple(&self) -> &Simple {
        self.simple
    }

    /// It does something.
    pub(super) fn does(&self, reader: &mut Reader<'_>, deed: Deed) {
        reader.does(Act::Engine(deed), self.said());
    }

    /// What it asks for is open.
    fn unclear(&self, reader: &mut Reader<'_>, word: &Word) {
        let place = if std::ptr::eq(word, self.verb) { "docker" } else { "docker …" };
        reader.does(Act::Unread(format!("`{}` in `{place}` is known only when it runs", word.shown())), self.said());
    }
}

fn command(reader: &mut Reader<'_>, line: &Line<'_>, name: &str, arguments: &[Word]) {
    match name {
        "network create" => {
            let read = Arguments::read(
                arguments,
                Known::Flags(&[
                    "--attachable",
                    "--ingress",
                    "--internal",
                    "--ipv6",
                    "--ipv4",
                    "--config-only",
                    "--help",
                ]),
                End::Anywhere,
            );
            each(reader, line, &read, Deed::CreateNetwork);
        }
        "network rm" | "network remove" => all(reader, line, arguments, Deed::RemoveNetwork),
        "network prune" | "system prune" if !arguments.iter().any(|word| word.is("--help")) => {
            line.does(reader, Deed::Prune);
        }
        "network connect" => first(reader, line, arguments, Deed::Connect),
        "network disconnect" => first(reader, line, arguments, Deed::Disconnect),
        "swarm leave" => line.does(reader, Deed::LeaveSwarm),
        "swarm init"
            if arguments.iter().any(|word| word.start().starts_with("--force-new-cluster") || word.is_open()) =>
        {
            line.does(reader, Deed::NewSwarm);
        }
        "node rm" | "node remove" => all(reader, line, arguments, Deed::RemoveNode),
        "node demote" => all(reader, line, arguments, |node| Deed::UpdateNode { node, demote: true, drain: false }),
        "node update" => node(reader, line, arguments),
        "image build" | "buildx build" | "builder build" => build(reader, line, arguments),
        _ if name.starts_with("service ") => service::read(reader, line, name, arguments),
        _ if name.starts_with("stack ") => service::stack(reader, line, name, arguments),
        _ if name.starts_with("container ") => container::read(reader, line, name, arguments),
        _ => {}
    }
}

/// What has flags alone, and names.
fn all(reader: &mut Reader<'_>, line: &Line<'_>, arguments: &[Word], deed: impl Fn(Word) -> Deed) {
    each(reader, line, &Arguments::read(arguments, Known::Valued(&[]), End::Anywhere), deed);
}

/// One deed for each name.
fn each(reader: &mut Reader<'_>, line: &Line<'_>, read: &Arguments<'_>, deed: impl Fn(Word) -> Deed) {
    if !read.only_helps() {
        for name in &read.rest {
            line.does(reader, deed((*name).clone()));
        }
    }
}

/// A deed for the first name.
fn first(reader: &mut Reader<'_>, line: &Line<'_>, arguments: &[Word], deed: impl Fn(Word) -> Deed) {
    let read = Arguments::read(arguments, Known::Flags(&["-f", "--force", "--help"]), End::Anywhere);
    if let Some(name) = read.rest.first().filter(|_| !read.only_helps()) {
        line.does(reader, deed((*name).clone()));
    }
}

fn node(reader: &mut Reader<'_>, line: &Line<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Flags(&["--help"]), End::Anywhere);
    let says = |option: &str, value: &str| read.values(&[option]).iter().any(|word| word.is(value));
    let may_say = |option: &str, value: &str| read.values(&[option]).iter().any(|word| word.may_be(value));
    let (demote, drain) = (says("--role", "worker"), says("--availability", "drain"));
    let perhaps = read.open || may_say("--role", "worker") || may_say("--availability", "drain");
    let Some(node) = read.rest.first().map(|node| (*node).clone()) else { return };
    if demote || drain {
        line.does(reader, Deed::UpdateNode { node, demote, drain });
    } else if perhaps {
        let doubt = "what it changes of the node is not known";
        reader.doubting(doubt, |reader| line.does(reader, Deed::UpdateNode { node, demote: true, drain: true }));
    }
}

fn build(reader: &mut Reader<'_>, line: &Line<'_>, arguments: &[Word]) {
    let read = Arguments::read(
        arguments,
        Known::Flags(&["--no-cache", "--pull", "-q", "--quiet", "--push", "--load"]),
        End::Anywhere,
    );
    let networks = read.values(&["--network"]);
    if !networks.is_empty() {
        line.does(reader, Deed::Contain { networks, mounts: Vec::new(), more: false });
    }
}

/// A program that is run in a container.
pub(super) fn inside(reader: &mut Reader<'_>, words: &[&Word], simple: &Simple) {
    reader.elsewhere(|reader| carriers::carried(reader, words, simple));
}
