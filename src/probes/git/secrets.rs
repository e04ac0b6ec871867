//! `git.secrets`: no secret in any commit since `base`: its lines, new files, its message. What was added and removed again is
//! still in the history, so each commit is looked at by itself. Named by place and kind, never by value.

use std::collections::BTreeSet;

use super::base_of;
use crate::git::Repository;
use crate::git::diff::Change;
use crate::model::contract::Params;
use crate::model::digest::Digest;
use crate::model::state_files::is_state;
use crate::probes::secret_rules::find;
use crate::probes::seen::Seen;

/// Looks.
pub fn look(repository: &Repository, params: &Params) -> Seen {
    let base = match base_of(repository, params.text("base")) {
        Ok(base) => base,
        Err(why) => return Seen::unknown(why),
    };
    match repository.head().and_then(|head| repository.history(&base, &head)) {
        Ok(history) => judge(&history).fact("base", base.to_string()),
        Err(error) => Seen::unknown(error.to_string()),
    }
}

/// Judges a history. Pure.
fn judge(history: &[Change]) -> Seen {
    let mut places = BTreeSet::new();
    let mut lines = 0;
    for change in history {
        let commit = change.commit.get(..12).unwrap_or(&change.commit);
        let said = kinds(&change.message).into_iter().chain(kinds(&change.stored)).collect::<BTreeSet<_>>();
        places.extend(said.into_iter().map(|kind| format!("commit {commit}, message: {kind}")));
        for part in files(&change.patch) {
            // A secret may span lines (a private key), so a file's added lines are looked at together.
            let mut added = super::patch::lines(part, '+');
            lines += added.len();
            let file = part.lines().next().and_then(|line| line.rsplit_once(" b/")).map_or("a file", |(_, file)| file);
            if is_state(file) {
                added.retain(|line| !names_a_record(line));
            }
            let named = kinds(file);
            // Its own name would show what it holds.
            let file = if named.is_empty() { file } else { "a file" };
            places.extend(named.iter().map(|kind| format!("commit {commit}, a file's name: {kind}")));
            places.extend(kinds(&added.join("\n")).into_iter().map(|kind| format!("commit {commit}, {file}: {kind}")));
        }
    }
    let seen = match places.first() {
        Some(first) => Seen::failed(format!(
            "{} places look like secrets, first: {first}; take them out of the history and change the secret",
            places.len()
        )),
        None => Seen::held(format!("no secret in {} commits: {lines} added lines and the messages", history.len())),
    };
    let none = places.is_empty();
    let raw = if none { "no place found\n".to_owned() } else { places.into_iter().map(|place| place + "\n").collect() };
    seen.fact("none_found", none).raw(raw)
}

/// Whether a line of a state document gives the id of a record behind a name, as a claim does for the evidence of each criterion. What a
/// criterion or a step is called, `secrets` or `token`, makes no secret of that id.
fn names_a_record(line: &str) -> bool {
    let id = line.split_once(" = \"").and_then(|(_, rest)| rest.strip_suffix('"'));
    id.is_some_and(|id| id.parse::<Digest>().is_ok())
}

/// The part of a patch of each file. A line inside a hunk begins with its sign, so only a header begins so.
fn files(patch: &str) -> impl Iterator<Item = &str> {
    let header = "diff --git ";
    let later = patch.match_indices("\ndiff --git ").map(|(at, _)| at + 1);
    let starts: Vec<usize> = patch.starts_with(header).then_some(0).into_iter().chain(later).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([patch.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &patch[start..end])
}

/// The kinds of secrets in a text. What only points at one (a variable, a path) is none.
fn kinds(text: &str) -> BTreeSet<&'static str> {
    find(text).into_iter().filter(|hit| !hit.is_reference(text)).map(|hit| hit.kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::Outcome;

    fn change(message: &str, added: &str) -> Change {
        let patch = format!("diff --git a/x y.sh b/x y.sh\n--- /dev/null\n+++ b/x y.sh\n@@ -0,0 +1 @@\n+{added}\n");
        Change { commit: "0123456789abcdef".into(), message: message.into(), stored: String::new(), patch }
    }

    #[test]
    fn the_id_of_a_record_in_a_state_document_is_no_secret_whatever_stands_before_it() {
        let id = "0c2ac14dce3c9de0583cba27bc485a53b2768af170d52050102301f6f569d963";
        let of = |file: &str, line: &str| {
            let patch = format!("diff --git a/{file} b/{file}\n+++ b/{file}\n@@ -0,0 +1 @@\n+{line}\n");
            judge(&[Change { patch, ..change("fine", "x") }]).outcome
        };
        for name in ["secrets", "token"] {
            let line = format!("{name} = \"{id}\"");
            assert_eq!(of("machine-docs/STATUS-demo.md", &line), Outcome::Held, "{line}");
            assert_eq!(of("machine-docs/notes.md", &line), Outcome::Failed, "{line}");
            for other in [format!("{name} = \"{id}0\""), format!("{name} = \"{}\"", &id[..40]), format!("{line} # x")] {
                assert_eq!(of("machine-docs/STATUS-demo.md", &other), Outcome::Failed, "{other}");
            }
        }
    }

    #[test]
    fn a_secret_is_named_by_its_place_and_never_by_its_value() {
        let token = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-1awxwuwd3z9j1z3puu7rcgdbx";
        let line = format!("docker swarm join --token {token}");
        let table = [
            (change("fine", "plain words"), Outcome::Held, "1 added lines"),
            (change("fine", "token = $TOKEN"), Outcome::Held, "no secret"),
            (change("fine", "password = config.sops.secrets.db.path;"), Outcome::Held, "no secret"),
            (change("fine", &line), Outcome::Failed, "first: commit 0123456789ab, x y.sh: swarm-token"),
            (change(&line, "plain words"), Outcome::Failed, "first: commit 0123456789ab, message: swarm-token"),
            (change("fine", "password = hunter2"), Outcome::Failed, "x y.sh: assignment"),
            (change("fine", "# diff --git \n+password = hunter2"), Outcome::Failed, "x y.sh: assignment"),
            (change("fine", "password = \"$ecret-hunter2\""), Outcome::Failed, "x y.sh: assignment"),
            (
                change("fine", "db_password: ENC[AES256_GCM,data:abcdef,iv:x,tag:y,type:str]"),
                Outcome::Held,
                "no secret",
            ),
        ];
        let recoded = Change { stored: "encoding IBM037\n\npassword = hunter2".into(), ..change("fine", "x") };
        let wide: String = "password = hunter2a".chars().flat_map(|c| ['\0', c]).collect();
        let also = [
            (recoded, Outcome::Failed, "message: assignment"),
            (change("fine", &wide), Outcome::Failed, "x y.sh: assignment"),
        ];
        for (change, outcome, word) in table.into_iter().chain(also) {
            let seen = judge(&[change]);
            assert_eq!(seen.outcome, outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
            assert!(!format!("{seen:?}").contains(token) && !seen.raw.contains("hunter2"), "{seen:?}");
        }
    }
}
