//! `docker.services`: named services are converged, on the named networks, with no update in flight.

use serde_json::{Value, json};

use super::fields::{aliases_on, at, list, service_name, service_targets, short, text, update_in_flight};
use super::hangs;
use crate::model::contract::Params;
use crate::probes::seen::{Seen, texts};

/// What one service looks like.
struct State {
    replicas: toml::Value,
    networks: Vec<String>,
    aliases: toml::Table,
    running: usize,
    wrong: Vec<String>,
}

/// Judges the named services over all services, tasks and networks.
pub fn judge(params: &Params, services: &[Value], tasks: &[Value], networks: &[Value]) -> Seen {
    let names = params.list("services");
    if names.is_empty() {
        return Seen::unknown("docker.services was given no service: nothing to look at");
    }
    let mut facts = toml::Table::new();
    let mut running = toml::Table::new();
    let mut wrong = Vec::new();
    let mut raw = Vec::new();
    for name in names {
        let Some(service) = services.iter().find(|service| service_name(service) == name) else {
            wrong.push(format!("{name} is not there"));
            continue;
        };
        let state = state(service, tasks, networks, params.list("networks"));
        let mut fact = toml::Table::new();
        fact.insert("replicas".into(), state.replicas);
        fact.insert("networks".into(), texts(&state.networks));
        fact.insert("aliases".into(), state.aliases.into());
        fact.insert("converged".into(), state.wrong.is_empty().into());
        facts.insert(name.clone(), fact.into());
        running.insert(name.clone(), i64::try_from(state.running).unwrap_or(i64::MAX).into());
        wrong.extend(state.wrong.iter().map(|problem| format!("{name}: {problem}")));
        raw.push(view(service));
    }
    let (deadlocks, unknown) = hangs::deadlocks(params.tables("checks"), services);
    wrong.extend(deadlocks);
    let seen = if wrong.is_empty() && !unknown.is_empty() {
        return Seen::unknown(format!("docker.services: what hangs on what is not known: {}", unknown.join("; ")));
    } else if wrong.is_empty() {
        Seen::held(format!("{} of {} services converged", names.len(), names.len()))
    } else {
        Seen::failed(format!(
            "not converged as wanted: {}; look with `docker service ps --no-trunc NAME`",
            wrong.join("; ")
        ))
    };
    let raw = serde_json::to_string_pretty(&raw).unwrap_or_default();
    seen.fact("services", facts).reading("running", running).raw(raw)
}

fn state(service: &Value, tasks: &[Value], networks: &[Value], wanted_on: &[String]) -> State {
    let mut wrong = Vec::new();
    let id = text(service, &["ID"]);
    let desired: Vec<_> = tasks
        .iter()
        .filter(|task| text(task, &["ServiceID"]) == id && text(task, &["DesiredState"]) == "running")
        .collect();
    let is_running = |task: &&&Value| text(task, &["Status", "State"]) == "running";
    let running = desired.iter().filter(is_running).count();
    let replicated = at(service, &["Spec", "Mode", "Replicated", "Replicas"]).and_then(Value::as_u64);
    let replicas = match replicated {
        Some(0) => {
            wrong.push("wants 0 replicas, so nothing of it can answer".to_owned());
            0.into()
        }
        Some(wanted) => {
            if running as u64 != wanted || desired.len() as u64 != wanted {
                wrong.push(format!("{running} of {wanted} replicas run"));
            }
            i64::try_from(wanted).unwrap_or(i64::MAX).into()
        }
        None if at(service, &["Spec", "Mode", "Global"]).is_some() => {
            if desired.is_empty() || running != desired.len() {
                wrong.push(format!("{running} of {} tasks run, and at least one is wanted", desired.len()));
            }
            "global".into()
        }
        None => {
            wrong.push("is neither replicated nor global: jobs do not converge".to_owned());
            "job".into()
        }
    };
    if let Some(update) = update_in_flight(service) {
        wrong.push(format!("an update is in flight ({update})"));
    }
    let (mut on, mut aliases) = (Vec::new(), toml::Table::new());
    for target in service_targets(service) {
        match networks.iter().find(|network| text(network, &["Id"]) == target || text(network, &["Name"]) == target) {
            Some(network) => {
                let name = text(network, &["Name"]).to_owned();
                aliases.insert(name.clone(), texts(aliases_on(service, target)));
                on.push(name);
            }
            None => wrong.push(format!("its spec names the network {}, which is gone", short(target))),
        }
    }
    on.sort_unstable();
    for network in wanted_on.iter().filter(|network| !on.contains(network)) {
        wrong.push(format!("is not on {network}"));
    }
    State { replicas, networks: on, aliases, running, wrong }
}

/// What of a service may be shown: names of environment variables, never their values, no labels, arguments or commands.
fn view(service: &Value) -> Value {
    let container = ["Spec", "TaskTemplate", "ContainerSpec"];
    let variables = list(service, &["Spec", "TaskTemplate", "ContainerSpec", "Env"]).iter().filter_map(Value::as_str);
    let names: Vec<_> = variables.map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    json!({
        "Name": service_name(service),
        "ID": text(service, &["ID"]),
        "Version": at(service, &["Version", "Index"]),
        "Image": at(service, &container).map(|spec| text(spec, &["Image"])),
        "EnvNames": names,
        "Mode": at(service, &["Spec", "Mode"]),
        "Networks": service_targets(service),
        "UpdateStatus": at(service, &["UpdateStatus", "State"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    /// A minimal answer in the engine's form.
    fn service(mode: Value, update: &str, target: &str) -> Value {
        json!({"ID": "s1", "Version": {"Index": 7}, "UpdateStatus": {"State": update}, "Spec": {"Name": "web", "Mode": mode,
               "TaskTemplate": {"ContainerSpec": {"Image": "web:1", "Env": ["DB_URL=postgres-value"]},
                                "Networks": [{"Target": target}]}}})
    }

    fn task(desired: &str, state: &str) -> Value {
        json!({"ServiceID": "s1", "DesiredState": desired, "Status": {"State": state}})
    }

    fn params(names: &[&str]) -> Params {
        let list = |names: &[&str]| Param::List(names.iter().map(|n| (*n).to_owned()).collect());
        Params([("services".to_owned(), list(names)), ("networks".to_owned(), list(&["proxy"]))].into())
    }

    #[test]
    fn held_failed_and_unknown() {
        let networks = [json!({"Id": "n1", "Name": "proxy"}), json!({"Id": "n2", "Name": "internal"})];
        let two = || json!({"Replicated": {"Replicas": 2}});
        let run = || task("running", "running");
        let old = || task("shutdown", "running");
        let table = [
            (service(two(), "", "n1"), vec![run(), run(), old()], Outcome::Held, "1 of 1"),
            (service(two(), "completed", "n1"), vec![run(), run()], Outcome::Held, ""),
            (service(json!({"Global": {}}), "", "n1"), vec![run()], Outcome::Held, ""),
            (service(json!({"Global": {}}), "", "n1"), vec![], Outcome::Failed, "at least one"),
            (service(two(), "", "n1"), vec![run(), task("running", "new")], Outcome::Failed, "1 of 2 replicas"),
            (service(two(), "updating", "n1"), vec![run(), run()], Outcome::Failed, "in flight (updating)"),
            (service(two(), "paused", "n1"), vec![run(), run()], Outcome::Failed, "in flight (paused)"),
            (service(two(), "", "n2"), vec![run(), run()], Outcome::Failed, "is not on proxy"),
            (service(two(), "", "n9"), vec![run(), run()], Outcome::Failed, "which is gone"),
            (service(json!({"Replicated": {"Replicas": 0}}), "", "n1"), vec![], Outcome::Failed, "wants 0"),
        ];
        for (service, tasks, outcome, word) in table {
            let seen = judge(&params(&["web"]), &[service], &tasks, &networks);
            assert_eq!(seen.outcome, outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
        assert_eq!(judge(&params(&["gone"]), &[], &[], &networks).outcome, Outcome::Failed);
        assert_eq!(judge(&params(&[]), &[], &[], &networks).outcome, Outcome::Unknown);
    }

    #[test]
    fn names_on_a_network_are_facts_and_a_check_that_hangs_on_itself_fails() {
        let networks = [json!({"Id": "n1", "Name": "proxy"})];
        let mut web = service(json!({"Replicated": {"Replicas": 1}}), "", "n1");
        web["Spec"]["TaskTemplate"]["Networks"][0]["Aliases"] = json!(["app", "front"]);
        web["Spec"]["Labels"] = json!({"traefik.http.routers.web.rule": "Host(`ci.example.org`)"});
        let tasks = [task("running", "running")];
        let look = |polls: &str| {
            let text = |text: &str| Param::Text(text.to_owned());
            let gates = Param::List(vec!["web".into()]);
            let check = [("name".into(), text("deploy-proxy")), ("polls".into(), text(polls)), ("gates".into(), gates)];
            let mut params = params(&["web"]);
            params.0.insert("checks".into(), Param::Tables(vec![Params(check.into())]));
            judge(&params, std::slice::from_ref(&web), &tasks, &networks)
        };
        let held = judge(&params(&["web"]), std::slice::from_ref(&web), &tasks, &networks);
        assert_eq!(held.facts["services"]["web"]["aliases"]["proxy"], texts(["app", "front"]), "{}", held.says);
        let deadlock = look("https://ci.example.org/");
        assert!(
            deadlock.outcome == Outcome::Failed && deadlock.says.contains("neither can begin"),
            "{}",
            deadlock.says
        );
        assert_eq!(look("https://elsewhere.example.org/").outcome, Outcome::Unknown);
    }

    #[test]
    fn values_of_the_environment_are_never_shown() {
        let service = service(json!({"Replicated": {"Replicas": 1}}), "", "n1");
        let seen = judge(&params(&["web"]), &[service], &[], &[]);
        assert!(seen.raw.contains("DB_URL") && !seen.raw.contains("postgres-value"), "{}", seen.raw);
    }
}
