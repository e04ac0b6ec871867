//! `docker run`, `create`, `start`, `restart`, `exec`.

use super::super::act::Deed;
use super::super::options::{Arguments, End, Known};
use super::super::reader::Reader;
use super::super::word::Word;
use super::{Line, inside};

/// Options of `run` and `create` that take no value; `--gpus` and all others do.
const RUN: &[&str] = &[
    "-d",
    "--detach",
    "-i",
    "--interactive",
    "-t",
    "--tty",
    "--rm",
    "--init",
    "--privileged",
    "-P",
    "--publish-all",
    "--read-only",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--sig-proxy",
    "--disable-content-trust",
    "-q",
    "--quiet",
    "--use-api-socket",
    "--help",
];
/// Options of `exec` that take no value.
const EXEC: &[&str] = &["-d", "--detach", "-i", "--interactive", "-t", "--tty", "--privileged", "--help"];

/// Reads one of them.
pub(super) fn read(reader: &mut Reader<'_>, line: &Line<'_>, name: &str, arguments: &[Word]) {
    match name {
        "container run" | "container create" => {
            let read = Arguments::read(arguments, Known::Flags(RUN), End::First);
            let networks: Vec<Word> = read.values(&["--network", "--net"]).iter().map(network).collect();
            let more = read.rest.first().is_none_or(|image| image.is_open());
            let mounts = mounts(&read);
            if more || !networks.is_empty() || !mounts.is_empty() {
                line.does(reader, Deed::Contain { networks, mounts, more });
            }
            let mut program: Vec<&Word> = read.rest.iter().skip(1).copied().collect();
            let entrypoint = read.values(&["--entrypoint"]);
            program.splice(0..0, entrypoint.iter());
            inside(reader, &program, line.simple());
            // Images that run the program of their own name: `docker:cli`, `curlimages/curl`.
            let image = read.rest.first().map(|image| image.shown()).unwrap_or_default();
            let own = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
            if entrypoint.is_empty() && matches!(own, "docker" | "curl") {
                let own = Word::plain(own);
                inside(reader, &std::iter::once(&own).chain(program).collect::<Vec<_>>(), line.simple());
            }
        }
        "container start" | "container restart" => {
            let networks = Vec::new();
            line.does(reader, Deed::Contain { networks, mounts: Vec::new(), more: true });
        }
        "container exec" => {
            let read = Arguments::read(arguments, Known::Flags(EXEC), End::First);
            inside(reader, read.rest.get(1..).unwrap_or_default(), line.simple());
        }
        _ => {}
    }
}

/// The network of `--network NAME` or `--network name=NAME,alias=…`.
pub(super) fn network(word: &Word) -> Word {
    match word.text().and_then(|text| text.split(',').find_map(|part| part.strip_prefix("name="))) {
        Some(name) => Word::plain(name),
        None => word.clone(),
    }
}

/// Places of the host that a container would see.
pub(super) fn mounts(read: &Arguments<'_>) -> Vec<Word> {
    let volumes = read.values(&["-v", "--volume"]).into_iter().map(|word| match word.text() {
        Some(text) => Word::plain(text.split(':').next().unwrap_or_default()),
        None => word,
    });
    let mounts = read.values(&["--mount", "--mount-add"]).into_iter().filter_map(|word| {
        let source = |part: &str| part.strip_prefix("source=").or(part.strip_prefix("src=")).map(str::to_owned);
        word.text()?.split(',').find_map(source).map(Word::plain)
    });
    volumes.chain(mounts).collect()
}
