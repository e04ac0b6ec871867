//! What a probe proves and how a contract asks for it, told from the table that contracts are checked against.

use std::fmt::Write as _;

use crate::model::contract::schema::{self, Binds, ParamSchema, Shape};

/// A probe of this name is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no probe is called `{name}`: wanted one of {}", known.join(", "))]
pub struct UnknownProbe {
    /// The name that was asked for.
    pub name: String,
    /// Every probe's name.
    pub known: Vec<&'static str>,
}

/// The text of `countersign probe --explain NAME`.
///
/// # Errors
///
/// No probe has this exact name.
pub fn explain(name: &str) -> Result<String, UnknownProbe> {
    let Some(probe) = schema::probe(name) else {
        let known = schema::PROBES.iter().map(|probe| probe.name).collect();
        return Err(UnknownProbe { name: name.chars().take(80).collect(), known });
    };
    let mut text = format!("{} — {}\n", probe.name, probe.about);
    if !probe.built {
        text.push_str("Not built yet in this version: its outcome is always unknown.\n");
    }
    let binds = match probe.binds {
        Binds::Subject => "the subject (the repository's content)",
        Binds::Engine => "the engine",
        Binds::Host => "the engine's own machine; unknown from any other",
    };
    let _ = writeln!(text, "Bound to: {binds}\nFacts: {}\n\nParameters", probe.facts.join(", "));
    params(&mut text, probe.params, "  ");
    text.push_str("\nAs a contract writes it\n");
    for line in probe.example.lines() {
        let _ = writeln!(text, "  {line}");
    }
    Ok(text)
}

fn params(text: &mut String, list: &[ParamSchema], indent: &str) {
    let width = list.iter().map(|param| param.name.len()).max().unwrap_or(0);
    for param in list {
        let need = if param.required { "required" } else { "optional" };
        let _ = writeln!(text, "{indent}{:width$}  {need}, {}: {}", param.name, shape(param.shape), param.about);
        if let Shape::Tables(inner) = param.shape {
            params(text, inner, &format!("{indent}  "));
        }
    }
}

fn shape(shape: Shape) -> String {
    let plain = match shape {
        Shape::Text => "text",
        Shape::Cidr => "a CIDR",
        Shape::Path => "an absolute path",
        Shape::Argv => "program and arguments",
        Shape::List => "list of texts",
        Shape::Cidrs => "list of CIDRs",
        Shape::Codes => "list of HTTP codes",
        Shape::Number => "number",
        Shape::Flag => "true or false",
        Shape::Duration => "duration",
        Shape::Regex => "regular expression",
        Shape::Moment => "moment",
        Shape::OneOf(words) => return words.join(" or "),
        Shape::Map => "table of texts",
        Shape::Tables(_) => "list of tables",
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_tells_its_facts_and_parameters() {
        for probe in schema::PROBES {
            let text = explain(probe.name).expect("a name of the table");
            for part in probe.facts.iter().copied().chain(probe.params.iter().map(|param| param.name)) {
                assert!(text.contains(part), "{} lacks {part}", probe.name);
            }
        }
        assert!(explain("docker.netwrk").expect_err("misspelt").to_string().contains("docker.network"));
    }
}
