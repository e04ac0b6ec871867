//! How far two parties stand apart.

use crate::model::record::{From, Separation};

/// The separation between two places, by where their records were written.
///
/// Different machines are `host`. On one machine, different clones under different user ids are `uid`, different clones
/// under one user id are `clone`, and everything else is `none`.
pub fn between(one: &From, other: &From) -> Separation {
    if one.clone == other.clone {
        Separation::None
    } else if one.machine != other.machine {
        Separation::Host
    } else if one.uid != other.uid {
        Separation::Uid
    } else {
        Separation::Clone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;

    #[test]
    fn the_table() {
        let place = |machine: &str, uid: u32, clone: &str| From {
            machine: Digest::of(machine.as_bytes()),
            uid,
            clone: Digest::of(clone.as_bytes()),
        };
        let here = place("m", 1, "a");
        for (other, wanted) in [
            (place("m", 1, "a"), Separation::None),
            (place("m", 2, "a"), Separation::None),
            (place("m", 1, "b"), Separation::Clone),
            (place("m", 2, "b"), Separation::Uid),
            (place("n", 1, "b"), Separation::Host),
        ] {
            assert_eq!(between(&here, &other), wanted);
        }
    }
}
