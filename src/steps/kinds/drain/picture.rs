//! What is drained and what brings it back: stacks, chosen by name or pattern, and the capture of them.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::Network;
use crate::engine::service::Service;
use crate::host::HostState;
use crate::model::contract::Params;
use crate::steps::act::NotDone;

/// The label that says which stack a service or network belongs to.
const STACK: &str = "com.docker.stack.namespace";

/// Which stacks a step means.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    names: &'a [String],
    pattern: Option<Regex>,
    except: &'a [String],
}

impl<'a> Choice<'a> {
    /// Reads it from the step's parameters.
    ///
    /// # Errors
    ///
    /// It names nothing, or a stack both to be drained and to be left alone.
    pub(super) fn of(params: &'a Params) -> Result<Self, NotDone> {
        let (names, except) = (params.list("stacks"), params.list("except"));
        let whole = params.text("pattern").map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose();
        let pattern = whole.map_err(|error| NotDone::untouched(format!("`pattern`: {error}")))?;
        if names.is_empty() && pattern.is_none() {
            return Err(NotDone::untouched("the step names no stack: wanted `stacks`, or `pattern` with `except`"));
        }
        if let Some(both) = names.iter().find(|name| except.contains(name)) {
            return Err(NotDone::untouched(format!("stack `{both}` is in `stacks` and in `except`")));
        }
        Ok(Self { names, pattern, except })
    }

    /// Every stack that is named is there now, or was when a run was cut off: a name that is mistyped drains nothing.
    ///
    /// # Errors
    ///
    /// One is not there.
    pub(super) fn all_there(&self, before: &Picture, now: &Picture) -> Result<(), String> {
        let known = [if before.restored { Vec::new() } else { before.stacks() }, now.stacks()].concat();
        let missing: Vec<&str> = self.names.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        Err(format!("there is no stack {missing}: docker stack ls; one that need not be there is named by `pattern`"))
    }

    /// Whether a stack is meant. A pattern must match the whole name.
    pub(super) fn means(&self, stack: &str) -> bool {
        let matched = || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(stack));
        !self.except.iter().any(|name| name == stack) && (self.names.iter().any(|name| name == stack) || matched())
    }
}

/// Stacks as they are, or as they were captured: raw answers of the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Picture {
    /// Services, whole.
    pub(super) services: Vec<Value>,
    /// Networks that belong to the stacks, whole.
    pub(super) networks: Vec<Value>,
    /// Id to name of every network that a service is on: ids are new after a network was made again, names are not.
    pub(super) network_names: BTreeMap<String, String>,
    /// By service name, how many of its tasks ran. What did not run before need not run when it is back.
    pub(super) running: BTreeMap<String, u64>,
    /// It was brought back as a whole: the next drain begins a new capture.
    #[serde(default)]
    pub(super) restored: bool,
}

impl Picture {
    /// Looks at the chosen stacks.
    pub(super) async fn look(engine: &Engine, choice: &Choice<'_>) -> Result<Self, EngineError> {
        let networks = engine.networks().await?;
        let services = engine.services().await?;
        let tasks = engine.tasks(&[("desired-state", "running")]).await?;
        let own: Vec<&Service> =
            services.iter().filter(|service| service.stack().is_some_and(|stack| choice.means(stack))).collect();
        let of_stacks = networks.iter().filter(|network| stack_of(network).is_some_and(|stack| choice.means(stack)));
        let targets: Vec<String> =
            own.iter().flat_map(|service| service.networks()).map(|attachment| attachment.target).collect();
        let named = networks.iter().filter(|network| targets.contains(&network.id));
        let running = |service: &Service| {
            let of = tasks.iter().filter(|task| task.service_id() == service.id() && task.state() == "running");
            (service.name().to_owned(), of.count() as u64)
        };
        Ok(Self {
            network_names: named.map(|network| (network.id.clone(), network.name.clone())).collect(),
            networks: of_stacks.map(|network| network.raw.clone()).collect(),
            running: own.iter().map(|service| running(service)).collect(),
            services: own.into_iter().map(|service| service.0.clone()).collect(),
            restored: false,
        })
    }

    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty() && self.networks.is_empty()
    }

    /// The names of the stacks, each once, in order.
    pub(super) fn stacks(&self) -> Vec<String> {
        let of_service = self.services.iter().filter_map(|raw| raw.get("Spec")?.get("Labels")?.get(STACK)?.as_str());
        let of_network = self.networks.iter().filter_map(|raw| raw.get("Labels")?.get(STACK)?.as_str());
        let mut names: Vec<String> = of_service.chain(of_network).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of the services that are there now and that this capture does not hold as they are.
    pub(super) fn lacks(&self, now: &Self) -> Vec<String> {
        let version = |raw: &Value| (raw.get("ID").cloned(), raw.pointer("/Version/Index").cloned());
        let known: Vec<_> = self.services.iter().map(version).collect();
        let new = now.services.iter().filter(|raw| !known.contains(&version(raw)));
        new.map(|raw| raw.pointer("/Spec/Name").and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
    }

    /// This capture with what is there now: a run that was cut off took some of it down already, and what is gone must stay in
    /// the capture. What is there now wins.
    pub(super) fn with(mut self, now: Self) -> Self {
        if self.restored {
            return now;
        }
        let name = |raw: &Value, pointer: &str| raw.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        for (kept, newer, pointer) in
            [(&mut self.services, now.services, "/Spec/Name"), (&mut self.networks, now.networks, "/Name")]
        {
            kept.retain(|old| newer.iter().all(|new| name(new, pointer) != name(old, pointer)));
            kept.extend(newer);
        }
        self.network_names.extend(now.network_names);
        for (name, count) in now.running {
            // A task that is being stopped runs no more, but it did when it was captured.
            let before = self.running.entry(name).or_default();
            *before = count.max(*before);
        }
        self
    }

    /// Reads a capture; `None` when there is none.
    pub(super) fn read(host: &HostState, name: &str) -> Result<Option<Self>, String> {
        let Some(bytes) = host.captured(name).map_err(|error| error.to_string())? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("capture {name}: {error}"))
    }

    /// Writes it as a capture, synced.
    pub(super) fn write(&self, host: &HostState, name: &str) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        host.capture(name, &bytes).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The stack that a network belongs to.
fn stack_of(network: &Network) -> Option<&str> {
    network.labels.get(STACK).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use serde_json::json;

    fn params(stacks: &[&str], pattern: Option<&str>, except: &[&str]) -> Params {
        let list = |names: &[&str]| Param::List(names.iter().map(|name| (*name).to_owned()).collect());
        let mut map: BTreeMap<_, _> = [("stacks".to_owned(), list(stacks)), ("except".to_owned(), list(except))].into();
        if let Some(pattern) = pattern {
            map.insert("pattern".to_owned(), Param::Text(pattern.to_owned()));
        }
        Params(map)
    }

    #[test]
    fn a_choice_means_whole_names_and_never_an_exception() {
        let table: [(&[&str], Option<&str>, &[&str], &[&str]); 4] = [
            (&["shop"], None, &[], &["shop"]),
            (&[], Some("shop"), &[], &["shop"]),
            (&["front"], Some("shop.*|mail"), &["shop-main"], &["front", "shop", "shop-test", "mail"]),
            (&[], Some(".*"), &["front"], &["shop", "shop-main", "shop-test", "mail", "webmail"]),
        ];
        for (stacks, pattern, except, wanted) in table {
            let params = params(stacks, pattern, except);
            let choice = Choice::of(&params).unwrap();
            let all = ["front", "shop", "shop-main", "shop-test", "mail", "webmail"];
            let meant: Vec<&str> = all.into_iter().filter(|stack| choice.means(stack)).collect();
            assert_eq!(meant, wanted, "{stacks:?} {pattern:?} {except:?}");
        }
    }

    #[test]
    fn a_choice_of_nothing_or_of_an_exception_is_refused() {
        assert!(Choice::of(&params(&[], None, &["x"])).unwrap_err().message.contains("names no stack"));
        assert!(Choice::of(&params(&["x"], None, &["x"])).unwrap_err().message.contains("`stacks` and in `except`"));
    }

    #[test]
    fn a_name_that_no_stack_has_is_told_unless_a_cut_off_run_took_it_down() {
        let service = |stack: &str| json!({ "ID": stack, "Version": { "Index": 1 }, "Spec": { "Name": stack, "Labels": { STACK: stack } } });
        let picture =
            |stacks: &[&str]| Picture { services: stacks.iter().map(|s| service(s)).collect(), ..Picture::default() };
        let params = params(&["shop", "mail"], None, &[]);
        let choice = Choice::of(&params).expect("a choice");
        let (none, both, shop) = (Picture::default(), picture(&["shop", "mail"]), picture(&["shop"]));
        assert_eq!(choice.all_there(&none, &both), Ok(()));
        assert!(choice.all_there(&none, &shop).expect_err("it is not there").contains("no stack mail"));
        assert_eq!(choice.all_there(&both, &shop), Ok(()), "it was taken down before");
        let restored = Picture { restored: true, ..both };
        assert!(choice.all_there(&restored, &shop).is_err(), "that capture is of an earlier drain");
    }

    #[test]
    fn what_came_or_was_changed_since_is_not_held() {
        let service =
            |id: &str, version: u64| json!({ "ID": id, "Version": { "Index": version }, "Spec": { "Name": id } });
        let picture = |services: Vec<Value>| Picture { services, ..Picture::default() };
        let captured = picture(vec![service("a", 1), service("b", 1)]);
        assert_eq!(captured.lacks(&picture(vec![service("a", 1)])), Vec::<String>::new());
        assert_eq!(captured.lacks(&picture(vec![service("a", 2), service("b", 1), service("c", 1)])), ["a", "c"]);
    }

    #[test]
    fn what_a_run_took_down_before_it_was_killed_stays_captured() {
        let service = |name: &str, id: &str| json!({"ID": id, "Spec": {"Name": name, "Labels": {STACK: "shop"}}});
        let picture = |services: Vec<Value>, running: u64| Picture {
            running: services.iter().map(|s| (s["Spec"]["Name"].as_str().unwrap().to_owned(), running)).collect(),
            services,
            ..Picture::default()
        };
        let before = picture(vec![service("a", "1"), service("b", "2")], 1);
        let merged = before.clone().with(picture(vec![service("b", "3"), service("c", "4")], 0));
        assert_eq!(merged.services, [service("a", "1"), service("b", "3"), service("c", "4")]);
        assert_eq!(merged.running.get("b"), Some(&1));
        let restored = Picture { restored: true, ..before };
        let now = picture(vec![service("c", "4")], 1);
        assert_eq!(restored.with(now.clone()), now);
    }
}
