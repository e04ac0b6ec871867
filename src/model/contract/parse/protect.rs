//! `[protect]` of a contract.

use super::Defects;
use super::params::{self, Scope};
use super::table::{self, Reader};
use crate::model::contract::fill;
use crate::model::contract::protect::{Attachments, HostAct, Protect, Pulls, SwarmAct};

/// What is guarded; nothing where the contract does not say.
pub(super) fn protect(reader: &mut Reader<'_>, scope: &Scope<'_>, found: &mut Defects) -> Protect {
    let Some(mut table) = reader.take("protect").and_then(|v| table::table(v, "[protect]", found)) else {
        return Protect::default();
    };
    let protect = Protect {
        networks: names(&mut table, "networks", scope, found),
        services: names(&mut table, "services", scope, found),
        stacks: names(&mut table, "stacks", scope, found),
        swarm: swarm(&mut table, found),
        attachments: attachments(&mut table, found),
        units: names(&mut table, "units", scope, found),
        host: host(&mut table, found),
        merges: merges(&mut table, scope, found),
    };
    table.finish(found);
    protect
}

/// Names of objects. What is guarded must be known before anything is run.
fn names(table: &mut Reader<'_>, key: &'static str, scope: &Scope<'_>, found: &mut Defects) -> Vec<String> {
    let Some(items) = table.take(key).and_then(|v| table::list(v, key, found)) else { return Vec::new() };
    let mut names = Vec::new();
    for item in items {
        let Some(name) = params::filled(item, key, scope, found) else { continue };
        if !fill::names(&name).is_empty() {
            let what = format!("`{key}` names \"{name}\", which is known only when a step has run");
            found.add(item.span(), what, "a name, or a value of [values]");
        } else if name.trim() != name || name.contains(['/', '\n', '\t']) {
            found.add(item.span(), format!("`{key}` names \"{name}\""), "an object's name, as the engine lists it");
        } else {
            names.push(name);
        }
    }
    names
}

fn swarm(table: &mut Reader<'_>, found: &mut Defects) -> Vec<SwarmAct> {
    let Some(items) = table.take("swarm").and_then(|v| table::list(v, "swarm", found)) else { return Vec::new() };
    let mut acts = Vec::new();
    for item in items {
        let Some(word) = table::text(item, "swarm", found) else { continue };
        match SwarmAct::ALL.into_iter().find(|act| act.word() == word) {
            Some(act) => acts.push(act),
            None => {
                let wanted = format!("some of {}", SwarmAct::ALL.map(SwarmAct::word).join(", "));
                found.add(item.span(), format!("`swarm` has \"{word}\""), wanted);
            }
        }
    }
    acts
}

/// Where `[protect]` does not say, all of it: who guards a network means the host that it is on.
fn host(table: &mut Reader<'_>, found: &mut Defects) -> Vec<HostAct> {
    let Some(value) = table.take("host") else { return HostAct::ALL.to_vec() };
    let Some(items) = table::list(value, "host", found) else { return Vec::new() };
    let mut acts = Vec::new();
    for item in items {
        let Some(word) = table::text(item, "host", found) else { continue };
        match HostAct::ALL.into_iter().find(|act| act.word() == word) {
            Some(act) => acts.push(act),
            None => {
                let wanted = format!("some of {}", HostAct::ALL.map(HostAct::word).join(", "));
                found.add(item.span(), format!("`host` has \"{word}\""), wanted);
            }
        }
    }
    acts
}

fn merges(table: &mut Reader<'_>, scope: &Scope<'_>, found: &mut Defects) -> Vec<Pulls> {
    let Some(items) = table.take("merges").and_then(|v| table::list(v, "merges", found)) else { return Vec::new() };
    let mut all = Vec::new();
    for item in items {
        let Some(text) = params::filled(item, "merges", scope, found) else { continue };
        match Pulls::try_from(text.clone()) {
            Ok(pulls) => all.push(pulls),
            Err(_) => found.add(
                item.span(),
                format!("`merges` names \"{text}\""),
                "pull requests: OWNER/REPO#NUMBER, OWNER/REPO or OWNER/*",
            ),
        }
    }
    all
}

fn attachments(table: &mut Reader<'_>, found: &mut Defects) -> Attachments {
    let Some(value) = table.take("attachments") else { return Attachments::default() };
    let Some(word) = table::text(value, "attachments", found) else { return Attachments::default() };
    let known = Attachments::ALL.into_iter().find(|when| when.word() == word);
    if known.is_none() {
        let wanted = format!("one of {}", Attachments::ALL.map(Attachments::word).join(", "));
        found.add(value.span(), format!("`attachments` is \"{word}\""), wanted);
    }
    known.unwrap_or_default()
}
