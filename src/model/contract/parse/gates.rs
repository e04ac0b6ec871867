//! Gates, criteria and the window of a contract.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Defects;
use super::params::{self, Scope};
use super::table::{self, Reader, Value};
use crate::model::contract::{Criterion, Gate, WindowRules, schema};
use crate::model::ids::{CriterionId, GateId};

/// The gates, at least one.
pub(super) fn gates(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> Vec<Gate> {
    let Some(value) = reader.must("gate", "at least one [[gate]]", found) else { return Vec::new() };
    let items = table::list(value, "gate", found).unwrap_or_default();
    if items.is_empty() {
        found.add(value.span(), "the contract has no gate".into(), "at least one [[gate]]");
    }
    let gates: Vec<Gate> = items.into_iter().filter_map(|item| gate(item, scope, seen, found)).collect();
    let mut ids = BTreeSet::new();
    for gate in &gates {
        if !ids.insert(gate.id.clone()) {
            found.add(value.span(), format!("two gates are called {}", gate.id), "each gate once");
        }
    }
    gates
}

fn gate(value: Value<'_>, scope: &Scope<'_>, seen: &mut BTreeSet<CriterionId>, found: &mut Defects) -> Option<Gate> {
    let mut reader = table::table(value, "a gate", found)?;
    let id = reader.must("id", "as in \"M1\"", found).and_then(|v| table::parsed::<GateId>(v, "id", found));
    let title = reader.must("title", "one line", found).and_then(|v| table::line(v, "title", found));
    let max_age =
        reader.must("max_age", "how long a PASS stays fresh", found).and_then(|v| table::duration(v, "max_age", found));
    let criteria = match reader.must("criterion", "at least one [[gate.criterion]]", found) {
        Some(list) => criteria(list, scope, seen, found),
        None => Vec::new(),
    };
    reader.finish(found);
    Some(Gate { id: id?, title: title?.to_owned(), max_age: max_age?, criteria })
}

/// A list of criteria, at least one.
pub(super) fn criteria(
    value: Value<'_>,
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> Vec<Criterion> {
    let items = table::list(value, "criterion", found).unwrap_or_default();
    if items.is_empty() {
        found.add(
            value.span(),
            "a list of criteria is empty".into(),
            "at least one criterion: nothing holds by default",
        );
    }
    items.into_iter().filter_map(|item| criterion(item, scope, seen, found)).collect()
}

fn criterion(
    value: Value<'_>,
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> Option<Criterion> {
    let mut reader = table::table(value, "a criterion", found)?;
    let id = reader.must("id", "as in \"inspect\"", found).and_then(|v| table::parsed::<CriterionId>(v, "id", found));
    if let Some(id) = &id
        && !seen.insert(id.clone())
    {
        found.add(value.span(), format!("two criteria are called `{id}`"), "ids unique in the contract");
    }
    let title = reader.must("title", "one line", found).and_then(|v| table::line(v, "title", found));
    let timeout = reader.take("timeout").and_then(|v| table::duration(v, "timeout", found));
    let facts = reader.take("facts");
    let probe_value = reader.must("probe", "a probe's name", found)?;
    let probe = table::text(probe_value, "probe", found)?;
    let Some(known) = schema::probe(probe) else {
        let names: Vec<_> = schema::PROBES.iter().map(|probe| probe.name).collect();
        found.add(probe_value.span(), format!("unknown probe `{probe}`"), format!("one of {}", names.join(", ")));
        return None;
    };
    let params = params::read(&mut reader, known.params, scope, found);
    let facts = match facts {
        None => Vec::new(),
        Some(value) => fact_names(value, known, found),
    };
    reader.finish(found);
    Some(Criterion {
        id: id?,
        title: title?.to_owned(),
        probe: probe.to_owned(),
        params,
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
        facts,
    })
}

fn fact_names(value: Value<'_>, probe: &schema::ProbeSchema, found: &mut Defects) -> Vec<String> {
    let names = table::texts(value, "facts", found).unwrap_or_default();
    if names.is_empty() {
        found.add(value.span(), "`facts` is empty".into(), format!("some of {}", probe.facts.join(", ")));
    }
    for name in names.iter().filter(|name| !probe.facts.contains(&name.as_str())) {
        let wanted = format!("some of {}", probe.facts.join(", "));
        found.add(value.span(), format!("`{}` has no fact `{name}`", probe.name), wanted);
    }
    names
}

/// When steps may run.
pub(super) fn window(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> WindowRules {
    let Some(value) = reader.take("window") else { return WindowRules::default() };
    let Some(mut window) = table::table(value, "[window]", found) else { return WindowRules::default() };
    let rules = WindowRules {
        requires: window.take("requires").map(|v| criteria(v, scope, seen, found)).unwrap_or_default(),
        not_before: window.take("not_before").and_then(|v| table::parsed(v, "not_before", found)),
        not_after: window.take("not_after").and_then(|v| table::parsed(v, "not_after", found)),
        max_length: window.take("max_length").and_then(|v| table::duration(v, "max_length", found)),
    };
    window.finish(found);
    rules
}
