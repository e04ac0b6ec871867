//! Each request that an engine serves is classified: it reads, is judged, changes nothing that is guarded, or is refused unread.

use crate::interlock::classify::{Class, classify};
use crate::interlock::request::Request;
use crate::interlock::routes::{HARMLESS, JUDGED, REFUSED};

const SERVED: &str = include_str!("../engine-routes.txt");

/// Versions, method and path of each line, `{}` filled in.
fn served() -> Vec<(&'static str, &'static str, String)> {
    let lines = SERVED.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let mut words = line.split(' ');
        let (versions, method, path) = (words.next()?, words.next()?, words.next()?);
        Some((versions, method, path.replace("{}", "abc123")))
    };
    lines.map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn send(method: &str, uri: &str, body: Option<&str>) -> Class {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let body = body.map(|body| body.as_bytes().to_vec());
    classify(&Request { method: method.to_owned(), uri: uri.to_owned(), headers, body })
}

#[test]
fn every_route_of_every_version_is_classified() {
    let (mut reads, mut judged, mut harmless, mut unread) = (0, 0, 0, 0);
    for (versions, method, path) in served() {
        for prefix in ["", "/v1.41", "/v1.55"] {
            let uri = format!("{prefix}{path}");
            let class = send(method, &uri, Some("{}"));
            let in_table = |pattern: &str| {
                let (ours, theirs) = (pattern.split('/'), path.trim_start_matches('/').split('/'));
                ours.clone().count() == theirs.clone().count() && ours.zip(theirs).all(|(a, b)| a == "{}" || a == b)
            };
            let refused = REFUSED.iter().any(|(verb, pattern, _)| *verb == method && in_table(pattern));
            let listed = JUDGED.iter().any(|(verb, pattern, _)| *verb == method && in_table(pattern));
            match (method, &class) {
                ("GET" | "HEAD" | "OPTIONS", Class::Harmless) => reads += 1,
                (_, Class::Unreadable(_)) if refused => unread += 1,
                (_, Class::Unreadable(why)) => panic!("{versions} {method} {uri}: {why}"),
                (_, Class::Judged(asks)) => {
                    assert!(listed && asks.len() == 1, "{method} {uri}: {asks:?}");
                    judged += 1;
                }
                // With an empty body these ask for nothing: what makes them judged is in the query or body.
                (_, Class::Harmless) if listed => {
                    let quiet = ["/build", "/volumes/create", "/swarm/init", "/plugins/pull"];
                    let of_plugin = path.ends_with("/set") || path.ends_with("/upgrade");
                    assert!(of_plugin || quiet.contains(&path.as_str()), "{method} {uri}");
                    judged += 1;
                }
                (_, Class::Harmless) => {
                    assert!(HARMLESS.iter().any(|(verb, pattern)| *verb == method && in_table(pattern)), "{uri}");
                    harmless += 1;
                }
            }
        }
    }
    assert_eq!((reads, judged, harmless, unread), (3 * 64, 3 * 20, 3 * 46, 3), "requests that are served");
}

#[test]
fn the_tables_name_only_what_some_engine_serves() {
    let served = served();
    let known = |method: &str, pattern: &str| {
        let path = format!("/{}", pattern.replace("{}", "abc123"));
        served.iter().any(|(_, verb, served)| *verb == method && *served == path)
    };
    let judged = JUDGED.iter().map(|(method, pattern, _)| (*method, *pattern));
    let refused = REFUSED.iter().map(|(method, pattern, _)| (*method, *pattern));
    for (method, pattern) in HARMLESS.iter().copied().chain(judged).chain(refused) {
        assert!(known(method, pattern), "{method} {pattern} is served by no engine");
    }
}

#[test]
fn what_is_in_no_table_is_refused_unread() {
    for (method, uri) in [
        ("POST", "/v1.60/networks/merge"),
        ("PATCH", "/v1.41/networks/proxy"),
        ("delete", "/v1.41/networks/proxy"),
        ("DELETE", "/v1.41/Networks/proxy"),
        ("DELETE", "/v1.41/networks%"),
        ("CONNECT", "/"),
        ("POST", "/"),
        ("", "/v1.41/info"),
    ] {
        assert!(matches!(send(method, uri, Some("{}")), Class::Unreadable(_)), "{method} {uri}");
    }
}
