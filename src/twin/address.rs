//! A free range for a twin: the host has its first address, the nodes have the next ones.

use std::net::Ipv4Addr;

use crate::process::{Spec, run};
use crate::twin::error::TwinError;
use crate::twin::place::Place;

/// Prefix length of a twin's range.
pub const PREFIX: u32 = 28;
const SIZE: u32 = 1 << (32 - PREFIX);
/// Ranges are taken from here: 192.168.224.0/20.
const FIRST: u32 = u32::from_be_bytes([192, 168, 224, 0]);
const RANGES: u32 = (1 << 12) / SIZE;

/// A twin's range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: u32,
}

impl Range {
    fn nth(index: u32) -> Self {
        Self { base: FIRST + (index % RANGES) * SIZE }
    }

    /// The host's address.
    pub fn host(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// The address of a node, from 1.
    pub fn node(self, number: usize) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1 + u32::try_from(number).unwrap_or(0))
    }

    fn holds(self, address: Ipv4Addr) -> bool {
        u32::from(address) & !(SIZE - 1) == self.base
    }
}

/// Picks a range in which this machine has neither address nor route, beginning at one that the directory decides.
pub fn pick(place: &Place) -> Result<Range, TwinError> {
    let mut taken = String::new();
    for what in ["address", "route"] {
        taken.push_str(&run(&Spec::new(["ip", "-4", "-o", what, "show"]))?.text());
        taken.push('\n');
    }
    free(&taken, place.spread()).ok_or_else(|| TwinError::Directory {
        dir: place.dir().to_owned(),
        why: "no free /28 is left in 192.168.224.0/20 for the twin's network".to_owned(),
    })
}

fn free(taken: &str, first: u32) -> Option<Range> {
    let addresses: Vec<Ipv4Addr> =
        taken.split_whitespace().filter_map(|word| word.split('/').next()?.parse().ok()).collect();
    let is_free = |range: &Range| !addresses.iter().any(|address| range.holds(*address));
    (0..RANGES).map(|step| Range::nth(first.wrapping_add(step))).find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_which_anything_lies_is_passed_over() {
        let taken = "7: x inet 192.168.224.1/28 scope global x\n192.168.224.20/30 dev y";
        let range = free(taken, 0).unwrap();
        assert_eq!((range.host(), range.node(1), range.node(3)), {
            (Ipv4Addr::new(192, 168, 224, 33), Ipv4Addr::new(192, 168, 224, 34), Ipv4Addr::new(192, 168, 224, 36))
        });
        let all: String = (0..256).map(|index| format!("{}/28 ", Range::nth(index).host())).collect();
        assert_eq!(free(&all, 5), None);
    }
}
