//! The top level of a contract: names, roles, values, and what must hold across its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Defects;
use super::params::Scope;
use super::table::{self, Reader};
use super::{gates, protect, steps};
use crate::model::contract::schema::{self, Binds};
use crate::model::contract::{Contract, fill};
use crate::model::digest::Digest;
use crate::model::key;
use crate::model::record::Separation;
use crate::model::role::Role;

/// Reads everything; `None` when something that has no default is missing or malformed (and is in `found`).
pub(super) fn read(
    reader: &mut Reader<'_>,
    digest: Digest,
    repository: Option<&Path>,
    found: &mut Defects,
) -> Option<Contract> {
    let schema = reader.must("schema", "1", found).and_then(|v| table::number(v, "schema", found));
    if let Some(other) = schema.filter(|schema| *schema != 1) {
        found.add(reader.span.clone(), format!("`schema` is {other}"), "1: another schema needs another countersign");
    }
    let phase = reader.must("phase", "the phase's name", found).and_then(|v| table::parsed(v, "phase", found));
    let version = reader.must("version", "1 or more", found).and_then(|v| table::number(v, "version", found));
    if version == Some(0) {
        found.add(reader.span.clone(), "`version` is 0".into(), "1 or more");
    }
    let title = reader.must("title", "one line", found).and_then(|v| table::line(v, "title", found));
    let engine = reader.must("engine", "the engine's address", found).and_then(|v| engine_address(v, "engine", found));
    let separation = reader.must("separation", "clone, uid or host", found).and_then(|v| separation(v, found));
    let nix_eval_uid = reader.take("nix_eval_uid").and_then(|v| table::number(v, "nix_eval_uid", found));
    let nodes = nodes(reader, found);
    let keys = roles(reader, found);
    let values = values(reader, found);
    let late = steps::late_names(reader);
    let scope = Scope { values: &values, late: &late, forbidden: repository, in_work_tree: repository.is_some() };
    let mut seen = BTreeSet::new();
    let gates = gates::gates(reader, &scope, &mut seen, found);
    let window = gates::window(reader, &scope, &mut seen, found);
    let steps = steps::steps(reader, &gates, &scope, &mut seen, found);
    let protect = protect::protect(reader, &scope, found);
    let contract = Contract {
        digest,
        phase: phase?,
        version: u32::try_from(version?).ok()?,
        title: title?.to_owned(),
        engine: engine?,
        nodes,
        separation: separation?,
        nix_eval_uid: nix_eval_uid.and_then(|uid| u32::try_from(uid).ok()),
        keys,
        values: values.clone(),
        gates,
        window,
        steps,
        protect,
    };
    let host = |c: &&crate::model::contract::Criterion| schema::probe(&c.probe).is_some_and(|p| p.binds == Binds::Host);
    if contract.separation == Separation::Host
        && let Some((_, criterion)) = contract.criteria().find(|(_, c)| host(c))
    {
        let what = format!(
            "`separation` is \"host\", but criterion `{}` ({}) probes the host itself",
            criterion.id, criterion.probe
        );
        found.add(reader.span.clone(), what, "\"uid\": from another machine such a criterion is unknown for ever");
    }
    Some(contract)
}

fn engine_address(value: table::Value<'_>, key: &str, found: &mut Defects) -> Option<String> {
    let text = table::line(value, key, found)?;
    if text.starts_with("unix:///") || text.starts_with("tcp://") {
        return Some(text.to_owned());
    }
    found.add(value.span(), format!("`{key}` is \"{text}\""), "unix:///path/to/docker.sock or tcp://host:port");
    None
}

fn separation(value: table::Value<'_>, found: &mut Defects) -> Option<Separation> {
    let text = table::text(value, "separation", found)?;
    let known = [Separation::Clone, Separation::Uid, Separation::Host].into_iter().find(|s| s.label() == text);
    if known.is_none() {
        found.add(value.span(), format!("`separation` is \"{text}\""), "clone, uid or host");
    }
    known
}

fn nodes(reader: &mut Reader<'_>, found: &mut Defects) -> BTreeMap<String, String> {
    let Some(nodes) = reader.take("nodes").and_then(|v| table::table(v, "[nodes]", found)) else {
        return BTreeMap::new();
    };
    let entries = nodes.entries(found).into_iter();
    let read = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, table::Value<'_>)| {
        engine_address(value, name.get_ref(), found).map(|address| (name.get_ref().to_string(), address))
    };
    entries.filter_map(read).collect()
}

fn roles(reader: &mut Reader<'_>, found: &mut Defects) -> BTreeMap<Role, Vec<String>> {
    let mut keys: BTreeMap<Role, Vec<String>> = BTreeMap::new();
    let Some(value) = reader.must("roles", "[roles.builder] and [roles.adversary]", found) else { return keys };
    let Some(mut roles) = table::table(value, "[roles]", found) else { return keys };
    for role in Role::ALL {
        let Some(value) = (match role {
            Role::Operator => roles.take(role.name()),
            _ => roles.must(role.name(), "a table with `keys`", found),
        }) else {
            continue;
        };
        let Some(mut table) = table::table(value, role.name(), found) else { continue };
        let Some(list) = table.must("keys", "public keys, one text each", found) else { continue };
        for item in table::list(list, "keys", found).unwrap_or_default() {
            let Some(text) = table::text(item, "keys", found) else { continue };
            let Some(key) = key::of_line(text) else {
                let wanted = "an OpenSSH ed25519 public key on one line, as `countersign key new` prints it, or a security key's (ed25519-sk)";
                found.add(
                    item.span(),
                    format!("\"{}\" is no public key", text.chars().take(40).collect::<String>()),
                    wanted,
                );
                continue;
            };
            let holder = keys.iter().find(|(_, held)| held.contains(&key)).map(|(holder, _)| *holder);
            if let Some(holder) = holder {
                let what = format!("a key of {role} is a key of {holder} too");
                found.add(item.span(), what, "each key in one role, once: nobody countersigns what they proposed");
                continue;
            }
            keys.entry(role).or_default().push(key);
        }
        table.finish(found);
    }
    roles.finish(found);
    keys
}

fn values(reader: &mut Reader<'_>, found: &mut Defects) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let Some(table) = reader.take("values").and_then(|v| table::table(v, "[values]", found)) else { return values };
    for (name, value) in table.entries(found) {
        let key = name.get_ref().to_string();
        let whole = format!("{{{key}}}");
        if fill::names(&whole) != [key.as_str()] || fill::is_late(&key) {
            found.add(name.span(), format!("`{key}` cannot be a value's name"), "lower-case letters, digits, _ and -");
            continue;
        }
        let Some(text) = table::line(value, &key, found) else { continue };
        if !fill::names(text).is_empty() {
            found.add(value.span(), format!("the value `{key}` has a placeholder in it"), "a plain text");
            continue;
        }
        values.insert(key, text.to_owned());
    }
    values
}
