//! Pull requests that are merged: by a forge's own client, or by its API.

use super::act::Act;
use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::word::Word;

const VALUED: &[&str] = &[
    "-R",
    "--repo",
    "-r",
    "-l",
    "--login",
    "-t",
    "--subject",
    "--title",
    "-b",
    "--body",
    "-F",
    "--body-file",
    "-A",
    "--author-email",
    "--match-head-commit",
    "-s",
    "--style",
    "-m",
    "--message",
    "-X",
    "--method",
    "-f",
    "--field",
    "--raw-field",
    "-H",
    "--header",
    "--input",
    "-q",
    "--jq",
    "-p",
    "--preview",
    "--hostname",
    "--cache",
];

/// Reads a command line of `gh`, `tea`, `fj`, `glab` or `hub`.
pub fn read(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(VALUED), End::Anywhere);
    if read.only_helps() {
        return;
    }
    let said = format!("{program} {}", arguments.iter().map(Word::shown).collect::<Vec<_>>().join(" "));
    let words: Vec<&str> = read.rest.iter().map(|word| word.text().unwrap_or("…")).collect();
    // What stands before the verb may be nothing, or an option.
    let words = match words.as_slice() {
        ["…", rest @ ..] if !rest.is_empty() => rest,
        words => words,
    };
    let here = |reader: &Reader<'_>| match reader.variable("GH_REPO") {
        Some(named) => named.text().map(short),
        None => reader.origin(),
    };
    match words {
        ["pr" | "pulls" | "pull" | "mr" | "merge-request", "merge" | "m" | "accept", which @ ..] => {
            let named = read.values(&["-R", "--repo", "-r"]).first().cloned();
            let which = which.first().copied();
            let by_address = which.and_then(of_address);
            let (repository, number) = match by_address {
                Some((repository, number)) => (Some(repository), Some(number)),
                None => {
                    let number = which.and_then(|text| text.trim_start_matches(['#', '!']).parse().ok());
                    let repository = match named {
                        Some(named) => named.text().map(short),
                        None => here(reader),
                    };
                    (repository, number)
                }
            };
            reader.does(Act::Merge { repository, number }, said);
        }
        ["pr" | "mr", "…", ..] => reader.unread(format!("what `{program}` does is known only when it runs")),
        ["api", path, ..] => {
            let method = read.values(&["-X", "--method"]).first().map(|word| word.shown().to_uppercase());
            let fields = read.has(&["-f", "--field", "-F", "--raw-field", "--input"]);
            let changes = method.map_or(fields, |method| method != "GET");
            // `gh` fills in the repository that it is run in.
            let own = here(reader).unwrap_or_else(|| "…".into());
            let path = &path.replace("{owner}/{repo}", &own).replace(":owner/:repo", &own);
            if let Some((repository, number)) =
                of_address(path).filter(|(name, _)| changes && path.contains("merge") && !name.contains('…'))
            {
                reader.does(Act::Merge { repository: Some(repository), number: Some(number) }, said);
            } else if changes
                && (path.contains("graphql") || path.contains('…'))
                && said.to_lowercase().contains("merge")
            {
                reader.unread(format!("what `{program} api` does is known only when it runs"));
            }
        }
        _ => {}
    }
}

/// `OWNER/REPO` of a name that may have a host before it.
fn short(name: &str) -> String {
    let name = name.trim_end_matches('/').trim_end_matches(".git");
    let parts: Vec<&str> = name.rsplit('/').take(2).collect();
    parts.iter().rev().copied().collect::<Vec<_>>().join("/")
}

/// Repository and number of a pull request's address, on the web or in an API: `…/OWNER/REPO/pulls/12…`.
pub fn of_address(address: &str) -> Option<(String, u64)> {
    let address = address.replace("%2F", "/").replace("%2f", "/");
    let parts: Vec<&str> = address.split(['/', '?', '#']).filter(|part| !part.is_empty() && *part != "-").collect();
    let is_pull = |part: &&str| matches!(*part, "pull" | "pulls" | "merge_requests" | "pull-requests");
    let at = parts.iter().rposition(is_pull)?;
    let number = parts.get(at + 1)?.parse().ok()?;
    let (owner, name) = (parts.get(at.checked_sub(2)?)?, parts.get(at - 1)?);
    Some((format!("{owner}/{name}"), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_named_by_its_address() {
        for (address, wanted) in [
            ("https://github.com/coop/recipe/pull/12", Some(("coop/recipe", 12))),
            ("repos/coop/recipe/pulls/12/merge", Some(("coop/recipe", 12))),
            ("https://git.example.org/api/v1/repos/coop/recipe/pulls/7/merge?x=1", Some(("coop/recipe", 7))),
            ("https://gitlab.example.org/coop/recipe/-/merge_requests/3", Some(("coop/recipe", 3))),
            ("projects/coop%2Frecipe/merge_requests/3/merge", Some(("coop/recipe", 3))),
            ("repos/coop/recipe/pulls", None),
            ("12", None),
        ] {
            let found = of_address(address);
            assert_eq!(found.as_ref().map(|(name, number)| (name.as_str(), *number)), wanted, "{address}");
        }
        assert_eq!(short("https://git.example.org/coop/recipe.git"), "coop/recipe");
        assert_eq!(short("coop/recipe"), "coop/recipe");
    }
}
