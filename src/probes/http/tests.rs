//! Routes asked of small servers on loopback.

mod tls;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::look;
use crate::model::contract::{Param, Params};
use crate::model::observation::Outcome;
use crate::probes::seen::Seen;

/// A server that gives these answers in turn, the last one again and again; an empty one means silence.
async fn server(answers: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answers[turn.min(answers.len() - 1)];
            turn += 1;
            tokio::spawn(async move {
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                if answer.is_empty() {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
const SEE_OTHER: &str =
    "HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BAD_GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn route(url: &str, more: &[(&str, &str)]) -> Params {
    let mut map = Params::default();
    map.0.insert("name".into(), Param::Text("app".into()));
    map.0.insert("url".into(), Param::Text(url.into()));
    map.0.insert("status".into(), Param::List(vec!["200".into(), "303".into()]));
    for (key, value) in more {
        map.0.insert((*key).into(), Param::Text((*value).into()));
    }
    map
}

async fn ask(routes: Vec<Params>) -> Seen {
    let mut params = Params::default();
    params.0.insert("routes".into(), Param::Tables(routes));
    params.0.insert("consecutive".into(), Param::Number(3));
    params.0.insert("interval".into(), Param::Duration(Duration::from_millis(5)));
    look(&params, Duration::from_millis(800), "2026-06-13T05:34:13Z".parse().expect("a time")).await
}

#[tokio::test]
async fn what_each_kind_of_answer_means() {
    let table: &[(&'static [&'static str], &[(&str, &str)], Outcome, &str)] = &[
        (&[OK], &[], Outcome::Held, "1 of 1 routes"),
        (&[SEE_OTHER], &[], Outcome::Held, "1 of 1 routes"),
        (&[OK], &[("body", "^hel+o$")], Outcome::Held, "1 of 1 routes"),
        (&[OK], &[("body", "bye")], Outcome::Failed, "does not match /bye/"),
        (&[BAD_GATEWAY], &[], Outcome::Failed, "502 Bad Gateway, wanted 200, 303"),
        (&[OK, OK, BAD_GATEWAY, OK], &[], Outcome::Failed, "502"),
        (&["garbage\r\n\r\n"], &[], Outcome::Failed, "not whole HTTP"),
        (&[""], &[], Outcome::Unknown, "no answer in time"),
    ];
    for (answers, more, outcome, word) in table {
        let url = format!("http://127.0.0.1:{}/", server(answers).await);
        let seen = ask(vec![route(&url, more)]).await;
        assert_eq!(seen.outcome, *outcome, "{answers:?}: {}", seen.says);
        assert!(seen.says.contains(word), "{answers:?}: {}", seen.says);
    }
}

#[tokio::test]
async fn refused_is_a_look_and_an_unknown_name_is_none() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let refused = ask(vec![route(&format!("http://127.0.0.1:{free}/"), &[])]).await;
    assert_eq!(refused.outcome, Outcome::Failed, "{}", refused.says);
    assert!(refused.says.contains("connection refused"), "{}", refused.says);
    let nowhere = ask(vec![route("http://no-such-host.invalid/", &[])]).await;
    assert_eq!(nowhere.outcome, Outcome::Unknown, "{}", nowhere.says);
}

#[tokio::test]
async fn a_route_may_be_reached_at_a_given_address() {
    let port = server(&[OK]).await;
    for (url, resolve) in [
        ("http://app.example.org/".to_owned(), format!("127.0.0.1:{port}")),
        (format!("http://app.example.org:{port}/"), "127.0.0.1".to_owned()),
        ("http://app.example.org:8443/".to_owned(), format!("127.0.0.1:{port}")),
    ] {
        let seen = ask(vec![route(&url, &[("resolve", &resolve)])]).await;
        assert_eq!(seen.outcome, Outcome::Held, "{url} at {resolve}: {}", seen.says);
    }
}

#[tokio::test]
async fn a_route_that_cannot_be_asked_is_unknown() {
    for (url, more, word) in [
        ("ftp://x/", &[][..], "wanted http or https"),
        ("http://me:pw@x/", &[], "credentials"),
        ("http://127.0.0.1/", &[("resolve", "127.0.0.2")], "names an address already"),
        ("http://x/", &[("resolve", "x")], "wanted IP or IP:port"),
    ] {
        let seen = ask(vec![route(url, more)]).await;
        assert_eq!(seen.outcome, Outcome::Unknown, "{url}");
        assert!(seen.says.contains(word), "{url}: {}", seen.says);
    }
    assert_eq!(ask(Vec::new()).await.outcome, Outcome::Unknown, "zero of zero routes");
}

#[tokio::test]
async fn one_wrong_route_of_two_is_named_and_facts_are_stable() {
    let (good, bad) = (server(&[OK]).await, server(&[BAD_GATEWAY]).await);
    let mut second = route(&format!("http://127.0.0.1:{bad}/"), &[]);
    second.0.insert("name".into(), Param::Text("drone".into()));
    let first = route(&format!("http://127.0.0.1:{good}/"), &[]);
    let seen = ask(vec![first.clone(), second.clone()]).await;
    assert_eq!(seen.outcome, Outcome::Failed);
    assert!(seen.says.starts_with("1 of 2 routes") && seen.says.contains("drone"), "{}", seen.says);
    assert_eq!(ask(vec![first, second]).await.facts, seen.facts);
}

#[tokio::test]
async fn method_headers_poll_and_certificate_are_looked_at() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nX-Build: 608\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    let table: [(&[(&str, Param)], Outcome, &str); 7] = [
        (&[("method", Param::Text("HEAD".into()))], Outcome::Held, "1 of 1 routes"),
        (&[("headers", Param::Map([("X-Build".into(), "^[0-9]+$".into())].into()))], Outcome::Held, "1 of 1 routes"),
        (&[("headers", Param::Map([("x-build".into(), "^7".into())].into()))], Outcome::Failed, "does not match /^7/"),
        (&[("headers", Param::Map([("X-Other".into(), ".".into())].into()))], Outcome::Failed, "no header x-other"),
        (&[("headers", Param::Map([("X-Build".into(), "(".into())].into()))], Outcome::Unknown, "regex parse error"),
        (&[("method", Param::Text("POST".into()))], Outcome::Unknown, "wanted GET, or HEAD"),
        (&[("min_days", Param::Number(14))], Outcome::Unknown, "is of a certificate"),
    ];
    for (more, outcome, word) in table {
        let body = if more.iter().any(|(name, _)| *name == "method") { "" } else { "hello" };
        let answer: &'static str = Box::leak(format!("{HEAD}{body}").into_boxed_str());
        let mut one = route(&format!("http://127.0.0.1:{}/", server(Box::leak(Box::new([answer]))).await), &[]);
        one.0.extend(more.iter().map(|(name, param)| ((*name).to_owned(), param.clone())));
        let seen = ask(vec![one]).await;
        assert_eq!(seen.outcome, outcome, "{more:?}: {}", seen.says);
        assert!(seen.says.contains(word), "{more:?}: {}", seen.says);
    }
}

#[tokio::test]
async fn right_answers_must_go_on_for_longer_than_the_front_s_poll() {
    // Right three times, by what the front knew before its poll; then not.
    let url = format!("http://127.0.0.1:{}/", server(&[OK, OK, OK, BAD_GATEWAY]).await);
    let ask = async |poll: u64, timeout: u64| {
        let mut params = Params::default();
        params.0.insert("routes".into(), Param::Tables(vec![route(&url, &[])]));
        params.0.insert("interval".into(), Param::Duration(Duration::from_millis(5)));
        params.0.insert("poll".into(), Param::Duration(Duration::from_millis(poll)));
        look(&params, Duration::from_millis(timeout), "2026-06-13T05:34:13Z".parse().expect("a time")).await
    };
    let early = ask(200, 100).await;
    assert!(early.outcome == Outcome::Unknown && early.says.contains("cannot look for longer"), "{}", early.says);
    let seen = ask(200, 5000).await;
    assert!(seen.outcome == Outcome::Failed && seen.says.contains("502"), "{}", seen.says);
}
