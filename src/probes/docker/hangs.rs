//! What hangs on what: a health check that waits for a route must not be waited for by the service that serves the route.
//!
//! In the first run of this phase a unit waited until the dashboard's host name answered, and the dashboard's own unit was
//! ordered after it: on a fresh boot both waited until the time was up.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::fields::{at, service_name};
use crate::model::contract::Params;

/// Host names in a front's rules (traefik's own form) and the services that serve them.
pub fn hosts(services: &[Value]) -> BTreeMap<String, &str> {
    static HOST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"Host(?:SNI)?\(([^)]*)\)").ok());
    let mut hosts = BTreeMap::new();
    for service in services {
        let labels = at(service, &["Spec", "Labels"]).and_then(Value::as_object).into_iter().flatten();
        for (name, value) in labels {
            let Some(value) = value.as_str() else { continue };
            if name == "route.host" {
                hosts.insert(value.to_lowercase(), service_name(service));
            } else if name.starts_with("traefik.") && name.ends_with(".rule") {
                let lists = HOST.iter().flat_map(|host| host.captures_iter(value)).filter_map(|found| found.get(1));
                for one in lists.flat_map(|list| list.as_str().split(',')) {
                    let host = one.trim().trim_matches(['`', '"', '\'']).to_lowercase();
                    hosts.insert(host, service_name(service));
                }
            }
        }
    }
    hosts
}

/// The checks that can never become content, and those of which that is not known; one line each.
pub fn deadlocks(checks: &[Params], services: &[Value]) -> (Vec<String>, Vec<String>) {
    let hosts = hosts(services);
    let (mut deadlocks, mut unknown) = (Vec::new(), Vec::new());
    for check in checks {
        let (name, polls) = (check.text("name").unwrap_or_default(), check.text("polls").unwrap_or_default());
        let bare = polls.split_once("://").map_or(polls, |(_, rest)| rest);
        let host = bare.split(['/', ':', '?']).next().unwrap_or_default().to_lowercase();
        match hosts.get(&host) {
            Some(service) if check.list("gates").iter().any(|gated| gated == service) => deadlocks.push(format!(
                "check {name} waits for {host}, which {service} serves, and {service} waits for {name}: neither can begin; poll \
                 what does not wait for it"
            )),
            Some(_) => {}
            None => unknown.push(format!("check {name} waits for {host}, which no rule of a service names")),
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
}
