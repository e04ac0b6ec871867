//! `docker compose` and `docker-compose`: containers that may come to a network that others made. What it takes down is its own.

use super::super::act::{Act, Deed};
use super::super::options::{Arguments, End, Known};
use super::super::reader::Reader;
use super::super::shell::{Input, Simple};
use super::super::word::Word;
use super::inside;

/// Options of `compose` itself with a value.
const GLOBAL: &[&str] = &[
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--profile",
    "--env-file",
    "--project-directory",
    "--parallel",
    "--ansi",
    "--progress",
    "-H",
    "--context",
];

/// Reads it.
pub fn read(reader: &mut Reader<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(GLOBAL), End::First);
    let Some((verb, rest)) = read.rest.split_first() else { return };
    let Some(name) = verb.text() else {
        return reader.unread(format!("`{}` in `docker compose` is known only when it runs", verb.shown()));
    };
    let rest: Vec<Word> = rest.iter().map(|word| (*word).clone()).collect();
    match name {
        "up" | "create" | "start" | "restart" | "run" | "scale" | "watch" => {
            let deed = Deed::Contain { networks: Vec::new(), mounts: Vec::new(), more: true };
            reader.does(Act::Engine(deed), format!("docker compose {name}"));
            if name == "run" {
                let known = Known::Flags(&["-d", "--detach", "--rm", "-T", "-i", "-P", "--build", "--no-deps"]);
                let read = Arguments::read(&rest, known, End::First);
                let simple = Simple::of(rest.clone(), Input::Inherited);
                inside(reader, read.rest.get(1..).unwrap_or_default(), &simple);
            }
        }
        "exec" => {
            let known = Known::Valued(&["-e", "--env", "-u", "--user", "-w", "--workdir", "--index"]);
            let read = Arguments::read(&rest, known, End::First);
            let simple = Simple::of(rest.clone(), Input::Inherited);
            inside(reader, read.rest.get(1..).unwrap_or_default(), &simple);
        }
        _ => {}
    }
}
