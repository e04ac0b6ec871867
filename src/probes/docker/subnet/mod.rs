//! `docker.subnet`: a candidate subnet is clear of everything that is there.
//!
//! The engine checks a swarm network only against other swarm networks, and later; against the host's routes, addresses
//! and name servers never. So this probe gathers every range that is in use ([`gather`]), compares the candidate with each,
//! and lists them all, one row each.

pub mod gather;
pub mod kernel;

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::fields::table;
use crate::model::contract::Params;
use crate::probes::seen::Seen;

/// A range that is in use, or that must stay free.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// What it is, as in `network ingress (swarm)`.
    pub what: String,
    /// The range.
    pub net: IpNet,
    /// Where it was read.
    pub from: &'static str,
    /// Why an overlap is none; absent: an overlap is a conflict.
    pub exempt: Option<&'static str>,
}

impl Taken {
    /// A range that the candidate must not overlap.
    pub fn new(what: impl Into<String>, net: IpNet, from: &'static str) -> Self {
        Self { what: what.into(), net, from, exempt: None }
    }
}

/// Whether two ranges share an address.
fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Judges the candidate over all ranges that are in use.
pub fn judge(params: &Params, taken: &[Taken]) -> Seen {
    let text = params.text("subnet").unwrap_or_default();
    let Ok(candidate) = text.parse::<IpNet>() else {
        return Seen::unknown(format!("docker.subnet: `{text}` is no subnet in CIDR form"));
    };
    if candidate.network() != candidate.addr() {
        return Seen::unknown(format!("docker.subnet: {text} has host bits; wanted {}", candidate.trunc()));
    }
    if !taken.iter().any(|range| range.from == gather::NETWORKS) {
        return Seen::unknown("docker.subnet: the engine listed no network at all, not even its own bridge");
    }
    let conflicts: Vec<_> = taken.iter().filter(|range| conflicts(candidate, range)).collect();
    let count = i64::try_from(taken.len()).unwrap_or(i64::MAX);
    let seen = if !is_private(candidate) {
        Seen::failed(format!(
            "{candidate} is not private address space: wanted one of 10/8, 172.16/12, 192.168/16, fc00::/7"
        ))
        .fact("disjoint", false)
    } else if let Some(first) = conflicts.first() {
        Seen::failed(format!(
            "{candidate} overlaps {} of {count} ranges, first {} {} ({}); {}",
            conflicts.len(),
            first.what,
            first.net,
            first.from,
            advice(taken)
        ))
        .fact("disjoint", false)
    } else {
        Seen::held(format!("{candidate} is disjoint from all of {count} ranges")).fact("disjoint", true)
    };
    seen.fact("candidate", candidate.to_string()).reading("ranges", count).raw(rows(candidate, taken))
}

fn conflicts(candidate: IpNet, range: &Taken) -> bool {
    range.exempt.is_none() && overlap(candidate, range.net)
}

fn is_private(net: IpNet) -> bool {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
        .iter()
        .filter_map(|text| text.parse::<IpNet>().ok())
        .any(|private| private.contains(&net))
}

/// The next suitable /16, by a fixed rule: the first of 10.10 to 10.255, then 10.0 to 10.9, then 172.16 to 172.31 that
/// overlaps nothing. The low tenths of 10/8 come late since swarms hand out their /24s from there.
fn next_suitable(taken: &[Taken]) -> Option<IpNet> {
    let ten = (10..=255).chain(0..10).map(|second| [10, second]);
    let seventeen_two = (16..=31).map(|second| [172, second]);
    ten.chain(seventeen_two)
        .filter_map(|[first, second]| Ipv4Net::new(Ipv4Addr::new(first, second, 0, 0), 16).ok())
        .map(IpNet::V4)
        .find(|net| !taken.iter().any(|range| conflicts(*net, range)))
}

fn advice(taken: &[Taken]) -> String {
    match next_suitable(taken) {
        Some(net) => format!(
            "the next suitable /16 is {net}: the first of 10.10-10.255, 10.0-10.9, 172.16-172.31 that overlaps none of them"
        ),
        None => "no /16 of 10/8 or 172.16/12 is free: free a range first".to_owned(),
    }
}

fn rows(candidate: IpNet, taken: &[Taken]) -> String {
    let cells = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    let mut all = vec![cells(["RANGE", "WHAT", "FROM", "OVERLAPS"])];
    for range in taken {
        let verdict = match (overlap(candidate, range.net), range.exempt) {
            (false, _) => "no".to_owned(),
            (true, None) => "YES".to_owned(),
            (true, Some(why)) => format!("no conflict: {why}"),
        };
        all.push(cells([&range.net.to_string(), &range.what, range.from, &verdict]));
    }
    format!("candidate {candidate}\n{}", table(&all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    fn params(subnet: &str) -> Params {
        Params([("subnet".to_owned(), Param::Text(subnet.into()))].into())
    }

    fn taken(what: &str, net: &str) -> Taken {
        Taken::new(what, net.parse().expect("a net"), gather::NETWORKS)
    }

    #[test]
    fn held_failed_and_unknown() {
        let all =
            [taken("network ingress", "10.0.0.0/24"), taken("network old", "10.10.4.0/24"), taken("v6", "fd00::/8")];
        let table = [
            ("10.11.0.0/16", Outcome::Held, "disjoint from all of 3"),
            ("10.10.0.0/16", Outcome::Failed, "network old 10.10.4.0/24"),
            ("10.10.4.128/25", Outcome::Failed, "next suitable /16 is 10.11.0.0/16"),
            ("10.0.0.0/8", Outcome::Failed, "overlaps 2 of 3"),
            ("fd12::/16", Outcome::Failed, "v6"),
            ("8.8.0.0/16", Outcome::Failed, "not private"),
            ("10.11.0.1/16", Outcome::Unknown, "host bits"),
            ("ten", Outcome::Unknown, "no subnet"),
        ];
        for (subnet, outcome, word) in table {
            let seen = judge(&params(subnet), &all);
            assert_eq!(seen.outcome, outcome, "{subnet}: {}", seen.says);
            assert!(seen.says.contains(word), "{subnet}: {}", seen.says);
        }
        assert_eq!(judge(&params("10.11.0.0/16"), &[]).outcome, Outcome::Unknown, "nothing was listed");
    }

    #[test]
    fn an_exempt_overlap_is_shown_and_no_conflict() {
        let mut own = taken("network proxy", "10.0.1.0/24");
        own.exempt = Some("it is replaced");
        let seen = judge(&params("10.0.0.0/16"), &[own]);
        assert_eq!(seen.outcome, Outcome::Held, "{}", seen.says);
        assert!(seen.raw.contains("no conflict: it is replaced"), "{}", seen.raw);
    }

    #[test]
    fn the_rule_passes_over_what_is_taken_and_can_run_out() {
        assert_eq!(next_suitable(&[]), "10.10.0.0/16".parse().ok());
        assert_eq!(next_suitable(&[taken("a", "10.0.0.0/8")]), "172.16.0.0/16".parse().ok());
        assert_eq!(next_suitable(&[taken("a", "0.0.0.0/0")]), None);
    }
}
