//! What a claim binds to: the plan digest and the subject digest.

use std::collections::BTreeMap;

use super::contract::{Contract, Criterion, Param, Params, Step};
use super::digest::Digest;
use super::ids::{CriterionId, ObjectId, StepId};
use super::observation::Values;

/// The digest of the plan: the contract's steps with values filled in, late placeholders as written, and the strategies
/// chosen at the claim. Predictions are not in it.
pub fn plan_digest(contract: &Contract, strategy: &BTreeMap<StepId, String>) -> Digest {
    let mut text = String::new();
    for step in &contract.steps {
        push_step(&mut text, step);
        if let Some(strategy) = strategy.get(&step.id) {
            line(&mut text, "strategy", strategy);
        }
    }
    Digest::of(text.as_bytes())
}

/// The subject digest of a claim: over contract, plan, subject tree and the facts of the evidence it names. REVIEW and
/// JOURNAL are not in it, so recording a verdict never changes what it certifies.
pub fn subject_digest(
    contract: &Digest,
    plan: &Digest,
    tree: &ObjectId,
    facts: &BTreeMap<CriterionId, Digest>,
) -> Digest {
    let facts: String = facts.iter().map(|(criterion, digest)| format!("{criterion} {digest}\n")).collect();
    let parts =
        [contract.to_string().into_bytes(), plan.to_string().into_bytes(), tree.to_string().into_bytes(), facts.into()];
    Digest::of_parts(&[&parts[0], &parts[1], &parts[2], &parts[3]])
}

/// What a reader is told when a claim's EXPECTED is not what its evidence saw.
pub const EXPECTED_OTHERWISE: &str =
    "the claim's EXPECTED says something else than its own evidence: it cannot be passed";

/// EXPECTED: what a check should see, from the facts of the evidence.
pub fn expected(seen: &[(&CriterionId, &Values)]) -> String {
    seen.iter().map(|(criterion, facts)| format!("{criterion}: {}", show_facts(facts))).collect::<Vec<_>>().join("; ")
}

/// Facts in one line; a long list is counted and named by its digest, since it is compared whole all the same.
pub fn show_facts(facts: &Values) -> String {
    const LIST_LIMIT: usize = 12;
    let show = |value: &toml::Value| match value {
        toml::Value::Array(list) if list.len() > LIST_LIMIT => {
            format!("{} of them, digest {}", list.len(), Digest::of(value.to_string().as_bytes()).short())
        }
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    facts.iter().map(|(name, value)| format!("{name} = {}", show(value))).collect::<Vec<_>>().join(", ")
}

/// One `key = value` line; the value's length goes first so that no value can look like the next line.
fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} {} {value}\n", value.len()));
}

fn push_step(text: &mut String, step: &Step) {
    line(text, "step", step.id.as_str());
    line(text, "gate", step.gate.as_str());
    line(text, "kind", &step.kind);
    line(text, "timeout", &step.timeout.as_secs().to_string());
    line(text, "restores", &step.restores.to_string());
    line(text, "ends_quiet", &step.ends_quiet.to_string());
    step.live.iter().for_each(|id| line(text, "live", id.as_str()));
    step.undo.iter().flatten().for_each(|arg| line(text, "undo", arg));
    step.back_within.iter().for_each(|limit| line(text, "back_within", &limit.as_secs().to_string()));
    push_params(text, &step.params);
    step.postflight.iter().for_each(|criterion| push_criterion(text, criterion));
}

fn push_criterion(text: &mut String, criterion: &Criterion) {
    line(text, "criterion", criterion.id.as_str());
    line(text, "probe", &criterion.probe);
    line(text, "timeout", &criterion.timeout.as_secs().to_string());
    criterion.facts.iter().for_each(|fact| line(text, "fact", fact));
    push_params(text, &criterion.params);
}

fn push_params(text: &mut String, params: &Params) {
    for (name, param) in &params.0 {
        match param {
            Param::Text(value) => line(text, name, value),
            Param::List(values) => {
                line(text, name, &format!("list of {}", values.len()));
                values.iter().for_each(|value| line(text, "item", value));
            }
            Param::Number(value) => line(text, name, &value.to_string()),
            Param::Flag(value) => line(text, name, &value.to_string()),
            Param::Duration(value) => line(text, name, &value.as_secs().to_string()),
            Param::Map(map) => {
                line(text, name, &format!("map of {}", map.len()));
                map.iter().for_each(|(key, value)| line(text, key, value));
            }
            Param::Tables(tables) => {
                line(text, name, &format!("tables, {}", tables.len()));
                tables.iter().for_each(|table| {
                    line(text, "table", "begins");
                    push_params(text, table);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_subject_digest_counts() {
        let tree = |c: char| -> ObjectId { c.to_string().repeat(40).parse().expect("an object id") };
        let facts = |text: &str| BTreeMap::from([("inspect".parse().expect("an id"), Digest::of(text.as_bytes()))]);
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let base = subject_digest(&a, &b, &tree('1'), &facts("x"));
        let others = [
            subject_digest(&b, &b, &tree('1'), &facts("x")),
            subject_digest(&a, &a, &tree('1'), &facts("x")),
            subject_digest(&a, &b, &tree('2'), &facts("x")),
            subject_digest(&a, &b, &tree('1'), &facts("y")),
            subject_digest(&a, &b, &tree('1'), &BTreeMap::new()),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
