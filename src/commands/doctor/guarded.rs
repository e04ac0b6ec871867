//! Whether what the contract guards is there: a name that is mistyped under `[protect]` guards nothing.

use super::line::Line;
use crate::engine::Engine;
use crate::model::contract::protect::Protect;

const WHAT: &str = "[protect]";

/// The line about the networks, services and stacks that `[protect]` names; none where it names none.
pub async fn line(engine: &Engine, protect: &Protect) -> Option<Line> {
    if protect.networks.is_empty() && protect.services.is_empty() && protect.stacks.is_empty() {
        return None;
    }
    let (networks, services) = match tokio::try_join!(engine.networks(), engine.services()) {
        Ok(both) => both,
        Err(error) => return Some(Line::unknown(WHAT, error.to_string(), "docker network ls; docker service ls")),
    };
    let networks: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
    let stacks: Vec<&str> = services.iter().filter_map(|service| service.stack()).collect();
    let services: Vec<&str> = services.iter().map(|service| service.name()).collect();
    Some(said(protect, &networks, &services, &stacks))
}

fn said(protect: &Protect, networks: &[&str], services: &[&str], stacks: &[&str]) -> Line {
    let absent = |kind: &str, names: &[String], there: &[&str]| -> Vec<String> {
        let is_there = |name: &String| there.iter().any(|other| other.to_lowercase() == name.to_lowercase());
        names.iter().filter(|name| !is_there(name)).map(|name| format!("no {kind} {name}")).collect()
    };
    let missing = [
        absent("network", &protect.networks, networks),
        absent("service", &protect.services, services),
        absent("stack", &protect.stacks, stacks),
    ]
    .concat();
    match missing.is_empty() {
        true => Line::ok(WHAT, "everything that it names is there"),
        false => Line::advice(
            WHAT,
            format!("there is {}", missing.join(", ")),
            "names as the engine has them: what is called otherwise is not guarded",
            "docker network ls; docker service ls; then correct [protect] in the contract",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::line::Mark;

    #[test]
    fn a_name_that_nobody_has_is_told() {
        let protect = Protect {
            networks: vec!["Proxy".into(), "proxies".into()],
            services: vec!["traefik_app".into()],
            stacks: vec!["traefic".into()],
            ..Protect::default()
        };
        let seen = said(&protect, &["proxy"], &["traefik_app"], &["traefik"]);
        assert_eq!((seen.mark, seen.found.as_str()), (Mark::Advice, "there is no network proxies, no stack traefic"));
        let all = said(&protect, &["proxy", "proxies"], &["traefik_app"], &["traefic"]);
        assert_eq!(all.mark, Mark::Ok);
    }
}
