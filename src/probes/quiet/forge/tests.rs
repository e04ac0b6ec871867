//! A small server stands in for Drone and Gitea; its answers are in the forms of their own handlers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::look_with;
use crate::model::contract::{Param, Params};
use crate::model::observation::Outcome;
use crate::model::time::Time;
use crate::probes::prober::Prober;
use crate::probes::seen::Seen;
use std::time::Duration;

const TOKEN: &str = "sesame0sesame0";

/// A server that answers a path (its beginning) with status and body, to the right token alone; an empty body is silence.
async fn server(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let found = answers.iter().find(|(begin, ..)| path.starts_with(begin));
                let (status, body) = match found {
                    _ if !request.contains(&format!("Bearer {TOKEN}")) && path.starts_with("/api/queue") => (401, "{}"),
                    Some((_, status, body)) => (*status, *body),
                    None => (200, "[]"),
                };
                if body.is_empty() {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all((head + body).as_bytes()).await;
            });
        }
    });
    address
}

async fn ask(kind: &str, table: Vec<(&str, Param)>) -> Seen {
    let now = || -> Time { "2026-06-13T05:34:13Z".parse().expect("a time") };
    let prober = Prober::without_engine(&now, "no engine in this test");
    let table = Params(table.into_iter().map(|(name, param)| (name.to_owned(), param)).collect());
    let params = Params([(kind.to_owned(), Param::Tables(vec![table]))].into());
    let env = |name: &str| (name == "COUNTERSIGN_TOKEN").then(|| TOKEN.to_owned());
    look_with(&prober, &params, Duration::from_secs(1), &env).await
}

fn words(text: &str) -> Param {
    Param::Text(text.to_owned())
}

#[tokio::test]
async fn drone_held_failed_and_each_way_of_unknown() {
    let build = r#"[{"id":1,"slug":"coop/recipe","build":{"number":608,"status":"running"}}]"#;
    let build: &'static str = Box::leak(build.to_owned().into_boxed_str());
    let table: [(&'static [(&'static str, u16, &'static str)], Outcome, &str); 8] = [
        (&[("/api/queue", 200, "[]"), ("/api/builds", 200, "null")], Outcome::Held, "is quiet"),
        (
            &[("/api/queue", 200, r#"[{"build_id":7,"status":"pending"}]"#)],
            Outcome::Failed,
            "1 stages that wait or run, first  #7 pending",
        ),
        (Box::leak(Box::new([("/api/builds", 200, build)])), Outcome::Failed, "first coop/recipe #608 running"),
        (&[("/api/builds", 403, "{}")], Outcome::Unknown, "the token does not open it"),
        (&[("/api/queue", 502, "{}")], Outcome::Unknown, "answered 502 to GET /api/queue; wanted 200"),
        (&[("/api/queue", 200, "<html>")], Outcome::Unknown, "no whole list"),
        (&[("/api/queue", 200, "{\"a\":1}")], Outcome::Unknown, "no whole list"),
        (&[("/api/queue", 200, "")], Outcome::Unknown, "no answer in time"),
    ];
    for (answers, outcome, word) in table {
        let url = server(answers).await;
        let seen = ask("ci_queues", vec![("url", words(&url)), ("token_env", words("COUNTERSIGN_TOKEN"))]).await;
        assert_eq!(seen.outcome, outcome, "{}", seen.says);
        assert!(seen.says.contains(word), "{}", seen.says);
        assert!(!format!("{seen:?}").contains(TOKEN), "{seen:?}");
        if outcome != Outcome::Unknown {
            assert_eq!(seen.readings["looked_at"], crate::probes::seen::texts(["ci_queues"]));
            assert!(seen.readings["not_asked"].to_string().contains("processes"), "{seen:?}");
        }
    }
    let open = server(&[]).await;
    for (more, word) in [
        (vec![], "name a token"),
        (vec![("token_env", words("COUNTERSIGN_TOKEN_OTHER"))], "no variable"),
        (vec![("token_env", words("PATH"))], "is not read"),
        (vec![("token_file", words("/no/such/token"))], "/no/such/token"),
    ] {
        let seen = ask("ci_queues", [vec![("url", words(&open))], more].concat()).await;
        assert!(seen.outcome == Outcome::Unknown && seen.says.contains(word), "{}", seen.says);
    }
    let plain =
        ask("ci_queues", vec![("url", words("http://drone.test")), ("token_env", words("COUNTERSIGN_TOKEN"))]).await;
    assert!(plain.outcome == Outcome::Unknown && plain.says.contains("wanted https"), "{}", plain.says);
}

#[tokio::test]
async fn a_comment_that_asks_for_a_run_is_busy_and_talk_about_it_is_not() {
    const COMMENTS: &str = "/api/v1/repos/coop/recipe/issues/comments?since=2026-06-13T05:04:13Z&limit=50&page=1";
    let asked = r#"[{"body":" !testme\r\n","user":{"login":"ann"},"html_url":"http://x/1"}]"#;
    let talk = r#"[{"body":"shall I say !testme?","user":{"login":"ann"},"html_url":"http://x/2"}]"#;
    for (status, body, outcome, word) in [
        (200, "[]", Outcome::Held, "is quiet"),
        (200, talk, Outcome::Held, "is quiet"),
        (200, asked, Outcome::Failed, "`!testme` by ann since 2026-06-13T05:04:13Z on coop/recipe (http://x/1)"),
        (404, "{}", Outcome::Unknown, "answered 404 to GET /api/v1/repos/coop/recipe/issues/comments; wanted 200"),
        (401, "{}", Outcome::Unknown, "name a token"),
        (200, "null and void", Outcome::Unknown, "no whole list"),
        (200, "null", Outcome::Unknown, "no whole list"),
        (200, r#"[{"id": 1}]"#, Outcome::Unknown, "has no text that can be read"),
        (200, r#"[{"body": ["!testme"]}]"#, Outcome::Unknown, "has no text that can be read"),
        (200, r#"["!testme", 7, null]"#, Outcome::Unknown, "has no text that can be read"),
        (200, "", Outcome::Unknown, "no answer in time"),
    ] {
        let url = server(Box::leak(Box::new([(COMMENTS, status, body)]))).await;
        let repos = Param::List(vec!["coop/recipe".into()]);
        let within = Param::Duration(Duration::from_secs(1800));
        let seen = ask("comments", vec![("url", words(&url)), ("repos", repos), ("within", within)]).await;
        assert_eq!(seen.outcome, outcome, "{}", seen.says);
        assert!(seen.says.contains(word), "{}", seen.says);
    }
    let endless = server(&[("/api/v1", 200, r#"[{"body":"x"}]"#)]).await;
    let repos = |name: &str| ("repos", Param::List(vec![name.to_owned()]));
    let since = || ("since", words("2026-06-13T05:00:00Z"));
    for (table, word) in [
        (vec![repos("coop/recipe"), since()], "more than 40 comments"),
        (vec![repos("coop/../x"), since()], "no repository"),
        (vec![repos("coop"), since()], "no repository"),
        (vec![repos("coop/recipe")], "either `since` or `within`"),
        (vec![since()], "at least one repository"),
    ] {
        let seen = ask("comments", [vec![("url", words(&endless))], table].concat()).await;
        assert!(seen.outcome == Outcome::Unknown && seen.says.contains(word), "{}", seen.says);
    }
}
