//! What a shell's command line would do to something that a contract guards: the interlock's decision, before the command is run. Pure
//! but for the files that a line names as scripts, which whoever asks reads for it.
//!
//! [`shell`] has the line read by a parser of bash's grammar; [`reader`] goes through whatever carries other commands
//! ([`carriers`]: `sudo`, `env`, `sh -c`, `ssh`, `xargs` …) to the programs whose acts are known ([`docker`], [`git`], [`units`],
//! [`forge`], [`request`]); [`rule`] judges what was found. What would be done to something guarded is denied; what cannot be told is
//! asked; a word that only the shell knows is no reason to ask where it could not name anything guarded.
//!
//! [`agents`] knows the forms in which coding agents ask and are answered, [`splice`] puts a value into a JSON file and leaves the rest
//! of it as it is.
//!
//! A hook is a convenience: whoever wants to get around it writes a program. The interlock is the wall.

pub mod act;
pub mod agents;
pub mod carriers;
pub mod code;
pub mod docker;
pub mod engine;
pub mod entry;
mod expand;
pub mod forge;
pub mod git;
mod guess;
pub mod options;
pub mod reader;
pub mod request;
pub mod rule;
pub mod script;
pub mod shell;
mod shells;
pub mod splice;
pub mod units;
pub mod word;

#[cfg(test)]
mod tests;
