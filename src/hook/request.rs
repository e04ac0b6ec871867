//! Requests that are written out for `curl`, `wget` or `http`: to an engine, or to a forge.

use super::act::{Act, Deed};
use super::forge;
use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::word::Word;
use crate::interlock::classify::{Class, classify};
use crate::interlock::request::Request;

/// Options of `curl` that take no value; there are more that do.
const FLAGS: &[&str] = &[
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-f",
    "--fail",
    "--fail-with-body",
    "-L",
    "--location",
    "-k",
    "--insecure",
    "-v",
    "--verbose",
    "-i",
    "--include",
    "--show-headers",
    "-I",
    "--head",
    "-g",
    "--globoff",
    "-G",
    "--get",
    "-N",
    "--no-buffer",
    "-4",
    "-6",
    "-0",
    "-O",
    "-J",
    "-j",
    "-q",
    "-#",
    "--progress-bar",
    "--compressed",
    "-n",
    "--netrc",
    "-a",
    "-l",
    "-p",
    "-R",
    "-Z",
    "--http1.1",
    "--http2",
    "--raw",
    "--path-as-is",
    "--next",
    "-:",
    "-h",
    "--help",
    "-V",
    "--version",
];

/// Options whose value may be an address that is not asked.
const OTHERS: &[&str] =
    &["-e", "--referer", "-x", "--proxy", "--preproxy", "-d", "--data", "--json", "-H", "--header", "-A"];

/// Reads a command line.
pub fn read(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let known = match program {
        "curl" => Known::Flags(FLAGS),
        _ => Known::Valued(&["-O", "-o", "-P", "--method", "--header", "--post-data", "--body-data", "--unix-socket"]),
    };
    let read = Arguments::read(arguments, known, End::Anywhere);
    let socket = read.has(&["--unix-socket", "--abstract-unix-socket"]);
    let method = if program.starts_with("http") { typed_method(&read) } else { method(&read) };
    // An option that is not known may have swallowed one.
    let values = read.options.iter().filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    let swallowed = |name: &str, value: &Word| name == "--url" || value.start().contains("://");
    let values = values.filter_map(|(name, value)| value.as_ref().filter(|value| swallowed(name, value)));
    let addresses: Vec<Word> = read.rest.iter().copied().chain(values).cloned().collect();
    for address in addresses {
        let text = address.shown();
        let said = format!("{program} {} {text}", method.as_deref().unwrap_or("…"));
        let to_engine = socket || [":2375", ":2376"].iter().any(|port| text.contains(port));
        let Some(method) = &method else {
            if to_engine {
                reader.unread("the method of the request is known only when it runs".into());
            }
            continue;
        };
        if to_engine {
            engine(reader, &read, method, &address, said);
        } else if let Some((repository, number)) = forge::of_address(&text)
            && method != "GET"
            && text.contains("merge")
        {
            reader.does(Act::Merge { repository: Some(repository), number: Some(number) }, said);
        } else if method != "GET" && address.text().is_none() && text.contains("/merge") {
            reader.does(Act::Merge { repository: None, number: None }, said);
        }
    }
}

/// The method; `None` where only the shell knows it.
fn method(read: &Arguments<'_>) -> Option<String> {
    // Several requests in one line are not taken apart.
    if read.has(&["--next", "-:"]) {
        return None;
    }
    if let Some(named) = read.values(&["-X", "--request", "--method"]).last() {
        return named.text().map(str::to_uppercase);
    }
    const SENDS: &[&str] = &[
        "-d",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-ascii",
        "--data-urlencode",
        "--json",
        "-F",
        "--form",
        "--post-data",
        "--post-file",
    ];
    Some(
        match () {
            () if read.has(&["-I", "--head"]) => "HEAD",
            () if read.has(&["-T", "--upload-file"]) => "PUT",
            () if read.has(SENDS) && !read.has(&["-G", "--get"]) => "POST",
            () => "GET",
        }
        .to_owned(),
    )
}

/// The method of HTTPie's `http`, which stands before the address.
fn typed_method(read: &Arguments<'_>) -> Option<String> {
    let first = read.rest.first()?.text()?;
    let is_method = first.chars().all(|c| c.is_ascii_uppercase());
    Some(
        if is_method {
            first
        } else if read.rest.len() > 1 {
            "POST"
        } else {
            "GET"
        }
        .to_owned(),
    )
}

/// A request to an engine is judged as the interlock would.
fn engine(reader: &mut Reader<'_>, read: &Arguments<'_>, method: &str, address: &Word, said: String) {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return;
    }
    // `curl` itself knows patterns, unless it is told that there are none.
    let is_pattern = |uri: &&str| uri.contains(['{', '[']) && !read.has(&["-g", "--globoff"]);
    let Some(uri) = address.text().filter(|uri| !is_pattern(uri)) else {
        return reader.unread(format!("what `{said}` asks the engine for is known only when it runs"));
    };
    let body = read.values(&["-d", "--data", "--data-raw", "--data-binary", "--json"]);
    let text = match body.as_slice() {
        [] => None,
        [one] => one.text().filter(|text| !text.starts_with('@')).map(|text| text.as_bytes().to_vec()),
        _ => None,
    };
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    if body.is_empty() {
        headers.push(("Content-Length".to_owned(), "0".to_owned()));
    }
    // `localhost/networks/x` is an address for curl.
    let uri = match uri.contains("://") {
        true => uri.to_owned(),
        false => format!("http://{uri}"),
    };
    match classify(&Request { method: method.to_owned(), uri, headers, body: text }) {
        Class::Harmless => {}
        Class::Judged(asks) => {
            asks.into_iter().for_each(|ask| reader.does(Act::Engine(Deed::Request(ask)), said.clone()))
        }
        Class::Unreadable(why) => reader.does(Act::Unread(why), said),
    }
}
