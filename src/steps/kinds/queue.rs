//! `drone.queue`: pauses Drone's queue (`DELETE /api/queue`) or resumes it (`POST /api/queue`).
//!
//! Drone keeps the pause in memory and tells nobody whether it is paused: what proves it is Drone's own answer to the order, by a
//! token that may read the queue too. A restart of Drone forgets it, so a contract pauses again after whatever restarts Drone.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::settle::settled;
use crate::fault;
use crate::model::contract::Params;
use crate::probes::http::client::{Client, NoAnswer};
use crate::probes::http::token::{of_file, sent_to};
use crate::steps::act::{Acted, Ground, NotDone};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// One Drone, and what opens it. The token is in no `Debug` output, error or argv.
struct Drone {
    client: Client,
    token: String,
}

/// The step. While Drone does not answer it is asked again until the deadline.
///
/// # Errors
///
/// Untouched before the first order; then midway, with what Drone answered.
pub async fn act(params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let act = params.text("act").unwrap_or_default();
    order(act == "pause", params, timeout, ground).await
}

/// The reverse: a pause is resumed. Resuming has no reverse: whoever paused before it is not known.
///
/// # Errors
///
/// Stuck, with what Drone answered; untouched for a `resume`.
pub async fn undo(params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    if params.text("act") != Some("pause") {
        return Err(NotDone::untouched("resuming a queue has no reverse: countersign builder resume"));
    }
    order(false, params, timeout, ground).await.map_err(|error| NotDone::stuck(error.message))
}

async fn order(pause: bool, params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let deadline = Instant::now() + timeout;
    let drone = Drone::of(params).map_err(NotDone::untouched)?;
    // Asked before anything is ordered: a wrong address or token changes nothing.
    drone.stages().await.map_err(NotDone::untouched)?;
    let (method, word) = if pause { (Method::DELETE, "paused") } else { (Method::POST, "resumed") };
    fault::point("queue.order").map_err(|error| NotDone::untouched(error.to_string()))?;
    (ground.part)(&format!("asking Drone to be {word}"), "");
    let left = || deadline.saturating_duration_since(Instant::now());
    let ordered = settled("Drone's answer", left(), ground, || async {
        let answer = drone.client.ask(method.clone(), Some(&drone.token)).await.map_err(said)?;
        Ok::<_, String>((!(200..300).contains(&answer.status)).then(|| format!("it answered {}", answer.status)))
    });
    ordered.await.map_err(NotDone::midway)?;
    if pause && params.flag("idle") {
        (ground.part)("waiting for the builds that run", "");
        let idle = settled("running builds to end", left(), ground, || async {
            let running = drone.stages().await?.iter().filter(|stage| stage["status"] == "running").count();
            Ok::<_, String>((running > 0).then(|| format!("{running} stages run")))
        });
        idle.await.map_err(|missing| NotDone::midway(format!("{missing}. The queue is paused")))?;
    }
    let stages = drone.stages().await.map_err(NotDone::midway)?;
    let output = format!("queue {word}; {} stages wait or run\n", stages.len());
    Ok(Acted { output, ..Acted::default() })
}

impl Drone {
    fn of(params: &Params) -> Result<Self, String> {
        let base = params.text("url").unwrap_or_default().trim_end_matches('/');
        sent_to(base, params.text("resolve"))?;
        let client = Client::new(&format!("{base}/api/queue"), params.text("resolve"), params.text("ca"), ANSWER)?;
        Ok(Self { client, token: of_file(Path::new(params.text("token_file").unwrap_or_default()))? })
    }

    /// The stages that wait or run.
    async fn stages(&self) -> Result<Vec<Value>, String> {
        let answer = self.client.ask(Method::GET, Some(&self.token)).await.map_err(said)?;
        match answer.status {
            200 => match serde_json::from_str::<Value>(&answer.body) {
                Ok(Value::Array(stages)) => Ok(stages),
                Ok(Value::Null) => Ok(Vec::new()),
                _ => Err("Drone's queue is no list, or longer than 64 KiB".to_owned()),
            },
            status @ (401 | 403) => {
                Err(format!("Drone answered {status} to GET /api/queue: wanted the token of an administrator"))
            }
            status => Err(format!("Drone answered {status} to GET /api/queue; wanted 200")),
        }
    }
}

fn said(none: NoAnswer) -> String {
    match none {
        NoAnswer::Looked(why) | NoAnswer::CouldNotLook(why) => format!("Drone: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;

    fn params(url: &str, file: &Path) -> Params {
        let text = |text: &str| Param::Text(text.to_owned());
        Params([("url".to_owned(), text(url)), ("token_file".to_owned(), text(file.to_str().unwrap()))].into())
    }

    #[test]
    fn a_token_goes_only_where_nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "sesame\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let why = |url: &str| Drone::of(&params(url, &file)).err().unwrap();
        assert!(why("https://drone.test").contains("mode 0640"), "{}", why("https://drone.test"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Drone::of(&params("https://drone.test", &file)).is_ok());
        assert!(Drone::of(&params("http://127.0.0.1:8080/", &file)).is_ok());
        assert!(why("http://drone.test").contains("wanted https"));
        for wrong in ["", "two words", "tab\there", "\u{e9}"] {
            std::fs::write(&file, wrong).unwrap();
            let why = why("https://drone.test");
            assert!(why.contains("printable") && (wrong.is_empty() || !why.contains(wrong)), "{why}");
        }
    }
}
