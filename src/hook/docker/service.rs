//! `docker service` and `docker stack`.

use super::super::act::{Deed, Tasks};
use super::super::options::{Arguments, End, Known};
use super::super::reader::Reader;
use super::super::word::Word;
use super::container::{mounts, network};
use super::{Line, all};

/// Options of `create` and `update` that take no value.
const FLAGS: &[&str] = &[
    "-d",
    "--detach",
    "-q",
    "--quiet",
    "-t",
    "--tty",
    "--force",
    "--init",
    "--no-healthcheck",
    "--no-resolve-image",
    "--read-only",
    "--rollback",
    "--with-registry-auth",
    "--help",
];

/// Reads `docker service …`.
pub(super) fn read(reader: &mut Reader<'_>, line: &Line<'_>, name: &str, arguments: &[Word]) {
    match name {
        "service create" => {
            let read = Arguments::read(arguments, Known::Flags(FLAGS), End::First);
            let networks = read.values(&["--network"]).iter().map(network).collect();
            let more = read.rest.first().is_none_or(|image| image.is_open());
            line.does(reader, Deed::CreateService { networks, mounts: mounts(&read), more });
        }
        "service update" => {
            let read = Arguments::read(arguments, Known::Flags(FLAGS), End::Anywhere);
            let tasks = read.values(&["--replicas"]).last().map_or(Tasks::Some, tasks);
            let of = |option: &str| read.values(&[option]).iter().map(network).collect::<Vec<_>>();
            let (joins, leaves) = (of("--network-add"), of("--network-rm"));
            let rollback = read.has(&["--rollback"]);
            // A word of which nothing is known may be options, beside the one name that there must be.
            let several = read.rest.iter().any(|word| word.is_open() && !word.is_one());
            let more = several && (read.rest.len() > 1 || read.options.is_empty());
            for service in read.rest.iter().filter(|_| !read.only_helps()) {
                let service = (*service).clone();
                let (joins, leaves) = (joins.clone(), leaves.clone());
                line.does(reader, Deed::UpdateService { service, joins, leaves, tasks, rollback, more });
            }
        }
        "service rollback" => all(reader, line, arguments, |service| change(service, Tasks::Some, true)),
        "service scale" => {
            let read = Arguments::read(arguments, Known::Valued(&[]), End::Anywhere);
            for word in &read.rest {
                let split = word.start().split_once('=').map(|(name, _)| name.to_owned());
                let (service, wanted) = match split {
                    Some(name) => (Word::plain(&name), word.without(&format!("{name}="))),
                    // `NAME=0` with an open name.
                    None => (Word::open(), word.end().rsplit_once('=').map(|(_, number)| Word::plain(number))),
                };
                let tasks = wanted.as_ref().map_or(Tasks::Open, tasks);
                line.does(reader, change(service, tasks, false));
            }
        }
        "service rm" | "service remove" => all(reader, line, arguments, Deed::RemoveService),
        _ => {}
    }
}

/// A change of its tasks, or back to its earlier spec.
fn change(service: Word, tasks: Tasks, rollback: bool) -> Deed {
    Deed::UpdateService { service, joins: Vec::new(), leaves: Vec::new(), tasks, rollback, more: false }
}

fn tasks(wanted: &Word) -> Tasks {
    // The client takes `0x0` too.
    match wanted.text().map(|text| text.trim_start_matches(['0', 'x', 'X', 'b', 'o', '_'])) {
        Some("") => Tasks::None,
        Some(_) => Tasks::Some,
        None => Tasks::Open,
    }
}

/// Reads `docker stack …`.
pub(super) fn stack(reader: &mut Reader<'_>, line: &Line<'_>, name: &str, arguments: &[Word]) {
    match name {
        "stack deploy" | "stack up" => {
            let known = Known::Flags(&["--prune", "-d", "--detach", "-q", "--quiet", "--with-registry-auth", "--help"]);
            let read = Arguments::read(arguments, known, End::Anywhere);
            if let Some(stack) = read.rest.last().filter(|_| !read.only_helps()) {
                line.does(reader, Deed::DeployStack((*stack).clone()));
            }
        }
        "stack rm" | "stack remove" | "stack down" => all(reader, line, arguments, Deed::RemoveStack),
        _ => {}
    }
}
