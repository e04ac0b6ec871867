//! Reading a twin's engine log.

use std::collections::BTreeSet;

use crate::twin::error::TwinError;
use crate::twin::place::Place;

/// What the engine says when a subnet is full.
pub const EXHAUSTED: &str = "could not find an available IP while allocating VIP";
/// What it says while a task lives on whose network was removed: the condition of a leak.
pub const LEAK: &str = "could not find network allocator state for network ";

/// The whole log. Bytes that are no UTF-8 are replaced.
pub fn read(place: &Place) -> Result<String, TwinError> {
    let path = place.log();
    let bytes = std::fs::read(&path).map_err(TwinError::file(path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Ids of the networks that the log names as removed under a living task.
pub fn leak_networks(log: &str) -> BTreeSet<String> {
    let id = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    log.split(LEAK).skip(1).map(id).filter(|id| !id.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_counts_once() {
        let log = format!("a {LEAK}abc\" x\nb {LEAK}abc\"\nc {LEAK}def\"\n");
        assert_eq!(leak_networks(&log).len(), 2);
    }
}
