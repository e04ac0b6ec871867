//! What hangs on what: a health check that waits for a route must not be waited for by the service that serves the route.
//!
//! In the first run of this phase a unit waited until the dashboard's host name answered, and the dashboard's own unit was
//! ordered after it: on a fresh boot both waited until the time was up.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::fields::{at, service_name};
use crate::model::contract::Params;

/// A host name that a rule gives to a service.
struct Route<'a> {
    host: String,
    service: &'a str,
    /// The rule, in traefik's own form; empty where it is the host alone.
    rule: &'a str,
}

/// The host names in a front's rules and the services that serve them: every one, since a host may be shared by path.
fn routes(services: &[Value]) -> Vec<Route<'_>> {
    static HOST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"Host(?:SNI)?\(([^)]*)\)").ok());
    let mut routes = Vec::new();
    for service in services {
        let labels = at(service, &["Spec", "Labels"]).and_then(Value::as_object).into_iter().flatten();
        for (name, value) in labels {
            let Some(value) = value.as_str() else { continue };
            if name == "route.host" {
                routes.push(Route { host: value.to_lowercase(), service: service_name(service), rule: "" });
            } else if name.starts_with("traefik.") && name.ends_with(".rule") {
                for host in named(&HOST, value) {
                    routes.push(Route { host: host.to_lowercase(), service: service_name(service), rule: value });
                }
            }
        }
    }
    routes
}

/// What stands in the brackets that a pattern finds, without quotes.
fn named<'a>(pattern: &LazyLock<Option<Regex>>, rule: &'a str) -> impl Iterator<Item = &'a str> {
    let lists = pattern.iter().flat_map(|pattern| pattern.captures_iter(rule)).filter_map(|found| found.get(1));
    let lists: Vec<&str> = lists.map(|list| list.as_str()).collect();
    lists.into_iter().flat_map(|list| list.split(',')).map(|one| one.trim().trim_matches(['`', '"', '\'']))
}

/// Whether a rule may take a path: where it asks for paths and nothing but that is joined, one of them must be its beginning.
fn may_take(rule: &str, path: &str) -> bool {
    static PATHS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"Path(?:Prefix)?\(([^)]*)\)").ok());
    let plain = !rule.contains("||") && !rule.contains('!') && !rule.contains('{');
    let mut wanted = named(&PATHS, rule).peekable();
    !plain || wanted.peek().is_none() || wanted.any(|beginning| path.starts_with(beginning))
}

/// The checks that can never become content, and those of which that is not known; one line each.
pub fn deadlocks(checks: &[Params], services: &[Value]) -> (Vec<String>, Vec<String>) {
    let routes = routes(services);
    let (mut deadlocks, mut unknown) = (Vec::new(), Vec::new());
    for check in checks {
        let (name, polls) = (check.text("name").unwrap_or_default(), check.text("polls").unwrap_or_default());
        let bare = polls.split_once("://").map_or(polls, |(_, rest)| rest);
        let host = bare.split(['/', ':', '?']).next().unwrap_or_default().to_lowercase();
        let path = bare.find('/').map_or("/", |at| &bare[at..]);
        let gated = check.list("gates");
        let is_there = |name: &&String| services.iter().any(|service| service_name(service) == name.as_str());
        if gated.is_empty() {
            unknown.push(format!("check {name} gates no service"));
        }
        if let Some(other) = gated.iter().find(|name| !is_there(name)) {
            unknown.push(format!("check {name} gates {other}, and no service is called so"));
        }
        let takes = |route: &&Route| route.host == host && may_take(route.rule, path);
        let (held, free): (Vec<&str>, Vec<&str>) = routes
            .iter()
            .filter(takes)
            .map(|route| route.service)
            .partition(|service| gated.iter().any(|gated| gated == service));
        match (held.first(), free.first()) {
            (Some(service), None) => deadlocks.push(format!(
                "check {name} waits for {host}, which {service} serves, and {service} waits for {name}: neither can begin; poll \
                 what does not wait for it"
            )),
            (Some(service), Some(other)) => unknown.push(format!(
                "check {name} waits for {host}{path}, which {service} and {other} may serve, and {service} waits for {name}"
            )),
            (None, Some(_)) => {}
            (None, None) => unknown.push(format!("check {name} waits for {host}, which no rule of a service names")),
        }
    }
    (deadlocks, unknown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::contract::Param;

    /// The deadlock of the first run, as the services and the unit stood.
    fn first_run() -> Vec<Value> {
        let service = |name: &str, rule: &str| json!({"Spec": {"Name": name, "Labels": {"traefik.http.routers.r.rule": rule, "traefik.enable": "true"}}});
        vec![
            service("traefik_app", "Host(`traefik.ci.example.org`)"),
            service("ccci-dashboard_app", "Host(`ci.example.org`, `www.ci.example.org`) && PathPrefix(`/`)"),
            service("ccci-bridge_app", "Host(`bridge.example.org`)"),
        ]
    }

    fn check(polls: &str) -> Params {
        let text = |text: &str| Param::Text(text.to_owned());
        let gates = Param::List(vec!["ccci-dashboard_app".into(), "ccci-bridge_app".into()]);
        Params([("name".into(), text("deploy-proxy")), ("polls".into(), text(polls)), ("gates".into(), gates)].into())
    }

    #[test]
    fn a_check_that_waits_for_what_waits_for_it_is_seen() {
        let found = |polls: &str| deadlocks(&[check(polls)], &first_run());
        let (deadlocks, unknown) = found("https://ci.example.org/");
        assert!(deadlocks[0].contains("which ccci-dashboard_app serves") && unknown.is_empty(), "{deadlocks:?}");
        assert_eq!(found("https://WWW.ci.example.org:443/x").0.len(), 1);
        assert_eq!(found("https://traefik.ci.example.org/api/version"), (vec![], vec![]), "what it was changed to");
        assert_eq!(found("https://elsewhere.example.org/").1.len(), 1);
    }

    #[test]
    fn a_host_has_all_its_services_and_a_name_must_be_one() {
        let service =
            |name: &str, rule: &str| json!({"Spec": {"Name": name, "Labels": {"traefik.http.routers.r.rule": rule}}});
        let mut both = [
            service("dash", "Host(`ci`)"),
            service("hookd", "Host(`ci`) && PathPrefix(`/hook`)"),
            service("other", "Host(`o`)"),
        ];
        let find = |polls: &str, gates: &[&str], services: &[Value]| {
            let mut check = check(polls);
            let gates = gates.iter().map(|gate| (*gate).to_owned()).collect();
            check.0.insert("gates".into(), Param::List(gates));
            let (deadlocks, unknown) = deadlocks(&[check], services);
            (deadlocks.len(), unknown.len())
        };
        for _ in 0..2 {
            assert_eq!(find("https://ci/", &["dash"], &both), (1, 0), "only dash serves that path");
            assert_eq!(find("https://ci", &["dash"], &both), (1, 0));
            assert_eq!(find("https://ci/hook/x", &["dash"], &both), (0, 1), "either may serve it");
            assert_eq!(find("https://ci/hook/x", &["dash", "hookd"], &both), (1, 0));
            assert_eq!(find("https://ci/", &["other"], &both), (0, 0));
            assert_eq!(find("https://ci/", &["dahs"], &both), (0, 1), "misspelt");
            assert_eq!(find("https://ci/", &[], &both), (0, 1), "none");
            both.swap(0, 1);
        }
        let or = service("or", "Host(`ci`) && (PathPrefix(`/a`) || Method(`GET`))");
        assert_eq!(find("https://ci/", &["or"], &[or]), (1, 0));
    }
}
