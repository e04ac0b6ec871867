//! Which files of a repository are a phase's state, and no part of the subject.

/// Git's glob pathspecs of the state documents of every phase: contracts, documents, evidence and the merge attributes.
pub const PATTERNS: [&str; 7] = [
    "machine-docs/PHASE-*.toml",
    "machine-docs/STATUS-*.md",
    "machine-docs/REVIEW-*.md",
    "machine-docs/JOURNAL-*.md",
    "machine-docs/BACKLOG-*.md",
    "machine-docs/evidence/**",
    "machine-docs/.gitattributes",
];

/// Whether a path, relative to the root, is a state document.
pub fn is_state(path: &str) -> bool {
    PATTERNS.iter().any(|pattern| matches(pattern, path))
}

/// Whether a path is what one of [`PATTERNS`] means, as git's `glob` has it: `*` stands for anything in one name, `**` at the end for
/// everything below.
pub fn matches(pattern: &str, path: &str) -> bool {
    if let Some(directory) = pattern.strip_suffix("**") {
        return path.starts_with(directory);
    }
    let Some((before, after)) = pattern.split_once('*') else { return path == pattern };
    path.strip_prefix(before).is_some_and(|rest| rest.ends_with(after) && !rest.contains('/'))
}

/// The first state document, or the directory of the evidence, that a text names by its path; `None` where it names none. For the
/// words of a program's arguments, which may hold a script: a step's checkout has no such file.
pub fn named_in(text: &str) -> Option<&str> {
    let of_path = |c: char| c.is_alphanumeric() || "/._-+@%*?[]".contains(c);
    text.match_indices("machine-docs").find_map(|(at, _)| {
        let rest = &text[at..];
        let path = &rest[..rest.find(|c| !of_path(c)).unwrap_or(rest.len())];
        // One name for one place: `a//b` and `a/./b` are `a/b`.
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let plain = parts.join("/");
        let whole = parts.first() == Some(&"machine-docs");
        (whole && (plain == "machine-docs/evidence" || is_state(&plain) || plain.contains(['*', '?', '['])))
            .then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documents_of_phases_are_state() {
        for state in [
            "machine-docs/STATUS-pvfix.md",
            "machine-docs/PHASE-x.toml",
            "machine-docs/evidence/x/y.txt",
            "machine-docs/.gitattributes",
        ] {
            assert!(is_state(state), "{state}");
        }
        for other in [
            "STATUS-pvfix.md",
            "machine-docs/README.md",
            "machine-docs/STATUS-x.md/y",
            "machine-docs/STATUS-x/y.md",
            "machine-docs/sub/.gitattributes",
            "machine-docs/evidence",
            "src/machine-docs/STATUS-x.md",
        ] {
            assert!(!is_state(other), "{other}");
        }
    }

    #[test]
    fn a_script_that_names_one_is_told_from_one_that_does_not() {
        for word in [
            "machine-docs/evidence/lib/x.sh",
            "set -e; . ./machine-docs/evidence/x.sh",
            "/srv/clone/machine-docs//evidence",
            "cat machine-docs/./PHASE-x.toml|sh",
            "sh machine-docs/*/x.sh",
        ] {
            assert!(named_in(word).is_some(), "{word}");
        }
        for word in ["machine-docs/runbook.sh", "scripts/machine-docs.sh", "ls machine-docs", "evidence/x.sh"] {
            assert_eq!(named_in(word), None, "{word}");
        }
    }
}
