//! `git.patch`: the change since `base` touches only declared paths, adds what it must and nothing that it may not.

use regex::Regex;

use super::base_of;
use crate::git::Repository;
use crate::model::contract::Params;
use crate::model::digest::Digest;
use crate::probes::seen::Seen;

/// Looks.
pub fn look(repository: &Repository, params: &Params) -> Seen {
    let base = match base_of(repository, params.text("base")) {
        Ok(base) => base,
        Err(why) => return Seen::unknown(why),
    };
    let looked = repository
        .head()
        .and_then(|head| Ok((repository.changed_paths(&base, &head)?, repository.patch(&base, &head)?)));
    let (paths, patch) = match looked {
        Ok(looked) => looked,
        Err(error) => return Seen::unknown(error.to_string()),
    };
    let seen = judge(&paths, &patch, params);
    seen.fact("base", base.to_string()).fact("diff", Digest::of(patch.as_bytes()).to_string()).raw(patch)
}

/// Judges a patch. Pure.
fn judge(paths: &[String], patch: &str, params: &Params) -> Seen {
    if paths.is_empty() || patch.is_empty() {
        return Seen::failed("nothing changed since the base commit: wanted the declared patch");
    }
    let declared = params.list("paths");
    let allowed =
        |path: &String| declared.iter().any(|d| d == path || (d.ends_with('/') && path.starts_with(d.as_str())));
    let outside: Vec<&String> = paths.iter().filter(|path| !allowed(path)).collect();
    if let Some(first) = outside.first() {
        return Seen::failed(format!("{} files outside the declared paths changed, first {first}", outside.len()));
    }
    let added: Vec<&str> = lines(patch, '+');
    let removed = lines(patch, '-').len();
    for (list, must) in [("adds", true), ("forbids", false)] {
        for pattern in params.list(list) {
            let Ok(regex) = Regex::new(pattern) else {
                return Seen::unknown(format!("`{list}`: `{pattern}` is no regular expression"));
            };
            let found = added.iter().any(|line| regex.is_match(line));
            if found != must {
                let word = if must { "no added line matches" } else { "an added line matches" };
                return Seen::failed(format!("{word} `{pattern}`"));
            }
        }
    }
    let size = i64::try_from(added.len() + removed).unwrap_or(i64::MAX);
    if let Some(most) = params.number("max_lines").filter(|most| size > *most) {
        return Seen::failed(format!("the patch has {size} changed lines; wanted at most {most}"));
    }
    Seen::held(format!("{} added and {removed} removed lines in {}", added.len(), paths.join(", ")))
}

/// The added or removed lines inside the hunks of a patch.
pub(super) fn lines(patch: &str, sign: char) -> Vec<&str> {
    let mut in_hunk = false;
    let mut found = Vec::new();
    for line in patch.lines() {
        if line.starts_with("diff --git ") {
            in_hunk = false;
        } else if line.starts_with("@@ ") {
            in_hunk = true;
        } else if in_hunk && let Some(rest) = line.strip_prefix(sign) {
            found.push(rest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    const PATCH: &str = "diff --git a/nix/swarm.nix b/nix/swarm.nix\n--- a/nix/swarm.nix\n+++ b/nix/swarm.nix\n@@ -1 +1 @@\n-create proxy\n+create --subnet 10.10.0.0/16 proxy\n";

    #[test]
    fn the_patch_is_held_to_what_was_declared() {
        let list = |texts: &[&str]| Param::List(texts.iter().map(|text| (*text).to_owned()).collect());
        let paths = ["nix/swarm.nix".to_owned()];
        let with = |key: &str, param: Param| {
            let base = [("paths".to_owned(), list(&["nix/"]))];
            Params(BTreeMap::from_iter(base.into_iter().chain([(key.to_owned(), param)])))
        };
        for (key, param, outcome) in [
            ("adds", list(&["--subnet 10.10.0.0/16"]), Outcome::Held),
            ("adds", list(&["--ip-range"]), Outcome::Failed),
            ("adds", list(&["swarm.nix"]), Outcome::Failed),
            ("forbids", list(&["--subnet"]), Outcome::Failed),
            ("max_lines", Param::Number(2), Outcome::Held),
            ("max_lines", Param::Number(1), Outcome::Failed),
            ("paths", list(&["nix/swarm.nixos"]), Outcome::Failed),
            ("paths", list(&["nix/swarm.ni"]), Outcome::Failed),
        ] {
            assert_eq!(judge(&paths, PATCH, &with(key, param.clone())).outcome, outcome, "{key} {param:?}");
        }
        assert_eq!(judge(&[], "", &with("max_lines", Param::Number(9))).outcome, Outcome::Failed);
    }
}
