//! Runs the probes of criteria and makes observations of what they saw.
//!
//! Fails closed: a timeout, a panic, a missing value, a probe that this version lacks and a `held` without facts are all
//! `unknown`. Every text is redacted here, once, whatever the probe did.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::prober::Prober;
use super::redact::{redact, redact_values};
use super::seen::Seen;
use super::{command, docker, file, git, http, nix, quiet};
use crate::git::Repository;
use crate::model::contract::schema::{self, Binds};
use crate::model::contract::{Criterion, Params, fill};
use crate::model::observation::{Observation, Outcome, Values};
use crate::model::time::{Time, show_duration};

/// The most characters of `says`.
const SAYS_LIMIT: usize = 800;
/// The most bytes of raw text that an observation keeps.
const RAW_LIMIT: usize = 4 << 20;

/// What happens to a criterion while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its probe was started.
    Started,
    /// Its probe ended with this outcome, after so many milliseconds.
    Ended(Outcome, u64),
}

/// Measures every criterion, all at once; the observations are in the criteria's order.
pub async fn measure(
    prober: &Prober<'_>,
    criteria: &[Criterion],
    progress: &dyn Fn(&Criterion, Event),
) -> Vec<Observation> {
    join_all(criteria.iter().map(|criterion| one(prober, criterion, progress))).await
}

async fn one(prober: &Prober<'_>, criterion: &Criterion, progress: &dyn Fn(&Criterion, Event)) -> Observation {
    progress(criterion, Event::Started);
    let at = (prober.now)();
    let clock = Instant::now();
    let seen = guarded(criterion, look(prober, criterion)).await;
    let took_ms = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    let observation = settle(criterion, seen, at, took_ms);
    progress(criterion, Event::Ended(observation.outcome, took_ms));
    observation
}

/// The probe's answer, or `unknown` when it took too long or broke.
async fn guarded(criterion: &Criterion, probe: impl Future<Output = Seen>) -> Seen {
    match tokio::time::timeout(criterion.timeout, AssertUnwindSafe(probe).catch_unwind()).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(_)) => Seen::unknown(format!("{} broke while it looked: a defect of countersign", criterion.probe)),
        Err(_) => Seen::unknown(format!(
            "{} had no answer within its timeout of {}: look again, or raise `timeout` in the contract",
            criterion.probe,
            show_duration(criterion.timeout)
        )),
    }
}

async fn look(prober: &Prober<'_>, criterion: &Criterion) -> Seen {
    let name = criterion.probe.as_str();
    let Some(schema) = schema::probe(name) else {
        return Seen::unknown(format!("no probe is called `{name}`"));
    };
    if !schema.built {
        return Seen::unknown(format!("{name}: not built yet in this version"));
    }
    if schema.binds == Binds::Host && !prober.here {
        if let Err(why) = &prober.engine {
            return Seen::unknown(format!(
                "{name} looks at the engine's own machine, and no engine could be asked: {why}"
            ));
        }
        return Seen::unknown(format!(
            "{name} looks at the engine's own machine, and this is not known to be it: run it there, over the engine's own socket"
        ));
    }
    let params = match fill::resolve(&criterion.params, &prober.values) {
        Ok(params) => params,
        Err(unresolved) => return Seen::unknown(format!("{name}: {unresolved}; it comes from a step's outcome")),
    };
    dispatch(prober, criterion, &params).await
}

async fn dispatch(prober: &Prober<'_>, criterion: &Criterion, params: &Params) -> Seen {
    let name = criterion.probe.as_str();
    match name {
        "http.route" => http::look(params, criterion.timeout, (prober.now)()).await,
        "file.contains" => {
            let (place, params) =
                (file::Place { repository: prober.repository.clone(), here: prober.here }, params.clone());
            blocking(move || file::look(&place, &params)).await
        }
        "git.pushed" => of_repository(prober, params, git::pushed::look).await,
        "git.patch" => of_repository(prober, params, git::patch::look).await,
        "git.secrets" => of_repository(prober, params, git::secrets::look).await,
        "command" => {
            let (root, params, timeout) = (root(prober), params.clone(), criterion.timeout);
            blocking(move || command::look(root.as_deref(), &params, timeout)).await
        }
        "nix.option" => {
            let place = file::Place { repository: prober.repository.clone(), here: prober.here };
            let (params, timeout) = (params.clone(), criterion.timeout);
            blocking(move || nix::option::look(&place, &params, timeout)).await
        }
        "nix.generation" => {
            let (params, timeout) = (params.clone(), criterion.timeout);
            let rights =
                nix::generation::Rights { uid: prober.nix_eval_uid, may_activate: prober.may_activate.clone() };
            blocking(move || nix::generation::look(Path::new("/"), &params, &rights, timeout)).await
        }
        "host.quiet" => quiet::look(prober, params, criterion.timeout).await,
        engine if engine.starts_with("docker.") => docker::look::look(prober, name, params, criterion.timeout).await,
        _ => Seen::unknown(format!("{name}: not built yet in this version")),
    }
}

fn root(prober: &Prober<'_>) -> Option<PathBuf> {
    prober.repository.as_ref().map(|repository| repository.root.clone())
}

async fn of_repository(prober: &Prober<'_>, params: &Params, look: fn(&Repository, &Params) -> Seen) -> Seen {
    match prober.repository.clone() {
        None => Seen::unknown("there is no repository to look at"),
        Some(repository) => {
            let params = params.clone();
            blocking(move || look(&repository, &params)).await
        }
    }
}

/// Runs what blocks on a thread of its own. The thread is not ended by a timeout: whatever runs on it bounds itself.
pub(super) async fn blocking(work: impl FnOnce() -> Seen + Send + 'static) -> Seen {
    match tokio::task::spawn_blocking(work).await {
        Ok(seen) => seen,
        Err(_) => Seen::unknown("the probe broke while it looked: a defect of countersign"),
    }
}

/// Makes the observation: facts the criterion names, nothing secret, nothing good without a fact.
fn settle(criterion: &Criterion, seen: Seen, at: Time, took_ms: u64) -> Observation {
    let Seen { mut outcome, mut says, facts, mut readings, raw } = seen;
    let mut kept = Values::new();
    for (name, value) in facts {
        if criterion.facts.is_empty() || criterion.facts.contains(&name) {
            kept.insert(name, value);
        } else {
            readings.insert(name, value);
        }
    }
    if outcome == Outcome::Held {
        if let Some(missing) = criterion.facts.iter().find(|name| !kept.contains_key(*name)) {
            outcome = Outcome::Unknown;
            says =
                format!("{} reported no fact `{missing}`, which criterion {} compares", criterion.probe, criterion.id);
        } else if kept.is_empty() {
            outcome = Outcome::Unknown;
            says = format!("{} reported no fact: nothing was measured that could hold ({says})", criterion.probe);
        }
    }
    if outcome == Outcome::Unknown {
        kept.clear();
    }
    // What is cut first is no longer recognised as a secret.
    let (says, in_says) = redact(&says);
    let says = one_line(&says);
    let (facts, in_facts) = redact_values(kept);
    let (readings, in_readings) = redact_values(readings);
    let (raw, in_raw) = redact(&raw);
    Observation {
        criterion: criterion.id.clone(),
        probe: criterion.probe.clone(),
        outcome,
        says,
        facts,
        readings,
        raw: bounded(raw),
        redactions: [in_says, in_facts, in_readings, in_raw].into_iter().fold(0, u32::saturating_add),
        at,
        took_ms,
    }
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAYS_LIMIT + 1).collect();
    match line.char_indices().nth(SAYS_LIMIT) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

fn bounded(mut raw: String) -> String {
    if raw.len() > RAW_LIMIT {
        let total = raw.len();
        let cut = (0..=RAW_LIMIT).rev().find(|at| raw.is_char_boundary(*at)).unwrap_or(0);
        raw.truncate(cut);
        raw.push_str(&format!("\n[cut: {} of {total} bytes are not kept]\n", total - cut));
    }
    raw
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;
    use crate::model::contract::Param;

    fn criterion(probe: &str, params: &[(&str, &str)]) -> Criterion {
        Criterion {
            id: "c".parse().expect("an id"),
            title: "c".into(),
            probe: probe.into(),
            params: Params(params.iter().map(|(k, v)| ((*k).to_owned(), Param::Text((*v).to_owned()))).collect()),
            timeout: Duration::from_millis(200),
            facts: Vec::new(),
        }
    }

    fn now() -> Time {
        "2026-06-13T05:34:13Z".parse().expect("a time")
    }

    fn prober(here: bool) -> Prober<'static> {
        Prober { here, ..Prober::without_engine(&now, "no engine in this test") }
    }

    #[tokio::test]
    async fn what_cannot_be_looked_at_is_unknown_and_says_why() {
        let table = [
            (criterion("nix.option", &[]), true, "no file or no option"),
            (criterion("nix.generation", &[]), false, "no engine in this test"),
            (criterion("docker.vips", &[("network", "proxy")]), true, "no engine in this test"),
            (criterion("no.such", &[]), true, "no probe is called"),
            (criterion("host.quiet", &[]), false, "no engine could be asked: no engine in this test"),
            (criterion("file.contains", &[("file", "{step.a.path}")]), true, "`{step.a.path}` has no value"),
        ];
        for (criterion, here, why) in table {
            let events = RefCell::new(Vec::new());
            let seen = measure(&prober(here), &[criterion], &|_, event| events.borrow_mut().push(event)).await;
            assert_eq!((seen[0].outcome, seen[0].facts.len()), (Outcome::Unknown, 0), "{why}");
            assert!(seen[0].says.contains(why), "{}", seen[0].says);
            assert!(matches!(events.borrow()[..], [Event::Started, Event::Ended(Outcome::Unknown, _)]));
        }
    }

    #[tokio::test]
    async fn a_timeout_and_a_panic_are_unknown() {
        let slow = guarded(&criterion("http.route", &[]), std::future::pending()).await;
        assert_eq!(slow.outcome, Outcome::Unknown);
        let broken = guarded(&criterion("http.route", &[]), async { panic!("as ordered") }).await;
        assert_eq!(broken.outcome, Outcome::Unknown);
        assert_eq!(blocking(|| panic!("as ordered")).await.outcome, Outcome::Unknown);
    }

    #[test]
    fn held_needs_the_facts_that_are_compared() {
        let mut named = criterion("file.contains", &[]);
        let nothing = settle(&named, Seen::held("fine"), now(), 1);
        assert_eq!(nothing.outcome, Outcome::Unknown);
        named.facts = vec!["id".into()];
        let other = settle(&named, Seen::held("fine").fact("created", "x"), now(), 1);
        assert_eq!((other.outcome, other.facts.len()), (Outcome::Unknown, 0));
        let right = settle(&named, Seen::held("fine").fact("id", "x").fact("created", "y"), now(), 1);
        assert_eq!(right.outcome, Outcome::Held);
        assert_eq!(right.facts.keys().collect::<Vec<_>>(), ["id"]);
        assert_eq!(right.readings.keys().collect::<Vec<_>>(), ["created"], "the rest is shown, not compared");
    }

    #[test]
    fn secrets_leave_every_part() {
        let secret = "token=hunter2";
        let seen = Seen::held(secret).fact("a", secret).reading("b", secret).raw(format!("{secret}\n"));
        let observation = settle(&criterion("command", &[]), seen, now(), 1);
        assert_eq!(observation.redactions, 4);
        assert!(!format!("{observation:?}").contains("hunter2"));
    }

    #[test]
    fn says_is_one_bounded_line_and_raw_is_bounded() {
        let seen = Seen::failed(format!("a\nb\u{1b}[1m{}", "é".repeat(2000))).raw("é".repeat(RAW_LIMIT));
        let observation = settle(&criterion("command", &[]), seen, now(), 1);
        assert!(!observation.says.contains(['\n', '\u{1b}']) && observation.says.chars().count() <= SAYS_LIMIT + 1);
        assert!(observation.raw.len() < RAW_LIMIT + 100 && observation.raw.contains("[cut: "));
    }
}
