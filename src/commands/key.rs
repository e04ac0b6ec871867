//! `countersign key`

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use toml_edit::{Array, DocumentMut, Item, Value};

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::interrupt;
use crate::model::role::Role;
use crate::report::Answer;
use crate::sign::key_file::Key;
use crate::sign::public_key;

use super::open::Session;

/// Make a key, or put a public key into the contract
///
/// Example: countersign key new builder
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What is done.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Make an OpenSSH ed25519 key (mode 0600) and print its public half
    ///
    /// Example: countersign key new builder
    New {
        /// builder, adversary or operator
        role: Role,
    },
    /// Put a public key into the contract, for whoever opens the phase
    ///
    /// Example: countersign key add adversary adversary.pub
    Add {
        /// builder, adversary or operator
        role: Role,
        /// The file with the public key
        #[arg(value_name = "KEY.pub")]
        file: PathBuf,
    },
}

/// Runs it.
///
/// # Errors
///
/// The key file is there already or cannot be written; the public key is none, or in another role.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    match &args.act {
        Act::New { role } => new(*role, context),
        Act::Add { role, file } => add(*role, file, context),
    }
}

fn new(role: Role, context: &Context) -> Result<Answer, CommandError> {
    let path = context.key_path(role)?;
    let key = Key::generate(role.name())
        .map_err(|error| CommandError::new(Exit::Bug, format!("no key could be made: {error}"), ""))?;
    let _held = interrupt::finish_first();
    key.write_new(&path)?;
    interrupt::note(format!("{} was written, whole", path.display()));
    let public = format!("{} {}", key.public_text(), role.name());
    let file = path.with_extension("pub");
    crate::docs::write::replace(&file, format!("{public}\n").as_bytes())
        .map_err(|error| CommandError::new(Exit::Write, error.to_string(), ""))?;
    let text = format!(
        "{public}\n\nPrivate key in {0}, public key in {1}.\nNext: countersign key add {role} {1}, in the clone of whoever opens the phase",
        path.display(),
        file.display()
    );
    Ok(Answer::ok(text, json!({ "role": role, "public_key": public, "private_file": path, "public_file": file })))
}

/// Reads a file that holds one public key.
///
/// # Errors
///
/// It cannot be read or holds something else.
pub fn read_public(file: &PathBuf) -> Result<String, CommandError> {
    let wrong = |why: String| {
        CommandError::new(
            Exit::Usage,
            format!("{}: {why}", file.display()),
            "name the .pub file that `countersign key new` made",
        )
    };
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    public_key::parse(&text).map_err(|error| wrong(error.to_string()))
}

fn add(role: Role, file: &PathBuf, context: &Context) -> Result<Answer, CommandError> {
    let file = if file.is_absolute() { file.clone() } else { context.directory.join(file) };
    let key = read_public(&file)?;
    let session = Session::open(context)?;
    let contract = &session.contract;
    if let Some(holder) = Role::ALL.into_iter().find(|holder| contract.keys_of(*holder).contains(&key)) {
        if holder == role {
            let text = format!("The contract lists this key for the {role} already; nothing was changed.");
            return Ok(Answer::ok(text, json!({ "role": role, "key": key, "added": false })));
        }
        let message = format!("this key is the {holder}'s; one key cannot be the {role}'s too");
        return Err(CommandError::new(Exit::Role, message, format!("countersign key new {role}")));
    }
    let bad = |why: &str| {
        CommandError::new(
            Exit::Contract,
            format!("the contract cannot be edited: {why}"),
            "add the key by hand under [roles]",
        )
    };
    let mut document: DocumentMut = session.contract_text.parse().map_err(|_| bad("not TOML"))?;
    let roles = document.get_mut("roles").and_then(Item::as_table_like_mut).ok_or_else(|| bad("no [roles]"))?;
    if roles.get(role.name()).is_none() {
        let mut table = toml_edit::Table::new();
        table.insert("keys", Item::Value(Value::Array(Array::new())));
        roles.insert(role.name(), Item::Table(table));
    }
    let keys = roles.get_mut(role.name()).and_then(Item::as_table_like_mut).and_then(|table| table.get_mut("keys"));
    keys.and_then(Item::as_array_mut).ok_or_else(|| bad("no `keys`"))?.push(key.as_str());
    session.store.write_contract(&document.to_string(), &context.holder("key add"))?;
    let other = [Role::Builder, Role::Adversary]
        .into_iter()
        .find(|other| *other != role && contract.keys_of(*other).is_empty());
    let next = match other {
        Some(other) => format!("countersign key add {other} KEY.pub"),
        None => "both roles adopt the contract: countersign builder adopt".into(),
    };
    let text = format!("Added for the {role}: {}\nNext: {next}", public_key::fingerprint(&key));
    Ok(Answer::ok(text, json!({ "role": role, "key": key, "added": true })))
}
