//! `countersign builder adopt` and `countersign adversary adopt`

use serde_json::json;

use crate::context::Context;
use crate::docs::store::DraftOutput;
use crate::error::{CommandError, Exit};
use crate::gates::trust::Adopted;
use crate::model::contract::{Contract, Criterion, Param};
use crate::model::record::{Adoption, Body};
use crate::model::role::{Document, Role};
use crate::probes::secret_rules;
use crate::report::Answer;
use crate::sign::key_file::Key;

use super::compose::Composer;
use super::identity;
use super::open::Session;

/// Adopt the contract that stands in the work tree
///
/// Prints what it commits you to and needs its digest back: a changed contract opens nothing until both roles adopt it.
///
/// Example: countersign builder adopt
///
/// Example: countersign adversary adopt --yes 3f9c0a1be2d4
///
/// Example: countersign builder adopt --restore
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first 12 digits of the contract's digest, as printed without this option
    #[arg(long, value_name = "DIGEST12")]
    yes: Option<String>,
    /// Put the contract that both roles adopted back into the work tree, from their adoptions; what is there is kept
    #[arg(long, conflicts_with = "yes")]
    restore: bool,
}

/// Runs it for one role.
///
/// # Errors
///
/// The digest is not the contract's, keys are missing, or the key is not the role's.
pub fn run(args: &Args, role: Role, context: &Context) -> Result<Answer, CommandError> {
    if args.restore {
        return restore(context);
    }
    let session = Session::open(context)?;
    let contract = &session.contract;
    for needed in [Role::Builder, Role::Adversary] {
        if contract.keys_of(needed).is_empty() {
            let message = format!("the contract lists no key for the {needed}");
            return Err(CommandError::new(Exit::Role, message, format!("countersign key add {needed} KEY.pub")));
        }
    }
    without_secrets(&session)?;
    let gathered = session.gather(false)?;
    identity::of_this_repository(&session.repository, &gathered.documents)?;
    let report = session.evaluate(&gathered);
    let short = contract.digest.short();
    let text = summary(contract, report.in_force.as_ref()) + &examples(&session.contract_text);
    let Some(yes) = &args.yes else {
        let message = format!(
            "{text}\nNothing was signed. To adopt exactly this text:\nNext: countersign {role} adopt --yes {short}"
        );
        return Ok(Answer::ok(message, json!({ "digest": contract.digest.to_string(), "adopted": false })));
    };
    if *yes != short {
        let message = format!("--yes is {yes}, and the contract in the work tree is {short}");
        return Err(CommandError::new(
            Exit::Contract,
            message,
            format!("read it, then countersign {role} adopt --yes {short}"),
        ));
    }
    let document = if role == Role::Builder { Document::Status } else { Document::Review };
    let before = report.in_force.as_ref().map(|before| before.digest);
    let known = |adopted: &Adopted| adopted.digest == contract.digest && adopted.by.contains_key(&role);
    let is_pending = |adopted: &Adopted| known(adopted) && adopted.replaces == before;
    if report.in_force.as_ref().is_some_and(known) || report.pending.iter().any(is_pending) {
        let text = format!("The {role} has adopted contract {short} already; nothing was written.");
        return Ok(Answer::ok(text, json!({ "digest": contract.digest.to_string(), "adopted": true })));
    }
    if let Some(before) = report.in_force.as_ref().filter(|before| before.version >= contract.version) {
        let message = format!("the contract's version is {}, and {} is in force", contract.version, before.version);
        return Err(CommandError::new(
            Exit::Contract,
            message,
            format!("raise `version` in the contract, or countersign {role} adopt --restore"),
        ));
    }
    let key = key(&session, role, report.in_force.as_ref())?;
    let composer = Composer::new(&session, role, document)?;
    let body = Body::Contract(Adoption {
        version: contract.version,
        digest: contract.digest,
        replaces: before,
        keys: contract.keys.clone(),
    });
    let output = DraftOutput { text: session.contract_text.clone(), redactions: 0, extension: "toml", exact: true };
    let mut transaction = session.store.begin(document, &context.holder("adopt"))?;
    let words = format!("The {role} adopts contract version {} ({short}).", contract.version);
    let id = transaction.append(composer.draft(&words, body, Some(output)), &key)?;
    transaction.publish()?;
    let text = format!("{words}\nRecord {} in {}.\nNext: countersign sync", id.short(), session.store.file(document));
    Ok(Answer::ok(text, json!({ "digest": contract.digest.to_string(), "adopted": true, "record": id.to_string() })))
}

/// The key that adopts: of the first contract one that it lists for the role, of a later one one that the contract in force lists, so
/// that whoever is replaced in it says so. The operator's may sign in the place of a lost one.
fn key(session: &Session, role: Role, in_force: Option<&Adopted>) -> Result<Key, CommandError> {
    let Some(before) = in_force else { return session.key(role) };
    let path = session.context.key_path(role)?;
    let key = Key::load(&path)?;
    let public = key.public_text();
    let lists = |role: Role| before.keys.get(&role).is_some_and(|keys| keys.contains(&public));
    if lists(role) || lists(Role::Operator) {
        return Ok(key);
    }
    let version = before.version;
    let message = format!(
        "{} is not listed for the {role} by contract version {version}, which is in force: what replaces it is adopted with a key \
         that it lists",
        path.display()
    );
    Err(CommandError::new(
        Exit::Role,
        message,
        format!("countersign {role} adopt, with the key of version {version}: --key FILE"),
    ))
}

/// Puts the contract in force back, exactly as both roles adopted it.
fn restore(context: &Context) -> Result<Answer, CommandError> {
    let (session, _) = Session::as_adopted(context)?;
    let (contract, file) = (&session.contract, session.store.contract_file());
    let kept = session.store.restore_contract(&session.contract_text, &context.holder("adopt --restore"))?;
    let mut text =
        format!("{file} is version {} ({}), which both roles adopted.\n", contract.version, contract.digest.short());
    if let Some(kept) = &kept {
        text += &format!("What was there is in {}.\n", kept.display());
    }
    let kept = kept.map(|kept| kept.display().to_string());
    Ok(Answer::ok(text, json!({ "digest": contract.digest.to_string(), "version": contract.version, "kept": kept })))
}

/// Where the contract still says what the templates say for want of better: host names that belong to nobody (RFC 2606).
fn examples(contract: &str) -> String {
    let is_example = |line: &str| {
        let text = line.split('#').next().unwrap_or_default();
        text.contains("example.org") || text.contains("example.com")
    };
    let found = contract.lines().zip(1..).filter(|(line, _)| is_example(line));
    let lines: Vec<String> = found.map(|(line, number)| format!("  line {number}: {}\n", line.trim())).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("NOT ADAPTED: the contract still names hosts of the template, which are nobody's:\n{}", lines.concat())
}

/// The program that a criterion's probe runs, if it runs one.
fn runs(criterion: &Criterion) -> String {
    match criterion.params.0.get("argv") {
        Some(Param::List(argv)) => format!("    runs {argv:?}\n"),
        _ => String::new(),
    }
}

/// Refuses a contract with what looks like a secret in it: adoptions carry its whole text, signed, for ever.
fn without_secrets(session: &Session) -> Result<(), CommandError> {
    let (text, file) = (&session.contract_text, session.store.contract_file());
    let found = secret_rules::find(text).into_iter().filter(|hit| !hit.is_reference(text));
    let place = |hit: secret_rules::Found| {
        let before = &text[..hit.range.start];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{file}:{}:{column}: this looks like a secret ({})", before.matches('\n').count() + 1, hit.kind)
    };
    let details: Vec<String> = found.map(place).collect();
    if details.is_empty() {
        return Ok(());
    }
    Err(CommandError {
        exit: Exit::Contract,
        message: format!(
            "the contract has {} places that look like secrets; an adoption would carry them for ever",
            details.len()
        ),
        details,
        hint: Some("name a file or a variable of the host that holds the secret, and change the secret".into()),
    })
}

/// What a contract commits its parties to: every value, gate, criterion, step and argv.
fn summary(contract: &Contract, before: Option<&Adopted>) -> String {
    let mut out =
        format!("Contract {} version {}, digest {}\n", contract.phase, contract.version, contract.digest.short());
    out += &match before {
        Some(before) => format!("replaces version {} ({})\n", before.version, before.digest.short()),
        None => "is the first of this phase\n".to_owned(),
    };
    out += &format!("engine {}, separation {}\n", contract.engine, contract.separation.label());
    for (role, keys) in &contract.keys {
        keys.iter()
            .for_each(|key| out += &format!("key of the {role}: {}\n", crate::sign::public_key::fingerprint(key)));
    }
    for (name, value) in &contract.values {
        out += &format!("value {name} = {value}\n");
    }
    for (name, words) in contract.protect.words() {
        out += &format!("guards {name}: {words}\n");
    }
    for gate in &contract.gates {
        out += &format!(
            "gate {} ({}), a PASS counts for {}\n",
            gate.id,
            gate.title,
            crate::model::time::show_duration(gate.max_age)
        );
        for criterion in &gate.criteria {
            out += &format!("  {} {} ({})\n", criterion.id, criterion.probe, criterion.title);
            out += &runs(criterion);
        }
    }
    let window = &contract.window;
    let requires: Vec<&str> = window.requires.iter().map(|criterion| criterion.id.as_str()).collect();
    if let Some(longest) = window.max_length {
        out += &format!("window of at most {}", crate::model::time::show_duration(longest));
        out += &if requires.is_empty() { "\n".into() } else { format!(", needs {}\n", requires.join(", ")) };
    }
    out += &window.requires.iter().map(runs).collect::<String>();
    for step in &contract.steps {
        out += &format!("step {} under {}: {} ({})\n", step.id, step.gate, step.kind, step.title);
        if let Some(Param::List(argv)) = step.params.0.get("argv") {
            out += &format!("    runs {argv:?}\n");
        }
        if let Some(undo) = &step.undo {
            out += &format!("    is undone by {undo:?}\n");
        }
        if let Some(within) = step.back_within {
            out += &format!("    is undone by a timer within {}\n", crate::model::time::show_duration(within));
        }
        for criterion in &step.postflight {
            out += &format!("  afterwards {} {} ({})\n", criterion.id, criterion.probe, criterion.title);
            out += &runs(criterion);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_template_says_for_want_of_better_is_named() {
        let said = examples("a = 1\nurl = \"https://ci.example.org/\"\n# https://git.example.org\n");
        assert!(said.starts_with("NOT ADAPTED") && said.contains("line 2: url"), "{said}");
        assert_eq!(said.lines().count(), 2, "a comment promises nothing");
        assert_eq!(examples("url = \"https://ci.coop/\"\n"), "");
    }
}
