//! `drone.queue`: pauses Drone's queue (`DELETE /api/queue`) or resumes it (`POST /api/queue`).
//!
//! Drone keeps the pause in memory and tells nobody whether it is paused: what proves it is Drone's own answer to the order, by a
//! token that may read the queue too. A restart of Drone forgets it, so a contract pauses again after whatever restarts Drone.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::settle::settled;
use crate::fault;
use crate::model::contract::Params;
use crate::probes::http::client::{Client, NoAnswer};
use crate::probes::http::token::{of_file, sent_to};
use crate::steps::act::{Acted, Ground, Left, NotDone};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// One Drone, and what opens it. The token is in no `Debug` output, error or argv.
struct Drone {
    client: Client,
    token: String,
}

/// The most bytes of a queue that are read: a stage is about 1 KiB, and a queue is longest when its resume is waited for.
const QUEUE: usize = 16 << 20;

/// The step. While Drone does not answer, or whatever stands before it says that it is away, it is asked again until the deadline.
///
/// # Errors
///
/// Untouched where Drone took no order; else midway, with what it answered.
pub async fn act(params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let act = params.text("act").unwrap_or_default();
    order(act == "pause", params, timeout, ground).await
}

/// The reverse: a pause is resumed. Resuming has no reverse: whoever paused before it is not known.
///
/// # Errors
///
/// Stuck, with what Drone answered; untouched where it took no order, and for a `resume`.
pub async fn undo(params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    if params.text("act") != Some("pause") {
        return Err(NotDone::untouched("resuming a queue has no reverse: countersign builder resume"));
    }
    let undone = order(false, params, timeout, ground).await;
    undone.map_err(|error| if error.left == Left::Untouched { error } else { NotDone::stuck(error.message) })
}

async fn order(pause: bool, params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let deadline = Instant::now() + timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let drone = Drone::of(params).map_err(NotDone::untouched)?;
    let (method, word) = if pause { (Method::DELETE, "paused") } else { (Method::POST, "resumed") };
    if pause {
        // What cannot be looked at is not paused. A resume asks nothing beforehand: what it brings back must not hang on the list.
        drone.answer(&Method::GET, left(), ground).await.map_err(|refused| NotDone::untouched(refused.why))?;
    }
    fault::point("queue.order").map_err(|error| NotDone::untouched(error.to_string()))?;
    (ground.part)(&format!("asking Drone to be {word}"), "");
    let ordered = drone.answer(&method, left(), ground).await;
    ordered.map_err(|no| if no.taken { NotDone::midway(no.why) } else { NotDone::untouched(no.why) })?;
    if pause && params.flag("idle") {
        (ground.part)("waiting for the builds that run", "");
        let idle = settled("running builds to end", left(), ground, || async {
            let running = drone.stages().await?.iter().filter(|stage| stage["status"] == "running").count();
            Ok::<_, String>((running > 0).then(|| format!("{running} stages run")))
        });
        idle.await.map_err(|missing| NotDone::midway(format!("{missing}. The queue is paused")))?;
    }
    // Drone's answer to the order is the proof; the list is for whoever reads.
    let stages = match drone.stages().await {
        Ok(stages) => format!("{} stages wait or run", stages.len()),
        Err(why) => format!("how many stages wait or run is not known: {why}"),
    };
    Ok(Acted { output: format!("queue {word}; {stages}\n"), ..Acted::default() })
}

/// Why Drone did not do as it was asked.
struct Refused {
    why: String,
    /// Whether it may have taken the order all the same.
    taken: bool,
}

impl Drone {
    fn of(params: &Params) -> Result<Self, String> {
        let base = params.text("url").unwrap_or_default().trim_end_matches('/');
        sent_to(base, params.text("resolve"))?;
        let client = Client::new(&format!("{base}/api/queue"), params.text("resolve"), params.text("ca"), ANSWER)?;
        let token = of_file(Path::new(params.text("token_file").unwrap_or_default()))?;
        Ok(Self { client: client.body_limit(QUEUE), token })
    }

    /// Asks until it says that it is done. A refusal of the token is final.
    async fn answer(&self, method: &Method, limit: Duration, ground: &Ground<'_>) -> Result<(), Refused> {
        let (denied, taken) = (Cell::new(None), Cell::new(false));
        let settled = settled("Drone's answer", limit, ground, || async {
            let asked = self.client.ask(method.clone(), Some(&self.token)).await;
            let answer = asked.inspect_err(|none| taken.set(taken.get() || !is_refusal(none))).map_err(said)?;
            match answer.status {
                200..300 if is_of_drone(method, &answer.body) => Ok(None),
                // As of a front that shows a page instead.
                status @ 200..300 => Ok(Some(format!("it answered {status} with what is not Drone's"))),
                status @ (401 | 403) => {
                    denied.set(Some(status));
                    Ok(None)
                }
                status => {
                    // What answers 4xx has not done it; a gateway's 5xx does not tell.
                    taken.set(taken.get() || !(400..500).contains(&status));
                    Ok::<_, String>(Some(format!("it answered {status}")))
                }
            }
        });
        let settled = settled.await;
        let no = |why| Err(Refused { why, taken: taken.get() && *method != Method::GET });
        match (denied.get(), settled) {
            (Some(status), _) => no(denied_by(status, method)),
            (None, Err(why)) => no(why),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The stages that wait or run.
    async fn stages(&self) -> Result<Vec<Value>, String> {
        let answer = self.client.ask(Method::GET, Some(&self.token)).await.map_err(said)?;
        match answer.status {
            200 => match serde_json::from_str::<Value>(&answer.body) {
                Ok(Value::Array(stages)) => Ok(stages),
                Ok(Value::Null) => Ok(Vec::new()),
                _ => Err(format!("Drone's queue is no list, or longer than {} MiB", QUEUE >> 20)),
            },
            status @ (401 | 403) => Err(denied_by(status, &Method::GET)),
            status => Err(format!("Drone answered {status} to GET /api/queue; wanted 200")),
        }
    }
}

fn denied_by(status: u16, method: &Method) -> String {
    format!("Drone answered {status} to {method} /api/queue: wanted the token of an administrator")
}

/// Whether an answer can be Drone's: a list to a question, nothing to an order.
fn is_of_drone(method: &Method, body: &str) -> bool {
    match *method {
        Method::GET => body.starts_with('[') || body.trim() == "null",
        _ => body.trim().is_empty(),
    }
}

/// Whether nobody was there to take an order.
fn is_refusal(none: &NoAnswer) -> bool {
    matches!(none, NoAnswer::Looked(why) if why == "connection refused")
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
