//! `host.quiet`: no declared process, unit, timer or lock file is active, no CI build waits or runs, and nobody asked for one.
//!
//! Each kind may be absent from a contract; the answer says what was looked at and what was not asked for. One that cannot be
//! looked at makes the whole answer unknown.

pub mod forge;
pub mod locks;
pub mod processes;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::docker::fields::{at, list, service_name, text, update_in_flight};
use super::docker::{look as engine_look, stacks};
use super::place;
use super::prober::Prober;
use super::runner::blocking;
use super::seen::{Seen, texts};
use crate::engine::error::EngineError;
use crate::model::contract::Params;
use crate::process::{self, Spec};

/// What is busy, and what was looked at.
#[derive(Debug, Default)]
pub struct Found {
    busy: Vec<String>,
    raw: String,
}

/// What can be looked at, each by the parameter that asks for it.
const KINDS: [&str; 9] =
    ["processes", "units", "timers", "locks", "ci_containers", "updates", "declared_stacks", "ci_queues", "comments"];

/// Whether a criterion asks for a kind. An empty list of stacks asks: no stack at all may run.
fn asks(params: &Params, kind: &str) -> bool {
    match kind {
        "ci_containers" | "updates" => params.flag(kind),
        "declared_stacks" => params.0.contains_key(kind),
        "ci_queues" | "comments" => !params.tables(kind).is_empty(),
        list => !params.list(list).is_empty(),
    }
}

/// Looks at everything that the criterion declares.
pub async fn look(prober: &Prober<'_>, params: &Params, timeout: Duration) -> Seen {
    look_with(prober, params, timeout, &|name| std::env::var(name).ok()).await
}

async fn look_with(prober: &Prober<'_>, params: &Params, timeout: Duration, env: forge::Env<'_>) -> Seen {
    let (asked, left): (Vec<&str>, Vec<&str>) = KINDS.iter().partition(|kind| asks(params, kind));
    if asked.is_empty() {
        return Seen::unknown(format!("host.quiet was given nothing to look at: name one of {}", KINDS.join(", ")));
    }
    let unknown = |why: String| Seen::unknown(format!("host.quiet: {why}"));
    let mut found = Found::default();
    let of_swarm = ["ci_containers", "updates", "declared_stacks"].iter().any(|kind| asks(params, kind));
    let of_processes = ["processes", "locks"].iter().any(|kind| asks(params, kind));
    if of_processes
        && let Ok(engine) = &prober.engine
        && let Err(why) = place::listener(engine).await
    {
        return unknown(why);
    }
    if of_swarm && let Err(why) = of_engine(prober, params, timeout, &mut found).await {
        return unknown(why);
    }
    if let Err(why) = of_forges(prober, params, timeout, env, &mut found).await {
        return unknown(why);
    }
    let host = params.clone();
    let seen = blocking(move || match of_host(&host, timeout, &mut found) {
        Ok(()) => judge(&found),
        Err(why) => Seen::unknown(format!("host.quiet: {why}")),
    });
    seen.await.reading("looked_at", texts(&asked)).reading("not_asked", texts(&left))
}

/// Asks every server that is named, one after the other.
async fn of_forges(
    prober: &Prober<'_>,
    params: &Params,
    timeout: Duration,
    env: forge::Env<'_>,
    found: &mut Found,
) -> Result<(), String> {
    for server in params.tables("ci_queues") {
        forge::drone(server, env, timeout, found).await?;
    }
    for server in params.tables("comments") {
        forge::comments(server, env, (prober.now)(), timeout, found).await?;
    }
    Ok(())
}

fn judge(found: &Found) -> Seen {
    let seen = if found.busy.is_empty() {
        Seen::held("the host is quiet: nothing that is declared runs")
    } else {
        Seen::failed(format!("the host is busy: {}; wait until it ended, or end it", found.busy.join("; ")))
    };
    seen.fact("quiet", found.busy.is_empty()).raw(found.raw.as_str())
}

async fn of_engine(prober: &Prober<'_>, params: &Params, timeout: Duration, found: &mut Found) -> Result<(), String> {
    let engine = prober.engine.as_ref().map_err(|why| format!("no engine to ask: {why}"))?;
    let told = |error: EngineError| error.to_string();
    let services = engine_look::services(engine).await.map_err(told)?;
    let containers = match params.flag("ci_containers") {
        true => {
            let mut all = engine.containers(&["io.drone=true"], false).await.map_err(told)?;
            for other in engine_look::others(prober, engine, timeout).await? {
                all.extend(other.containers(&["io.drone=true"], false).await.map_err(told)?);
            }
            all
        }
        false => Vec::new(),
    };
    engine_busy(params, &services, &containers, found);
    Ok(())
}

fn engine_busy(params: &Params, services: &[Value], containers: &[Value], found: &mut Found) {
    for container in containers {
        let label = |name: &str| at(container, &["Labels", name]).and_then(Value::as_str).unwrap_or("?").to_owned();
        let name = list(container, &["Names"]).first().and_then(Value::as_str).unwrap_or("a container");
        let (repository, build) = (label("io.drone.repo.slug"), label("io.drone.build.number"));
        found.busy.push(format!("CI build {repository} #{build} runs ({name})"));
    }
    for service in services {
        if let Some(state) = update_in_flight(service) {
            found.busy.push(format!("an update of service {} is in flight ({state})", service_name(service)));
        }
    }
    if params.0.contains_key("declared_stacks") {
        let declared = params.list("declared_stacks");
        for stack in stacks::running(services).iter().filter(|stack| !declared.iter().any(|name| name == *stack)) {
            found.busy.push(format!("stack {stack} is not declared"));
        }
    }
    let ids: Vec<_> = containers.iter().map(|container| text(container, &["Id"])).collect();
    found.raw.push_str(&format!("services: {}, CI containers: {}\n", services.len(), ids.join(" ")));
}

fn of_host(params: &Params, timeout: Duration, found: &mut Found) -> Result<(), String> {
    let names = params.list("processes");
    if !names.is_empty() {
        let running = processes::running(Path::new("/proc"))?;
        found.raw.push_str(&format!("{} processes looked at\n", running.len()));
        for hit in processes::matching(&running, names)? {
            found.raw.push_str(&format!("process {hit}\n"));
            found.busy.push(format!("process {hit}"));
        }
    }
    for lock in params.list("locks") {
        match locks::holder(Path::new(lock))? {
            Some(holder) => found.busy.push(format!("lock {lock} is held ({holder})")),
            None => found.raw.push_str(&format!("lock {lock}: free\n")),
        }
    }
    for unit in params.list("units").iter().chain(params.list("timers")) {
        let state = unit_state(unit, timeout)?;
        found.raw.push_str(&format!("unit {unit}: {state}\n"));
        if !matches!(state.as_str(), "inactive" | "failed") {
            found.busy.push(format!("unit {unit} is {state}"));
        }
    }
    Ok(())
}

fn unit_state(unit: &str, timeout: Duration) -> Result<String, String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(format!("systemd does not run here, so the state of {unit} is not known"));
    }
    // `--` keeps a name that begins with a hyphen from being an option.
    let argv = ["systemctl", "show", "-p", "LoadState,ActiveState", "--", unit];
    let done = process::run(&Spec::new(argv).timeout(timeout.mul_f32(0.9))).map_err(|error| error.to_string())?;
    state_of(unit, &done.text()).map_err(|why| format!("{why} {}", done.complaint()).trim_end().to_owned())
}

/// The state in what systemctl shows of a unit. One that systemd does not know is not inactive: its name may be misspelt. Pure.
fn state_of(unit: &str, shown: &str) -> Result<String, String> {
    let property = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    if property("LoadState") == Some("not-found") {
        return Err(format!("systemd knows no unit {unit}: correct its name, or leave it out"));
    }
    match property("ActiveState") {
        Some(state @ ("active" | "inactive" | "failed" | "activating" | "deactivating" | "reloading")) => {
            Ok(state.to_owned())
        }
        other => Err(format!("the state of {unit} is not known: \"{}\"", other.unwrap_or(""))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;
    use crate::model::time::Time;

    #[test]
    fn builds_updates_and_undeclared_stacks_are_busy() {
        let service = |stack: &str, update: &str| {
            json!({"Spec": {"Name": format!("{stack}_app"), "Labels": {"com.docker.stack.namespace": stack}},
                   "UpdateStatus": {"State": update}})
        };
        let build = json!({"Id": "c1", "Names": ["/drone-1"],
                           "Labels": {"io.drone.repo.slug": "a/b", "io.drone.build.number": "608"}});
        let declared = Param::List(vec!["traefik".into()]);
        let params = Params([("declared_stacks".to_owned(), declared)].into());
        let table = [
            (vec![service("traefik", "completed")], vec![], Outcome::Held, "quiet"),
            (vec![service("traefik", "updating")], vec![], Outcome::Failed, "traefik_app is in flight"),
            (vec![service("test-1", "")], vec![], Outcome::Failed, "stack test-1 is not declared"),
            (vec![service("traefik", "")], vec![build], Outcome::Failed, "CI build a/b #608"),
        ];
        for (services, containers, outcome, word) in table {
            let mut found = Found::default();
            engine_busy(&params, &services, &containers, &mut found);
            let seen = judge(&found);
            assert_eq!(seen.outcome, outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
    }

    #[test]
    fn a_unit_that_is_not_there_is_not_quiet() {
        let state = |shown: &str| state_of("x.timer", shown);
        assert_eq!(state("LoadState=loaded\nActiveState=active\n"), Ok("active".into()));
        assert_eq!(state("ActiveState=inactive\nLoadState=masked\n"), Ok("inactive".into()));
        assert!(state("LoadState=not-found\nActiveState=inactive\n").is_err_and(|why| why.contains("no unit x.timer")));
        assert!(state("ActiveState=maintenance\n").is_err() && state("").is_err());
    }

    #[tokio::test]
    async fn nothing_declared_and_no_engine_are_unknown() {
        let now = || -> Time { "2026-06-13T05:34:13Z".parse().expect("a time") };
        let prober = Prober::without_engine(&now, "out of reach");
        let ask = |params: Params| look(&prober, params, Duration::from_secs(2));
        async fn look(prober: &Prober<'_>, params: Params, timeout: Duration) -> Seen {
            super::look(prober, &params, timeout).await
        }
        assert_eq!(ask(Params::default()).await.outcome, Outcome::Unknown);
        let ci = ask(Params([("ci_containers".to_owned(), Param::Flag(true))].into())).await;
        assert!(ci.outcome == Outcome::Unknown && ci.says.contains("out of reach"), "{}", ci.says);
        let idle = Param::List(vec!["no-such-upgrade-tool".into()]);
        let quiet = ask(Params([("processes".to_owned(), idle)].into())).await;
        assert_eq!(quiet.outcome, Outcome::Held, "{}", quiet.says);
    }
}
