//! What stands here, for a command that shows and decides nothing. Whatever can be asked at the same time is.

use std::thread;

use crate::context::Context;
use crate::docs::read::Signatures;
use crate::docs::store;
use crate::error::CommandError;
use crate::gates::inputs::Known;
use crate::git::subject;

use super::open::{Gathered, Session};

impl Session {
    /// Opens the phase that the command is about and gathers what stands here. Of observations and notes only the signatures that
    /// the gates rest on are checked, and the others count for nothing.
    ///
    /// # Errors
    ///
    /// The phase cannot be opened; a document is missing.
    pub fn look(context: &Context) -> Result<(Self, Gathered), CommandError> {
        let (session, documents, asked, subject) = thread::scope(|scope| {
            // git says what the subject is while it is asked where the repository is.
            let subject = scope.spawn(|| subject::around(&context.directory, &context.credentials()));
            let session = Self::open(context)?;
            let (documents, asked) = thread::scope(|scope| {
                let asked = scope.spawn(|| session.engine_asked());
                (session.store.load_with(Signatures::Deciding), asked.join())
            });
            Ok::<_, CommandError>((session, documents?, asked, subject.join()))
        })?;
        let asked = asked.unwrap_or_else(|_| Known::Unknown("the question to the engine stopped".to_owned()));
        let subject = match subject {
            Ok(Ok(subject)) => Known::Is(subject),
            _ => session.subject(),
        };
        let mut gathered = session.gathered(documents, None, subject, &asked);
        let named = session.evaluate(&gathered).rests_on();
        gathered.records.clear();
        session.store.check_signatures(&mut gathered.documents, &named);
        gathered.records = store::union(&gathered.documents, None);
        gathered.defects = gathered.documents.defects().count();
        Ok((session, gathered))
    }
}
