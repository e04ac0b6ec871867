//! `git.secrets`: no secret in the lines, files and messages that were added since `base`. Named by place and kind, never by
//! value.

use super::base_of;
use crate::git::Repository;
use crate::model::contract::Params;
use crate::probes::redact::redact;
use crate::probes::seen::Seen;

/// Looks.
pub fn look(repository: &Repository, params: &Params) -> Seen {
    let base = match base_of(repository, params.text("base")) {
        Ok(base) => base,
        Err(why) => return Seen::unknown(why),
    };
    let looked =
        repository.head().and_then(|head| Ok((repository.patch(&base, &head)?, repository.messages(&base, &head)?)));
    let (patch, messages) = match looked {
        Ok(looked) => looked,
        Err(error) => return Seen::unknown(error.to_string()),
    };
    let mut places = in_patch(&patch);
    for (commit, message) in &messages {
        if redact(message).1 > 0 {
            places.push(format!("message of commit {}", commit.get(..12).unwrap_or(commit)));
        }
    }
    let seen = match places.first() {
        Some(first) => Seen::failed(format!(
            "{} places look like secrets, first: {first}; take them out of the history",
            places.len()
        )),
        None => {
            Seen::held(format!("no secret in {} lines of patch and {} messages", patch.lines().count(), messages.len()))
        }
    };
    let raw = if places.is_empty() { "no place found\n".to_owned() } else { places.join("\n") + "\n" };
    seen.fact("base", base.to_string()).fact("none_found", places.is_empty()).raw(raw)
}

/// The places in a patch: a secret may span lines (a private key), so each file's added lines are looked at together.
fn in_patch(patch: &str) -> Vec<String> {
    let files = patch.split("diff --git ").filter(|part| !part.is_empty());
    let place = |part: &str| {
        let name = part.lines().next().and_then(|line| line.split(" b/").last()).unwrap_or("a file").to_owned();
        let added = super::patch::lines(&format!("diff --git {part}"), '+').join("\n");
        let count = redact(&added).1;
        (count > 0).then(|| format!("{name}: {count}"))
    };
    files.filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_by_its_place_and_never_by_its_value() {
        let token = format!(
            "SWMTKN-1-{}-{}",
            "3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl", "1awxwuwd3z9j1z3puu7rcgdbx"
        );
        let patch = format!(
            "diff --git a/x.sh b/x.sh\n--- a/x.sh\n+++ b/x.sh\n@@ -0,0 +1 @@\n+docker swarm join --token {token}\n"
        );
        let places = in_patch(&patch);
        assert_eq!(places, ["x.sh: 1"]);
        assert!(in_patch("diff --git a/y b/y\n@@ -1 +1 @@\n+plain words\n").is_empty());
    }
}
