//! Histories made up in memory.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::{Block, Body, From, Note, Record, SCHEMA, Subject, Surroundings};
use crate::model::role::{Document, Role};

mod life;
pub(super) mod story;

fn object(c: char) -> ObjectId {
    c.to_string().repeat(40).parse().expect("an object id")
}

/// A block with this body, in JOURNAL.
pub(super) fn block(body: Body) -> Block {
    Block {
        schema: SCHEMA,
        record: body.kind(),
        phase: "demo".parse().expect("a phase"),
        document: Document::Journal,
        role: Role::Builder,
        at: "2026-06-13T05:34:13Z".parse().expect("a time"),
        repository: object('a'),
        tool: "0.1.0".into(),
        summary: "words".into(),
        prev: Vec::new(),
        seen: BTreeMap::new(),
        subject: Subject { commit: object('b'), tree: object('c') },
        context: Surroundings { head: object('d'), dirty: false, system: None },
        from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(b"c") },
        target: None,
        output: None,
        body,
    }
}

/// A note in JOURNAL with these predecessors; its id is made from its number.
pub(super) fn record(number: usize, prev: Vec<RecordId>) -> Record {
    Record {
        id: RecordId::of_block(number.to_string().as_bytes()),
        block: Block { prev, ..block(Body::Note(Note { text: "words".into() })) },
        signer: "ssh-ed25519 builder".into(),
        checked: true,
        range: 0..0,
        line: 1,
        output: None,
        remote_only: false,
    }
}
