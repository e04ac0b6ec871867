//! Keys of each role under this user, how far the roles stand apart, and the pins.

use super::engine::Seen;
use super::line::Line;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::pins::Pins;
use crate::model::record::Separation;
use crate::model::role::Role;
use crate::sign::key_file::{Key, KeyFileError};
use crate::sign::public_key::fingerprint;

/// Looks.
pub fn look(context: &Context, session: Option<&Session>, seen: &Seen, lines: &mut Vec<Line>) {
    let mut mine = Vec::new();
    for role in Role::ALL {
        let listed = session.map_or(&[][..], |session| session.contract.keys_of(role));
        // The operator is absent unless the contract lists one.
        if role == Role::Operator && listed.is_empty() {
            continue;
        }
        let what = format!("key of the {role}");
        let loaded = context.key_path(role).and_then(|path| match Key::load(&path) {
            Ok(key) => Ok(Ok(key)),
            Err(KeyFileError::Missing(path)) => Ok(Err(path)),
            Err(error) => Err(error.into()),
        });
        let named = context.global.key.is_some();
        lines.push(match loaded {
            Err(error) => Line::refused(what, &error, "a key of this user alone, outside every repository"),
            Ok(Err(path)) => Line::advice(
                what,
                format!("none for uid {} ({} is missing)", context.uid(), path.display()),
                format!("one, if this user is to act as the {role}"),
                format!("countersign key new {role}"),
            ),
            Ok(Ok(key)) => {
                let public = key.public_text();
                let print = fingerprint(&public);
                if listed.contains(&public) {
                    mine.push(role);
                    Line::ok(what, format!("{print}, in a file, listed in the contract"))
                } else if named {
                    continue;
                } else if session.is_none() {
                    Line::ok(what, format!("{print}, in a file; there is no contract that could list it"))
                } else {
                    Line::wrong(
                        Exit::Role,
                        what,
                        format!("{print} is not listed in the contract for the {role}"),
                        "a key that the contract lists",
                        format!("countersign key add {role} KEY.pub, by whoever opens the phase"),
                    )
                }
            }
        });
    }
    let Some(session) = session else { return };
    if mine.is_empty() {
        let found = format!("uid {} holds no key that the contract lists", context.uid());
        lines.push(Line::wrong(Exit::Role, "role", found, "a listed key of one role", "countersign next"));
    }
    separation(context, session, &mine, lines);
    pins(session, seen, lines);
}

fn separation(context: &Context, session: &Session, mine: &[Role], lines: &mut Vec<Line>) {
    let wanted = session.contract.separation;
    let both = mine.contains(&Role::Builder) && mine.contains(&Role::Adversary);
    lines.push(match (both, wanted) {
        (false, _) if mine.is_empty() => {
            Line::ok("separation", format!("`{}` is wanted; this user holds no party's key", wanted.label()))
        }
        (false, _) => {
            Line::ok("separation", format!("`{}` is wanted; this user holds one party's key", wanted.label()))
        }
        (true, Separation::Uid | Separation::Host) => Line::wrong(
            Exit::Role,
            "separation",
            format!(
                "uid {} holds the keys of both parties, and the contract asks for `{}`",
                context.uid(),
                wanted.label()
            ),
            "each key under a user of its own; or, if two clones are enough for this phase, `separation = \"clone\"` in the contract",
            "countersign key new adversary, as another user",
        ),
        (true, _) => Line::advice(
            "separation",
            format!(
                "uid {} holds the keys of both parties: whoever acts for one can sign for the other",
                context.uid()
            ),
            "each key under a user of its own, and `separation = \"uid\"`",
            "countersign key new adversary, as another user",
        ),
    });
}

fn pins(session: &Session, seen: &Seen, lines: &mut Vec<Line>) {
    let what = "pins";
    if session.contract.steps.is_empty() {
        lines.push(Line::ok(what, "the contract has no steps, so that nothing needs a pin"));
        return;
    }
    let Some(engine) = &seen.engine_id else {
        lines.push(Line::unknown(what, "pins belong to an engine, and none could be asked", &seen.remedy));
        return;
    };
    let pins = Pins::at(&session.context.pins(), engine);
    let keys = match pins.keys() {
        Ok(keys) => keys,
        Err(error) => {
            lines.push(Line::refused(what, &CommandError::from(error), "pins that can be read"));
            return;
        }
    };
    let directory = pins.directory().display();
    let adversary = session.contract.keys_of(Role::Adversary);
    lines.push(match adversary.iter().filter(|key| keys.contains(*key)).count() {
        0 if adversary.is_empty() => Line::advice(
            what,
            "the contract lists no key of the Adversary that could be pinned",
            "one",
            "countersign key add adversary KEY.pub",
        ),
        0 => Line::wrong(
            Exit::Role,
            what,
            format!("no key of the Adversary is pinned in {directory} (looked through {})", keys.len()),
            "the Adversary's key, pinned by an operator: without it no step runs",
            "countersign trust KEY.pub, as the operator of this host",
        ),
        some => Line::ok(what, format!("{some} of {} keys of the Adversary in {directory}", adversary.len())),
    });
    if pins.writable() {
        let found = format!("this user can write {directory}: who runs steps could pin any key");
        lines.push(Line::advice(
            "pins' owner",
            found,
            "steps run by a user that cannot",
            "run steps as another user than the operator",
        ));
    }
}
