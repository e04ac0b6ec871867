//! Probes of a NixOS configuration: what the source says, and what runs. Nix is parsed here, never evaluated with a key in reach.

pub mod activation;
pub mod generation;
pub mod module;
pub mod option;
#[cfg(test)]
mod real;
pub mod script;

use crate::process::Finished;

/// What Nix complains of: the line with its error. Behind that it writes places and advice.
fn complaint(done: &Finished) -> String {
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    let error = text.lines().map(str::trim).find(|line| line.starts_with("error:") && line.len() > "error:".len());
    error.map_or_else(|| done.complaint(), str::to_owned)
}
