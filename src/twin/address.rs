//! A free /30 for the link between host and twin.

use std::net::Ipv4Addr;

use crate::process::{Spec, run};
use crate::twin::error::TwinError;
use crate::twin::place::Place;

/// The two addresses of a link: host, twin. Their prefix length is 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The host's end.
    pub host: Ipv4Addr,
    /// The twin's end.
    pub inner: Ipv4Addr,
}

/// How many links fit into 192.168.231.0/24.
const LINKS: u32 = 64;

fn link(index: u32) -> Link {
    let base = u32::from(Ipv4Addr::new(192, 168, 231, 0)) + (index % LINKS) * 4;
    Link { host: Ipv4Addr::from(base + 1), inner: Ipv4Addr::from(base + 2) }
}

/// Picks a link that no address and route of this machine uses, beginning at one that the directory decides.
pub fn pick(place: &Place) -> Result<Link, TwinError> {
    let mut taken = String::new();
    for what in ["address", "route"] {
        taken.push_str(&run(&Spec::new(["ip", "-4", "-o", what, "show"]))?.text());
        taken.push('\n');
    }
    free(&taken, place.spread()).ok_or_else(|| TwinError::Directory {
        dir: place.dir().to_owned(),
        why: "no free /30 is left in 192.168.231.0/24 for the twin's link".to_owned(),
    })
}

fn free(taken: &str, first: u32) -> Option<Link> {
    let is_taken = |link: &Link| {
        let network = Ipv4Addr::from(u32::from(link.host) - 1);
        taken.split_whitespace().any(|word| {
            let address = word.split('/').next().unwrap_or(word);
            [link.host, link.inner, network].iter().any(|of_link| address == of_link.to_string())
        })
    };
    (0..LINKS).map(|step| link(first.wrapping_add(step))).find(|candidate| !is_taken(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_link_is_passed_over() {
        let taken = "7: x inet 192.168.231.1/30 scope global x\n192.168.231.4/30 dev y";
        assert_eq!(free(taken, 0).map(|link| link.inner), Some(Ipv4Addr::new(192, 168, 231, 10)));
        let all: String = (0..256).map(|last| format!("192.168.231.{last}/30 ")).collect();
        assert_eq!(free(&all, 5), None);
    }
}
