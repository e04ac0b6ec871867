//! What lines of the engine's log mean. The texts are the same from engine 20.10 to 29.7.

/// How bad a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing follows from it.
    Harmless,
    /// Something was left behind that will be in the way.
    Damage,
    /// An address of another network is about to leak: the only early warning below API 1.52.
    Leak,
    /// Addresses are refused now.
    Exhaustion,
}

impl Severity {
    /// The word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Damage => "damage",
            Self::Leak => "leak",
            Self::Exhaustion => "exhaustion",
        }
    }
}

/// Tasks that wait in `New`; told by the tasks, not by the log.
pub const STUCK_TASKS: &str = "stuck-tasks";

/// Every class with its severity.
pub const CLASSES: &[(&str, Severity)] = &[
    ("vip-exhaustion", Severity::Exhaustion),
    ("task-exhaustion", Severity::Exhaustion),
    ("node-exhaustion", Severity::Exhaustion),
    (STUCK_TASKS, Severity::Exhaustion),
    ("leak-condition", Severity::Leak),
    ("stale-network", Severity::Damage),
    ("dead-network", Severity::Damage),
    ("benign", Severity::Harmless),
];

/// Class and the texts of which a line must have all. The first that fits counts: the cause stands before what it led to.
const TABLE: &[(&str, &[&str])] = &[
    ("dead-network", &["Pool overlaps with other one on this address space"]),
    // Not a leak of addresses: a node's own copy of a network was left behind and will be in the way.
    ("stale-network", &["remove failed: error while removing network", "key modified"]),
    // A network was removed under a living task. When the task ends, its addresses on other networks stay taken.
    ("leak-condition", &[MISSING_STATE]),
    ("leak-condition", &["networkallocator: could not find local network state"]),
    ("leak-condition", &["error deallocating attachment for network"]),
    ("leak-condition", &["Failed freeing network resources for task"]),
    ("vip-exhaustion", &["could not find an available IP while allocating VIP"]),
    ("task-exhaustion", &["task allocation failure", "pending allocations"]),
    ("task-exhaustion", &["failed to allocate network IP for task", "could not find an available IP"]),
    ("node-exhaustion", &["Failed to allocate network resources for node", "could not find an available IP"]),
    ("node-exhaustion", &["node is missing network attachments, ip addresses may be exhausted"]),
    ("node-exhaustion", &["failed to find a load balancer IP to use for network"]),
    // In whatever words a later engine wraps it.
    ("vip-exhaustion", &["could not find an available IP"]),
    ("benign", &["Failed to find network", "on node"]),
    ("benign", &["has active endpoints"]),
];

/// What the allocator says of a removed network that a living task still names; the network's id follows.
const MISSING_STATE: &str = "could not find network allocator state for network ";

/// The class of a line; `None` for a line that is no signature.
pub fn classify(line: &str) -> Option<&'static str> {
    TABLE.iter().find(|(_, texts)| texts.iter().all(|text| line.contains(text))).map(|(class, _)| *class)
}

/// Whether a line is the allocator's refusal of an address to this service (swarmkit's allocator: `doNetworkAlloc`).
pub fn refuses(line: &str, service: &str) -> bool {
    line.contains("could not find an available IP")
        && line.split_once("Failed allocation for service ").is_some_and(|(_, rest)| {
            rest.strip_prefix(service).is_some_and(|end| !end.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
}

/// The severity of a class.
pub fn severity(class: &str) -> Option<Severity> {
    CLASSES.iter().find(|(name, _)| *name == class).map(|(_, severity)| *severity)
}

/// The id of the network that was removed under a living task, where the line names one. Each id is one removal; how many
/// addresses it cost is not in the log.
pub fn leak_network(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(MISSING_STATE)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_has_its_class_and_other_lines_have_none() {
        let table = [
            (
                "level=error msg=\"Failed allocation for service x\" error=\"could not find an available IP while allocating VIP\"",
                Some("vip-exhaustion"),
            ),
            (
                "task allocation failure error=\"service a to which this task b belongs has pending allocations\"",
                Some("task-exhaustion"),
            ),
            (
                "task allocation failure error=\"failed to allocate network IP for task t network n: could not find an available IP\"",
                Some("task-exhaustion"),
            ),
            (
                "Failed to allocate network resources for node n error=\"could not find an available IP\"",
                Some("node-exhaustion"),
            ),
            ("node is missing network attachments, ip addresses may be exhausted", Some("node-exhaustion")),
            ("failed to find a load balancer IP to use for network: n", Some("node-exhaustion")),
            (
                "Failed to allocate network resources for node n error=\"could not find network allocator state for network x\"",
                Some("leak-condition"),
            ),
            ("networkallocator: could not find local network state for network x", Some("leak-condition")),
            ("error deallocating attachment for network x", Some("leak-condition")),
            ("Failed freeing network resources for task t", Some("leak-condition")),
            (
                "network proxy remove failed: error while removing network: Unable to complete atomic operation, key modified",
                Some("stale-network"),
            ),
            (
                "Failed allocation for network x error=\"invalid pool request: Pool overlaps with other one on this address space\"",
                Some("dead-network"),
            ),
            ("could not find an available IP, in new words", Some("vip-exhaustion")),
            ("Failed to find network n on node x", Some("benign")),
            ("network proxy has active endpoints", Some("benign")),
            ("key modified", None),
            ("all is well", None),
        ];
        for (line, class) in table {
            assert_eq!(classify(line), class, "{line}");
        }
        assert!(TABLE.iter().all(|(class, _)| severity(class).is_some()));
        assert!(CLASSES.iter().all(|(class, _)| *class == STUCK_TASKS || TABLE.iter().any(|(name, _)| name == class)));
    }

    #[test]
    fn a_refusal_names_its_service() {
        let line = r#"level=error msg="Failed allocation for service ab12" error="could not find an available IP while allocating VIP""#;
        assert!(refuses(line, "ab12"));
        for other in ["ab1", "ab123", ""] {
            assert!(!refuses(line, other), "{other}");
        }
        assert!(!refuses(&line.replace("could not find an available IP", "no port"), "ab12"));
    }

    #[test]
    fn a_leak_is_told_by_the_id_of_the_network() {
        assert_eq!(leak_network("x could not find network allocator state for network ab12\" y"), Some("ab12"));
        assert_eq!(leak_network("could not find network allocator state for network \""), None);
        assert_eq!(leak_network("could not find local network state for network ab12"), None);
    }
}
