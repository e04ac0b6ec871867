//! Places of the host that no container gets to see: what is in them is the interlock's own word.

use std::path::{Component, Path, PathBuf};

/// How a mount relates to places that are kept from containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// It shows none of them.
    Nothing,
    /// It shows one of them among much else: `/` is mounted by what watches a host.
    Within,
    /// It is one of them, or in it.
    Itself,
}

/// What a mount of this place would show.
pub fn seen(mount: &str, places: &[PathBuf]) -> Seen {
    let mut clean = PathBuf::new();
    for part in Path::new(mount).components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    if !clean.is_absolute() {
        return Seen::Nothing;
    }
    let one = |place: &PathBuf| match (clean.starts_with(place), place.starts_with(&clean)) {
        (true, _) => Seen::Itself,
        (_, true) => Seen::Within,
        _ => Seen::Nothing,
    };
    places.iter().map(one).max().unwrap_or(Seen::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_shows_what_is_below_it() {
        let places = [PathBuf::from("/var/lib/countersign/X")];
        for (mount, wanted) in [
            ("/var/lib/countersign/X", Seen::Itself),
            ("/var/lib/countersign/X/token", Seen::Itself),
            ("/tmp/../var/lib/./countersign//X/", Seen::Itself),
            ("/var/lib/countersign", Seen::Within),
            ("/", Seen::Within),
            ("/var/lib/countersign-other", Seen::Nothing),
            ("/var/lib/docker", Seen::Nothing),
            ("a-volume", Seen::Nothing),
        ] {
            assert_eq!(seen(mount, &places), wanted, "{mount}");
        }
    }
}
