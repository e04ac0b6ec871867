//! The contract's JSON Schema, for editors: made of the same two tables that contracts are checked with.
//!
//! It is looser than the check itself: placeholders, references between parts and files are judged by `countersign status` alone.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::protect::{Attachments, HostAct, SwarmAct};
use super::schema::{KINDS, PROBES, ParamSchema, Shape};

/// The schema of `PHASE-<phase>.toml`.
pub fn contract() -> Schema {
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "countersign contract",
        "description": "machine-docs/PHASE-<phase>.toml: what both parties of a phase are held to",
        "type": "object",
        "required": ["schema", "phase", "version", "title", "engine", "separation", "roles", "gate"],
        "additionalProperties": false,
        "properties": {
            "schema": { "const": 1 },
            "phase": { "type": "string", "pattern": "^[a-z][a-z0-9]*$", "description": "the name in the file's name" },
            "version": { "type": "integer", "minimum": 1, "description": "only rises" },
            "title": { "type": "string" },
            "engine": engine(),
            "separation": { "enum": ["clone", "uid", "host"] },
            "nix_eval_uid": { "type": "integer", "minimum": 0 },
            "nodes": { "type": "object", "additionalProperties": engine() },
            "roles": {
                "type": "object", "required": ["builder", "adversary"], "additionalProperties": false,
                "properties": { "builder": role(), "adversary": role(), "operator": role() }
            },
            "values": { "type": "object", "additionalProperties": { "type": "string" } },
            "gate": { "type": "array", "minItems": 1, "items": gate() },
            "window": {
                "type": "object", "additionalProperties": false,
                "properties": {
                    "requires": criteria(), "not_before": moment(), "not_after": moment(), "max_length": duration()
                }
            },
            "step": { "type": "array", "items": { "oneOf": KINDS.iter().map(|kind| step(kind.name, kind.about, kind.params)).collect::<Vec<_>>() } },
            "protect": protect()
        }
    })
}

fn protect() -> Value {
    let words = |words: &[&str]| json!({ "type": "array", "items": { "enum": words } });
    json!({
        "type": "object", "additionalProperties": false,
        "description": "what an interlock, and a hook before a shell, refuse to anyone but the executor",
        "properties": {
            "networks": texts(), "services": texts(), "stacks": texts(), "swarm": words(&SwarmAct::ALL.map(SwarmAct::word)),
            "attachments": { "enum": Attachments::ALL.map(Attachments::word) },
            "units": texts(), "host": words(&HostAct::ALL.map(HostAct::word)),
            "merges": { "type": "array", "items": { "type": "string", "pattern": "^[^/ ]+/([^/# ]+(#[0-9]+)?|\\*)$" } }
        }
    })
}

fn engine() -> Value {
    json!({ "type": "string", "pattern": "^(unix:///|tcp://)", "description": "unix:///path/to/docker.sock or tcp://host:port" })
}

fn role() -> Value {
    json!({
        "type": "object", "required": ["keys"], "additionalProperties": false,
        "properties": { "keys": { "type": "array", "items": { "type": "string", "pattern": "^(ssh-ed25519|sk-ssh-ed25519@openssh\\.com) AAAA" } } }
    })
}

fn gate() -> Value {
    json!({
        "type": "object", "required": ["id", "title", "max_age", "criterion"], "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "pattern": "^[A-Z]+[0-9]+$" }, "title": { "type": "string" },
            "max_age": duration(), "criterion": criteria()
        }
    })
}

fn criteria() -> Value {
    let each: Vec<Value> = PROBES
        .iter()
        .map(|probe| {
            let facts = json!({ "type": "array", "minItems": 1, "items": { "enum": probe.facts } });
            let own = [("id", id()), ("title", json!({ "type": "string" })), ("timeout", duration()), ("facts", facts)];
            object(("probe", probe.name), probe.about, &["id", "title"], own.into_iter().collect(), probe.params)
        })
        .collect();
    json!({ "type": "array", "minItems": 1, "items": { "oneOf": each } })
}

fn back_within() -> Value {
    let mut value = duration();
    value["description"] = json!(
        "a timer of systemd runs the undo by itself after this long, unless the step is confirmed before; longer than timeout. It \
         runs where `cwd` says and as `uid`, with PATH and LC_ALL=C alone: an interlock takes it for a stranger"
    );
    value
}

fn step(name: &str, about: &str, params: &[ParamSchema]) -> Value {
    let argv = shape(Shape::Argv);
    let own = [
        ("id", id()),
        ("title", json!({ "type": "string" })),
        ("gate", json!({ "type": "string" })),
        ("timeout", duration()),
        ("live", texts()),
        ("postflight", criteria()),
        ("undo", argv),
        ("back_within", back_within()),
        ("restores", json!({ "type": "boolean" })),
        ("ends_quiet", json!({ "type": "boolean" })),
    ];
    object(("kind", name), about, &["id", "title", "gate", "timeout"], own.into_iter().collect(), params)
}

/// An object whose `key` is one word, with its own properties and the parameters of the table.
fn object(
    (key, name): (&str, &str),
    about: &str,
    required: &[&str],
    own: Vec<(&'static str, Value)>,
    params: &[ParamSchema],
) -> Value {
    let mut properties: Map<String, Value> = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    properties.insert(key.to_owned(), json!({ "const": name }));
    properties.extend(parameters(params));
    let needed = params.iter().filter(|param| param.required).map(|param| param.name);
    let required: Vec<&str> = required.iter().copied().chain([key]).chain(needed).collect();
    json!({
        "type": "object", "title": name, "description": about, "required": required, "additionalProperties": false,
        "properties": properties
    })
}

fn parameters(params: &[ParamSchema]) -> Map<String, Value> {
    let one = |param: &ParamSchema| {
        let mut value = shape(param.shape);
        value["description"] = param.about.into();
        (param.name.to_owned(), value)
    };
    params.iter().map(one).collect()
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text | Shape::Cidr | Shape::Regex => json!({ "type": "string" }),
        Shape::Path => json!({ "type": "string", "pattern": "^(/|\\{)" }),
        Shape::Moment => json!({ "type": "string" }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::Argv => json!({ "type": "array", "minItems": 1, "items": { "type": "string" } }),
        Shape::List | Shape::Cidrs => texts(),
        Shape::Codes => {
            json!({ "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 100, "maximum": 599 } })
        }
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Duration => duration(),
        Shape::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Tables(inner) => {
            let required: Vec<&str> = inner.iter().filter(|param| param.required).map(|param| param.name).collect();
            let table = json!({
                "type": "object", "required": required, "additionalProperties": false, "properties": parameters(inner)
            });
            json!({ "type": "array", "minItems": 1, "items": table })
        }
    }
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]*$" })
}

fn duration() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,6}[smhd]$", "description": "as in 30s, 5m, 24h, 3d" })
}

fn moment() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}
