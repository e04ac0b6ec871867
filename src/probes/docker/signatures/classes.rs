//! What lines of the engine's log mean. The texts are the same from engine 20.10 to 29.7.

/// Tasks that wait in `New`; told by the tasks, not by the log.
pub const STUCK_TASKS: &str = "stuck-tasks";

/// Every class.
pub const NAMES: &[&str] = &["exhaustion", "leak-condition", "stale-network", "dead-network", STUCK_TASKS];

/// Class and the texts of which a line must have all.
const TABLE: &[(&str, &[&str])] = &[
    ("dead-network", &["Pool overlaps with other one on this address space"]),
    // Not a leak of addresses: a node's own copy of a network was left behind and will be in the way.
    ("stale-network", &["remove failed: error while removing network", "key modified"]),
    ("exhaustion", &["could not find an available IP"]),
    ("exhaustion", &["task allocation failure", "pending allocations"]),
    ("exhaustion", &["node is missing network attachments, ip addresses may be exhausted"]),
    ("exhaustion", &["failed to find a load balancer IP to use for network"]),
    ("leak-condition", &["could not find network allocator state for network"]),
    ("leak-condition", &["networkallocator: could not find local network state"]),
    ("leak-condition", &["error deallocating attachment for network"]),
    ("leak-condition", &["Failed freeing network resources for task"]),
];

/// The class of a line; `None` for all that is harmless.
pub fn classify(line: &str) -> Option<&'static str> {
    TABLE.iter().find(|(_, texts)| texts.iter().all(|text| line.contains(text))).map(|(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_has_its_class_and_harmless_lines_have_none() {
        let table = [
            ("could not find an available IP while allocating VIP", Some("exhaustion")),
            (
                "task allocation failure error=\"service a to which this task b belongs has pending allocations\"",
                Some("exhaustion"),
            ),
            (
                "Failed to allocate network resources for node n error=\"could not find an available IP\"",
                Some("exhaustion"),
            ),
            (
                "Failed to allocate network resources for node n error=\"could not find network allocator state for network x\"",
                Some("leak-condition"),
            ),
            (
                "network proxy remove failed: error while removing network: Unable to complete atomic operation, key modified",
                Some("stale-network"),
            ),
            (
                "Failed allocation for network x error=\"invalid pool request: Pool overlaps with other one on this address space\"",
                Some("dead-network"),
            ),
            ("Failed to find network n on node x", None),
            ("network proxy has active endpoints", None),
            ("key modified", None),
        ];
        for (line, class) in table {
            assert_eq!(classify(line), class, "{line}");
        }
        assert!(TABLE.iter().all(|(class, _)| NAMES.contains(class)));
    }
}
