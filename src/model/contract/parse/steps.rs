//! Steps of a contract.

use std::collections::BTreeSet;

use super::Defects;
use super::gates::criteria;
use super::params::{self, Scope};
use super::table::{self, Reader, Value};
use crate::model::contract::{Gate, Step, schema};
use crate::model::ids::{CriterionId, GateId, StepId};
use crate::model::time::show_duration;

/// `step.ID.NAME` for every step and everything its outcome offers, read ahead of the steps themselves so that criteria may
/// name them.
pub(super) fn late_names(reader: &mut Reader<'_>) -> Vec<String> {
    let mut names = vec!["subject".to_owned()];
    let mut nothing = Defects::default();
    let Some(value) = reader.take("step") else { return names };
    for item in table::list(value, "step", &mut nothing).unwrap_or_default() {
        let Some(mut step) = table::table(item, "a step", &mut nothing) else { continue };
        let id = step.take("id").and_then(|v| table::text(v, "id", &mut nothing));
        let kind = step.take("kind").and_then(|v| table::text(v, "kind", &mut nothing)).and_then(schema::kind);
        if let (Some(id), Some(kind)) = (id, kind) {
            names.push(format!("step.{id}.finished"));
            names.extend(kind.offers.iter().map(|offer| format!("step.{id}.{offer}")));
        }
    }
    names
}

/// The steps, in order. A phase without steps is one that only proves.
pub(super) fn steps(
    reader: &mut Reader<'_>,
    gates: &[Gate],
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> Vec<Step> {
    let Some(value) = reader.take("step") else { return Vec::new() };
    let items = table::list(value, "step", found).unwrap_or_default();
    let mut ids = BTreeSet::new();
    let mut steps = Vec::new();
    for item in items {
        let Some(step) = step(item, gates, scope, seen, found) else { continue };
        if !ids.insert(step.id.clone()) {
            found.add(item.span(), format!("two steps are called `{}`", step.id), "each step once");
        }
        steps.push(step);
    }
    steps
}

fn step(
    value: Value<'_>,
    gates: &[Gate],
    scope: &Scope<'_>,
    seen: &mut BTreeSet<CriterionId>,
    found: &mut Defects,
) -> Option<Step> {
    let mut reader = table::table(value, "a step", found)?;
    let id = reader.must("id", "as in \"recreate\"", found).and_then(|v| table::parsed::<StepId>(v, "id", found));
    let title = reader.must("title", "one line", found).and_then(|v| table::line(v, "title", found));
    let timeout = reader.must("timeout", "as in \"10m\"", found).and_then(|v| table::duration(v, "timeout", found));
    let gate = reader.must("gate", "the gate that permits it", found).and_then(|v| gate_of(v, gates, found));
    let live = match (reader.take("live"), &gate) {
        (Some(live), Some(gate)) => live_of(live, gate, found),
        _ => Vec::new(),
    };
    let undo = reader.take("undo").and_then(|v| params::argv(v, "undo", scope, found));
    let back = reader.take("back_within");
    let back_within = back.and_then(|v| table::duration(v, "back_within", found));
    let restores = reader.take("restores").and_then(|v| table::flag(v, "restores", found)).unwrap_or(false);
    let ends_quiet = reader.take("ends_quiet").and_then(|v| table::flag(v, "ends_quiet", found)).unwrap_or(false);
    let postflight = reader.take("postflight").map(|v| criteria(v, scope, seen, found)).unwrap_or_default();
    let kind_value = reader.must("kind", "a step kind's name", found)?;
    let kind = table::text(kind_value, "kind", found)?;
    let Some(known) = schema::kind(kind) else {
        let names: Vec<_> = schema::KINDS.iter().map(|kind| kind.name).collect();
        found.add(kind_value.span(), format!("unknown step kind `{kind}`"), format!("one of {}", names.join(", ")));
        return None;
    };
    if postflight.is_empty() && !known.proves_itself {
        let what = format!("a step of kind `{kind}` has no postflight");
        found.add(value.span(), what, "at least one [[step.postflight]]: an exit code alone proves nothing");
    }
    if let Some(back) = back.filter(|_| undo.is_none() && kind != "systemd.unit") {
        let what = format!("`back_within` in a step of kind `{kind}` without `undo`");
        found.add(back.span(), what, "an `undo` argv that a timer can run, or a step of kind systemd.unit");
    }
    // One that was adopted already is read for recovery, which nothing new refuses.
    if scope.in_work_tree
        && let (Some(back), Some(within), Some(timeout)) = (back, back_within, timeout)
        && within <= timeout
    {
        let [within, timeout] = [within, timeout].map(show_duration);
        let what = format!("`back_within` is \"{within}\", and the step may take {timeout} (`timeout`)");
        let wanted = "longer than `timeout`: a timer that runs before the step takes effect reverses nothing";
        found.add(back.span(), what, wanted);
    }
    // A step's argv may name files of the repository: it runs what the verdict covers.
    let own = Scope { forbidden: None, ..*scope };
    let params = params::read(&mut reader, known.params, &own, found);
    if scope.in_work_tree
        && let Some(back) = back.filter(|_| kind == "command" && undo.is_some() && !params.0.contains_key("cwd"))
    {
        let what =
            "`back_within` in a step that names no `cwd`: its undo runs in a checkout, which a timer does not have";
        found.add(back.span(), what.to_owned(), "`cwd`: the directory where step and undo run");
    }
    if !known.one_of.is_empty() && known.one_of.iter().all(|name| !params.0.contains_key(*name)) {
        let what = format!("a step of kind `{kind}` has none of {}", known.one_of.join(", "));
        found.add(value.span(), what, "at least one of them");
    }
    reader.finish(found);
    Some(Step {
        id: id?,
        title: title?.to_owned(),
        gate: gate?.id.clone(),
        kind: kind.to_owned(),
        params,
        timeout: timeout?,
        live,
        postflight,
        undo,
        back_within,
        restores,
        ends_quiet,
    })
}

fn gate_of<'g>(value: Value<'_>, gates: &'g [Gate], found: &mut Defects) -> Option<&'g Gate> {
    let id = table::parsed::<GateId>(value, "gate", found)?;
    let gate = gates.iter().find(|gate| gate.id == id);
    if gate.is_none() {
        let names: Vec<_> = gates.iter().map(|gate| gate.id.as_str()).collect();
        found.add(value.span(), format!("there is no gate {id}"), format!("one of {}", names.join(", ")));
    }
    gate
}

fn live_of(value: Value<'_>, gate: &Gate, found: &mut Defects) -> Vec<CriterionId> {
    let mut live = Vec::new();
    for name in table::texts(value, "live", found).unwrap_or_default() {
        match gate.criteria.iter().find(|criterion| criterion.id.as_str() == name) {
            Some(criterion) => live.push(criterion.id.clone()),
            None => {
                let names: Vec<_> = gate.criteria.iter().map(|criterion| criterion.id.as_str()).collect();
                let what = format!("`live` names `{name}`, which is no criterion of {}", gate.id);
                found.add(value.span(), what, format!("some of {}", names.join(", ")));
            }
        }
    }
    live
}
