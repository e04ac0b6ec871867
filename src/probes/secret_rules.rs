//! What a secret looks like: one table for redaction and for the search of a change.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// One kind of secret. The capture group `s`, or the whole match without one, is what must not be shown.
struct Rule {
    kind: &'static str,
    pattern: &'static str,
}

/// The names of what is secret, and what follows them.
macro_rules! named {
    ($rest:literal) => {
        concat!(
            "(?i)(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|",
            "rpc[_-]?secret|pre-?shared[_-]?key|credentials?)",
            $rest
        )
    };
}

const RULES: &[Rule] = &[
    Rule {
        kind: "private-key",
        pattern: r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    },
    // The same in base64, by the bytes that follow the dashes.
    Rule {
        kind: "private-key",
        pattern: r"LS0tLS1CRUdJTiB(?:QUklWQVRF|PUEVOU1NI|SU0Eg|FQyBQ|FTkNSWVBURUQ|EU0Eg)[A-Za-z0-9+/=]*",
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
    // With a path in it; digits before a slash are a port.
    Rule {
        kind: "url-password",
        pattern: r#"(?i)\b[a-z][a-z0-9+.-]*://(?<s>[^\s/@:\[]+:[^\s/@\[]*[^\s/@\[\d][^\s/@\[]*/[^\s@"'<>\[]*)@[a-z0-9]"#,
    },
    // A token in the place of the user.
    Rule { kind: "url-password", pattern: r"(?i)\b[a-z][a-z0-9+.-]*://(?<s>[A-Za-z0-9_-]{32,})@" },
    Rule { kind: "aws-key", pattern: r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b" },
    Rule { kind: "github-token", pattern: r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})" },
    Rule { kind: "gitlab-token", pattern: r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|imt|agent|oas)-[A-Za-z0-9_.-]{16,}" },
    Rule { kind: "registry-token", pattern: r"\b(?:dckr_[po]at_[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,})" },
    Rule { kind: "api-token", pattern: r"\bsk-(?:(?:proj|ant|svcacct|admin)-[A-Za-z0-9_-]{16,}|[A-Za-z0-9]{32,})" },
    Rule { kind: "slack-token", pattern: r"\bxox[abeprs]-[A-Za-z0-9-]{10,}" },
    Rule { kind: "jwt", pattern: r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}" },
    Rule {
        // Tokens of these forges have no prefix of their own: 32 or 40 hexadecimal digits or letters after their name.
        kind: "forge-token",
        pattern: r#"(?i)\b(?:gitea|forgejo|drone|woodpecker)[a-z0-9_.-]*["']?\s*(?:=>|:=|=|:|\s)\s*["']?(?<s>[0-9a-z]{32}(?:[0-9a-z]{8})?)\b"#,
    },
    // A quote that stands in a quoted text has a backslash before it.
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)[\s\[]*"(?<s>(?:[^"\\\n]|\\.){3,})""#) },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)[\s\[]*'(?<s>[^'\n]{3,})'"#) },
    Rule { kind: "assignment", pattern: named!(r#"(?:\\+["'])?\s*(?:=>|:=|=|:)[\s\[]*\\+["'](?<s>[^"'\\\n]{3,})"#) },
    Rule { kind: "assignment", pattern: named!(r#"\s*(?:=|:)\s*(?<s>[^\s"'\[,;&=:][^\s"',;&]{2,})"#) },
    // Short names are words elsewhere: whole, and not for a path.
    Rule {
        kind: "assignment",
        pattern: r#"(?i)\b(?:[a-z0-9]+[_-])*(?:[a-z0-9]+[_-]pass|pgpass|pwd|psk)["']?\s*(?:=|:)\s*["']?(?<s>[^\s"'\[,;&=:/][^\s"',;&]{2,})"#,
    },
    Rule {
        kind: "url-query",
        pattern: r#"(?i)[?&;](?:(?:access|refresh|id|auth|private)?_?token|api_?key|key|sig|signature|(?:client_?)?secret|password|passwd|pwd|x-(?:amz|goog)-(?:signature|credential|security-token))=(?<s>[^\s&#"'<>\[]{3,})"#,
    },
    // What a login hands back for a token; short ones are numbers of other things.
    Rule { kind: "url-query", pattern: r#"(?i)[?&]code=(?<s>[^\s&#"'<>\[]{8,})"# },
    // From the name of the first cookie to the end of the line, or of the quotes that it stands in.
    Rule { kind: "cookie", pattern: r"(?im)^[\s<>*|+-]*(?:set-)?cookie\s*:\s*(?<s>[\w!#$%&*+.^|~-]+=[^\r\n]*)" },
    Rule {
        kind: "cookie",
        pattern: r#"(?i)(?:\b(?:set-)?cookie["']?\s*:|--cookie\b)[\s"',=\[]*(?<s>[\w!#$%&*+.^|~-]+=[^\r\n"']*)"#,
    },
    // Only where the program is one that takes a password so: elsewhere -u is a user and -p a port.
    Rule {
        kind: "argument",
        pattern: r#"\bcurl\b(?:[^\n|;&]|&[^&\n])*?[\s"',](?:-[a-zA-Z#]*[uU]|--user|--proxy-user)[\s"',=]*[^\s:"'\[]*:(?<s>[^\s"',\[][^\s"',]*)"#,
    },
    Rule {
        // Digits with a colon, or up to five, are a port.
        kind: "argument",
        pattern: r#"\b(?:mysql[a-z]*|mariadb(?:-[a-z]+)*)\b(?:[^\n|;&]|&[^&\n])*?[\s"',]-p["']?(?<s>\d{6,}|[^\s"',\[]*[^\s"',\[\d:/][^\s"',]*)"#,
    },
    Rule {
        kind: "argument",
        pattern: r#"\b(?:sshpass\b(?:[^\n|;&]|&[^&\n])*?[\s"',]-p|redis-cli\b(?:[^\n|;&]|&[^&\n])*?[\s"',]-a)[\s"',]*(?<s>[^\s"',\[-][^\s"',]*)"#,
    },
    Rule {
        kind: "argument",
        pattern: r#"\b(?:docker|podman)\s+login\b(?:[^\n|;&]|&[^&\n])*?[\s"',](?:-p|--password)[\s"',=]*(?<s>[^\s"',\[-][^\s"',]*)"#,
    },
    // A word after "is" is a secret if it looks like none of a language's, or stands in quotes: "the token is expired" stays.
    Rule {
        kind: "sentence",
        pattern: r#"(?i)\b(?:password|passwd|passphrase|passwort|secret|token|api[ _-]?key)\s+(?:is|ist)(?:\s+now)?\s*:?\s+(?<s>[^\s"'\[.,;]{0,60}[0-9!@#$%^&*+=~][^\s"'\[,;]{3,}|[^\s"'\[.,;]{4,60}[0-9!@#$%^&*+=~][^\s"'\[,;]*)"#,
    },
    Rule {
        kind: "sentence",
        pattern: r#"(?i)\b(?:password|passwd|passphrase|passwort|secret|token|api[ _-]?key)\s+(?:is|ist)(?:\s+now)?\s*:?\s+["'](?<s>[^"'\s\[]{6,})["']"#,
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
            // What was taken out already stays as it is.
            let hit = captures.name("s").or_else(|| captures.get(0));
            if let Some(hit) = hit.filter(|hit| !hit.as_str().starts_with("[redacted:")) {
                found.push(Found { kind, range: hit.range() });
            }
        }
    }
    found.extend(blocks(text).map(|range| Found { kind: "block-value", range }));
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

/// The key of a YAML block value that is a secret: `password: |`, also in a list and in a patch.
static BLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = "password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|credentials?";
    Regex::new(&format!(r#"(?i)^[+-]?(?:\s|-\s)*(?<k>["']?[\w.-]*(?:{names})["']?)\s*:\s*[|>][0-9+-]*\s*(?:#.*)?$"#))
        .ok()
});

/// The block values of secrets: the lines below such a key that are indented deeper than it.
fn blocks(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> = lines
        .iter()
        .scan(0, |at, line| {
            *at += line.len();
            Some(*at - line.len())
        })
        .collect();
    let block = move |at: usize| {
        let header = lines[at];
        let key = BLOCK.as_ref()?.captures(header.trim_end())?.name("k")?.start();
        let patch = header.chars().next().filter(|first| matches!(first, '+' | '-'));
        let mut range: Option<Range<usize>> = None;
        for below in at + 1..lines.len() {
            let line = lines[below].trim_end();
            let bare = match patch.and_then(|sign| line.strip_prefix(sign)) {
                Some(rest) => rest,
                None => line,
            };
            let inner = bare.trim_start();
            if inner.is_empty() {
                continue;
            }
            let column = line.len() - inner.len();
            if column <= key || inner.starts_with("[redacted: ") {
                break;
            }
            let start = range.map_or(starts[below] + column, |range| range.start);
            range = Some(start..starts[below] + line.len());
        }
        range
    };
    let all = text.split_inclusive('\n').count();
    (0..all).filter_map(block)
}

/// Whether an assigned value only points at a secret (a variable, a path, an attribute, a placeholder) and is none itself.
/// For the search of a change; redaction does not ask.
pub fn is_reference(value: &str) -> bool {
    let plain_path = value.starts_with('/') && value.contains("/run/") || value.starts_with("/etc/");
    let attribute = value.starts_with("config.") || value.starts_with("builtins.") || value.starts_with("lib.");
    // Encrypted by sops.
    let sealed = value.starts_with("ENC[AES256_GCM");
    let first = value.starts_with(['{', '<', '%', '*', '(']);
    first || is_variable(value) || value.contains("${") || plain_path || attribute || sealed
}

/// Whether a value is `$NAME`, `${…}` or `$(…)`, with nothing but punctuation of a path or an address behind it.
fn is_variable(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else { return false };
    let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let end = rest[name..].chars().next();
    match name {
        0 => matches!(end, Some('{' | '(')),
        _ => end.is_none_or(|end| "/:.)]}$`\\".contains(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
        assert!(BLOCK.is_some());
    }

    #[test]
    fn what_only_points_at_a_secret_is_no_secret() {
        for reference in ["$TOKEN", "${config.sops.x}", "/run/secrets/x", "config.sops.secrets.x.path", "<token>"] {
            assert!(is_reference(reference), "{reference}");
        }
        for reference in ["$HOME/x", "$A:$B", "$(cat x)", "ENC[AES256_GCM,data:x"] {
            assert!(is_reference(reference), "{reference}");
        }
        for secret in ["$ecret-hunter2", "$", "$!x", "hunter2", "abc/def", "0123456789abcdef"] {
            assert!(!is_reference(secret), "{secret}");
        }
    }
}
