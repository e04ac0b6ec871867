//! `docker.stacks`: the stacks that run, and which of them are not declared.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{at, service_name};
use crate::model::contract::Params;
use crate::probes::seen::{Seen, texts};

/// The label by which the engine's client marks what belongs to a stack.
const NAMESPACE: &str = "com.docker.stack.namespace";

/// The names of the stacks that have a service.
pub fn running(services: &[Value]) -> BTreeSet<&str> {
    let label = |service| at(service, &["Spec", "Labels", NAMESPACE]).and_then(Value::as_str);
    services.iter().filter_map(label).collect()
}

/// Judges the stacks over all services.
pub fn judge(params: &Params, services: &[Value]) -> Seen {
    let running = running(services);
    let (declared, required) = (params.list("declared"), params.list("required"));
    if running.is_empty() && required.is_empty() {
        return Seen::unknown("no stack runs at all: nothing to compare with what is declared");
    }
    let allowed = |name: &&&str| declared.iter().chain(required).any(|known| known == **name);
    let undeclared: Vec<_> = running.iter().filter(|name| !allowed(name)).copied().collect();
    let missing: Vec<_> = required.iter().filter(|name| !running.contains(name.as_str())).cloned().collect();
    let mut wrong = Vec::new();
    if !undeclared.is_empty() {
        wrong.push(format!("not declared: {}", undeclared.join(", ")));
    }
    if !missing.is_empty() {
        wrong.push(format!("required and not there: {}", missing.join(", ")));
    }
    let seen = if wrong.is_empty() {
        Seen::held(format!("{} stacks run, all declared", running.len()))
    } else {
        Seen::failed(format!("stacks {}; look with `docker stack ls`", wrong.join("; ")))
    };
    let raw: String = services
        .iter()
        .map(|service| {
            let stack = at(service, &["Spec", "Labels", NAMESPACE]).and_then(Value::as_str).unwrap_or("-");
            format!("{stack}  {}\n", service_name(service))
        })
        .collect();
    seen.fact("stacks", texts(&running)).raw(raw)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    #[test]
    fn held_failed_and_unknown() {
        let of = |stack: &str| json!({"Spec": {"Name": format!("{stack}_app"), "Labels": {NAMESPACE: stack}}});
        let lone = json!({"Spec": {"Name": "lone", "Labels": {}}});
        let list = |names: &[&str]| Param::List(names.iter().map(|n| (*n).to_owned()).collect());
        let table: &[(&[Value], &[&str], &[&str], Outcome, &str)] = &[
            (&[of("traefik"), of("drone"), lone.clone()], &["traefik", "drone"], &[], Outcome::Held, "2 stacks"),
            (&[of("traefik")], &["traefik", "drone"], &[], Outcome::Held, "1 stacks"),
            (&[of("traefik"), of("test-1")], &["traefik"], &[], Outcome::Failed, "not declared: test-1"),
            (&[of("traefik")], &["traefik"], &["drone"], Outcome::Failed, "not there: drone"),
            (&[lone], &["traefik"], &[], Outcome::Unknown, "no stack runs"),
            (&[], &["traefik"], &["traefik"], Outcome::Failed, "not there: traefik"),
        ];
        for (services, declared, required, outcome, word) in table {
            let params =
                Params([("declared".to_owned(), list(declared)), ("required".to_owned(), list(required))].into());
            let seen = judge(&params, services);
            assert_eq!(seen.outcome, *outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
    }
}
