//! What stands here, for a command that shows and decides nothing. Whatever can be asked at the same time is.

use std::thread;

use crate::context::Context;
use crate::docs::read::Signatures;
use crate::docs::store;
use crate::error::CommandError;
use crate::gates::inputs::Known;

use super::open::{Gathered, Session};

impl Session {
    /// Opens the phase that the command is about and gathers what stands here. Of observations and notes only the signatures that
    /// the gates rest on are checked, and the others count for nothing.
    ///
    /// # Errors
    ///
    /// The phase cannot be opened; a document is missing.
    pub fn look(context: &Context) -> Result<(Self, Gathered), CommandError> {
        let session = Self::open(context)?;
        let (documents, asked, subject) = thread::scope(|scope| {
            let asked = scope.spawn(|| session.engine_asked());
            let subject = scope.spawn(|| session.subject());
            (session.store.load_with(Signatures::Deciding), asked.join(), subject.join())
        });
        let documents = documents?;
        let asked = asked.unwrap_or_else(|_| Known::Unknown("the question to the engine stopped".to_owned()));
        let subject = subject.unwrap_or_else(|_| session.subject());
        let mut gathered = session.gathered(documents, None, subject, &asked);
        let named = session.evaluate(&gathered).rests_on();
        gathered.records.clear();
        session.store.check_signatures(&mut gathered.documents, &named);
        gathered.records = store::union(&gathered.documents, None);
        gathered.defects = gathered.documents.defects().count();
        Ok((session, gathered))
    }
}
