//! What a secret looks like: one table for redaction and for the search of a change.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// One kind of secret. The capture group `s`, or the whole match without one, is what must not be shown.
struct Rule {
    kind: &'static str,
    pattern: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        kind: "private-key",
        pattern: r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    },
    Rule { kind: "age-key", pattern: r"(?i)\bAGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-1[0-9A-Z]{20,}" },
    Rule { kind: "swarm-token", pattern: r"\bSWMTKN-\d+-[0-9a-z]+(?:-[0-9a-z]+)?" },
    Rule { kind: "swarm-unlock-key", pattern: r"\bSWMKEY-\d+-[0-9A-Za-z+/=]+" },
    Rule {
        kind: "authorization",
        pattern: r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?<s>(?:(?:bearer|basic|token|digest|negotiate)\s+)?[^\s"',\[]{4,})"#,
    },
    Rule { kind: "authorization", pattern: r"(?i)\b(?:bearer|basic)\s+(?<s>[A-Za-z0-9._~+/=-]{12,})" },
    Rule { kind: "registry-auth", pattern: r#"(?i)\bX-Registry-Auth["']?\s*[:=]\s*["']?(?<s>[A-Za-z0-9+/=_-]{4,})"# },
    Rule {
        kind: "registry-auth",
        pattern: r#"(?i)"(?:auth|identitytoken|registrytoken)"\s*:\s*"(?<s>[A-Za-z0-9+/=._-]{4,})""#,
    },
    Rule { kind: "url-password", pattern: r"(?i)\b[a-z][a-z0-9+.-]*://(?<s>[^\s/@:\[]*:[^\s/@]+)@" },
    Rule { kind: "aws-key", pattern: r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b" },
    Rule { kind: "github-token", pattern: r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})" },
    Rule { kind: "gitlab-token", pattern: r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|imt|agent|oas)-[A-Za-z0-9_.-]{16,}" },
    Rule { kind: "slack-token", pattern: r"\bxox[abeprs]-[A-Za-z0-9-]{10,}" },
    Rule { kind: "jwt", pattern: r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}" },
    Rule {
        // Tokens of these forges have no prefix of their own: 32 or 40 hexadecimal digits or letters after their name.
        kind: "forge-token",
        pattern: r#"(?i)\b(?:gitea|forgejo|drone|woodpecker)[a-z0-9_.-]*["']?\s*(?:=>|:=|=|:|\s)\s*["']?(?<s>[0-9a-z]{32}(?:[0-9a-z]{8})?)\b"#,
    },
    Rule {
        kind: "assignment",
        pattern: r#"(?i)(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|rpc[_-]?secret|credentials?)["']?\s*(?:=>|:=|=|:)\s*"(?<s>[^"\n\[]{3,})""#,
    },
    Rule {
        kind: "assignment",
        pattern: r#"(?i)(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|rpc[_-]?secret|credentials?)["']?\s*(?:=>|:=|=|:)\s*'(?<s>[^'\n\[]{3,})'"#,
    },
    Rule {
        kind: "assignment",
        pattern: r#"(?i)(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|rpc[_-]?secret|credentials?)\s*(?:=|:)\s*(?<s>[^\s"'\[,;&=:][^\s"',;&]{2,})"#,
    },
    Rule {
        kind: "argument",
        pattern: r#"(?i)--(?:[a-z-]*password|passphrase|[a-z-]*token|[a-z-]*secret|api-key)[ =]["']?(?<s>[^\s"'\[-][^\s"']{2,})"#,
    },
];

static COMPILED: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    // A pattern that did not compile would be dropped here; the test `every_pattern_compiles` holds the count.
    RULES.iter().filter_map(|rule| Some((rule.kind, Regex::new(rule.pattern).ok()?))).collect()
});

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind, as in `private-key`.
    pub kind: &'static str,
    /// Where it is, in bytes; on character boundaries.
    pub range: Range<usize>,
}

/// Every secret in a text, in order, without overlaps: of two that overlap the kind of the earlier one stands for both.
pub fn find(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (kind, regex) in COMPILED.iter() {
        for captures in regex.captures_iter(text) {
            if let Some(hit) = captures.name("s").or_else(|| captures.get(0)) {
                found.push(Found { kind, range: hit.range() });
            }
        }
    }
    found.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
    let mut merged: Vec<Found> = Vec::new();
    for hit in found {
        match merged.last_mut() {
            Some(last) if hit.range.start < last.range.end => last.range.end = last.range.end.max(hit.range.end),
            _ => merged.push(hit),
        }
    }
    merged
}

/// Whether an assigned value only points at a secret (a variable, a path, an attribute, a placeholder) and is none itself.
/// For the search of a change; redaction does not ask.
pub fn is_reference(value: &str) -> bool {
    let plain_path = value.starts_with('/') && value.contains("/run/") || value.starts_with("/etc/");
    let attribute = value.starts_with("config.") || value.starts_with("builtins.") || value.starts_with("lib.");
    value.starts_with(['$', '{', '<', '%', '*', '(']) || value.contains("${") || plain_path || attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
    }

    #[test]
    fn what_only_points_at_a_secret_is_no_secret() {
        for reference in ["$TOKEN", "${config.sops.x}", "/run/secrets/x", "config.sops.secrets.x.path", "<token>"] {
            assert!(is_reference(reference), "{reference}");
        }
        for secret in ["hunter2", "abc/def", "0123456789abcdef"] {
            assert!(!is_reference(secret), "{secret}");
        }
    }
}
