//! What a secret looks like: one table for redaction and for the search of a change.

mod about;
mod blocks;
/// The names of what is secret, of which there may be several.
macro_rules! names {
    () => {
        "password|passwd|passphrase|secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|secret[ _-]?key"
    };
}
mod lists;

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use self::blocks::blocks;
use self::lists::lists;
use super::secret_reference;

/// One kind of secret. The capture group `s`, or the whole match without one, is what must not be shown. Group `t` is a bare word, which
/// may go on behind a comma, `m` one that counts only where it looks made by a machine, `r` only where it looks drawn at random, and `d`
/// where moreover it has six to twelve digits and a sign before it.
struct Rule {
    kind: &'static str,
    pattern: &'static str,
}

/// The names of what is secret, and what follows them. Behind a name may stand a number, or in capitals further words (`x`).
macro_rules! named {
    ($($rest:tt)*) => {
        concat!(
            "(?i)(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|",
            "rpc[_-]?secret|pre-?shared[_-]?key|credentials?)(?:[_-]?v?[0-9]+|(?<x>(?-i:(?:_[A-Z0-9]+)+)))?",
            $($rest)*
        )
    };
}

/// Names of keys that are secret where their value looks made by a machine, and words of code elsewhere.
macro_rules! keyed {
    ($rest:literal) => {
        concat!(
            "(?i)(?:(?:encryption|app|account|signing|master|shared|session|storage|auth)[_-]?key|\\bpass(?:code)?)(?<x>(?-i:(?:_[A-Z0-9]+)+))?",
            $rest
        )
    };
}

/// What looks made by a machine, behind a name or a mark: a word, with what ends it; in the group that is named.
macro_rules! word {
    ($group:literal) => {
        concat!("(?<", $group, r#">[^\s"'`\[,;&(){}.<>:=|][^\s"'`\[,;&(){}.<>|]{6,})(?:[\s,;"'`)|]|[.](?:\s|$)|$)"#)
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
    // As `htpasswd` and `mkpasswd` write them (crypt(5)); a `$` is doubled in a compose file.
    Rule { kind: "password-hash", pattern: r"\${1,2}2[abxy]\${1,2}\d\d\${1,2}[./A-Za-z0-9]{20,}" },
    Rule { kind: "password-hash", pattern: r"\${1,2}(?:apr)?1\${1,2}[./A-Za-z0-9]{1,8}\${1,2}[./A-Za-z0-9]{22}" },
    Rule {
        kind: "password-hash",
        pattern: r"\${1,2}(?:[56]|gy|y|7)\${1,2}(?:rounds=\d+\${1,2})?[./A-Za-z0-9]+\${1,2}(?:[./A-Za-z0-9]*\${1,2})?[./A-Za-z0-9]{43,86}",
    },
    Rule { kind: "password-hash", pattern: r#"\${1,2}argon2(?:id|i|d)\${1,2}v=\d+\${1,2}m=[^\s"']{20,}"# },
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
    Rule { kind: "url-password", pattern: r#"(?i)\b[a-z][a-z0-9+.-]*://(?<s>[^\s/@:\[]*:[^\s/"<>]+)@"# },
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
    Rule {
        kind: "webhook",
        pattern: r#"\b(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+)/(?<s>[^\s"'<>\[]{6,})"#,
    },
    Rule { kind: "bot-token", pattern: r":(?<d>[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)" },
    Rule { kind: "tailscale-key", pattern: r"\btskey-[a-z]+-[A-Za-z0-9]{6,}(?:-[A-Za-z0-9]+)*" },
    Rule { kind: "vault-token", pattern: r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}" },
    Rule { kind: "grafana-token", pattern: r"\bgl(?:sa|c)_[A-Za-z0-9_=+/-]{20,}" },
    Rule { kind: "jwt", pattern: r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}" },
    Rule {
        // Tokens of these forges have no prefix of their own: 32 or 40 hexadecimal digits or letters after their name.
        kind: "forge-token",
        pattern: r#"(?i)\b(?:gitea|forgejo|drone|woodpecker)[a-z0-9_.-]*["']?\s*(?:=>|:=|=|:|\s)\s*["']?(?<s>[0-9a-z]{32}(?:[0-9a-z]{8})?)\b"#,
    },
    // A quote that stands in a quoted text has a backslash before it. A `$` before the quotes is bash's.
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)[\s\[]*\$?"(?<s>(?:[^"\\\n]|\\.){3,})""#) },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)[\s\[]*\$?'(?<s>[^'\n]{3,})'"#) },
    Rule { kind: "assignment", pattern: named!(r#"(?:\\+["'])?\s*(?:=>|:=|=|:)[\s\[]*\\+["'](?<s>[^"'\\\n]{3,})"#) },
    Rule { kind: "assignment", pattern: named!(r#"\s*(?:=|:)\s*(?<t>[^\s"'\[,;&=:][^\s"',;&]*)"#) },
    // Three quotes, and Nix's two, which a semicolon follows: two are no text in a shell or in Python.
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)\s*"""\s*(?<s>[^"]{3,})""#) },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*(?:=>|:=|=|:)\s*'''\s*(?<s>[^']{3,})'"#) },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*=\s*''\s*(?<s>[^'\s;,)\]}](?:[^']|'[^'])*)''\s*;"#) },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*=>\s*(?<m>[^\s"'\[,;&=:(){}.<>]{8,})(?:[\s,;]|$)"#) },
    Rule {
        kind: "assignment",
        pattern: keyed!(
            r#"["']?\s*(?:=>|:=|=|:)\s*["']?(?<m>[^\s"'\[,;&(){}.<>:=][^\s"'\[,;&(){}.<>]{7,})(?:[\s,;"']|$)"#
        ),
    },
    Rule { kind: "assignment", pattern: named!(r#"["']?\s*:=\s*"#, word!("m")) },
    // Names with a space in them, and what is a word elsewhere.
    Rule {
        kind: "assignment",
        pattern: concat!(
            r#"(?i)\b(?:(?:secret|api|unseal|recovery) key(?: ?\d+)?|bearer)["'`*]*\s*(?:=>|:=|=|:)\s*["'`]?"#,
            word!("m")
        ),
    },
    // Several, in a text or in a variable.
    Rule {
        kind: "assignment",
        pattern: concat!(
            r#"(?:(?i:password|passwd|passphrase|token|api[_-]?key|access[_-]?key)s["']?\s*(?:=>|:=|=|:)\s*["']|"#,
            r"(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY)S\s*[:=]\s*)",
            word!("m")
        ),
    },
    Rule {
        kind: "assignment",
        pattern: concat!(
            r"(?i)(?:secret[_-]?id|(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key)s)",
            r#"["'`]?\s*(?:=>|:=|=|:)\s*["'`]?"#,
            word!("r")
        ),
    },
    Rule {
        kind: "assignment",
        pattern: concat!(
            r#"(?i)\b(?:private|access|encryption|master) key(?: ?\d+)?["'`*]*\s*(?:=>|:=|=|:)\s*["'`]?"#,
            word!("r")
        ),
    },
    // A cell of a table beside that of the name; outside of one the bar is a shell's pipe.
    Rule {
        kind: "table-cell",
        pattern: concat!(r"(?im)^[ \t>+-]*\|[^\n]*?(?:", names!(), r")s?[`*]*[ \t]*\|[ \t]*[`*]*", word!("m")),
    },
    Rule { kind: "table-cell", pattern: concat!(r"(?i)(?:", names!(), r")s?[`*]*[ \t]*\|[ \t]*[`*]*", word!("r")) },
    Rule {
        kind: "assignment",
        pattern: r#"(?i)<[\w:.-]*(?:password|passwd|secret|token|api[_-]?key)>\s*(?<s>[^<\s\[]{3,})\s*</"#,
    },
    // A name and its value, each by itself.
    Rule {
        kind: "assignment",
        pattern: r#"(?i)"value"\s*:\s*"(?<s>(?:[^"\\\n]|\\.){3,})"\s*,\s*"(?:name|key)"\s*:\s*"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[0-9]*""#,
    },
    Rule {
        kind: "assignment",
        pattern: r#"(?i)"(?:name|key)"\s*:\s*"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[0-9]*"\s*,\s*"value"\s*:\s*"(?<s>(?:[^"\\\n]|\\.){3,})""#,
    },
    Rule {
        kind: "assignment",
        pattern: r#"(?im)\bname:\s*["']?[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[0-9]*["']?[ \t]*\n[ \t]*value:[ \t]*["']?(?<s>[^\s"'\[][^\n"']{2,})"#,
    },
    // `.netrc`, in one line or in several.
    Rule {
        kind: "netrc",
        pattern: r"(?m)(?:\bmachine\s+\S+\s+(?:login\s+\S+\s+)?|^[ \t]*(?:default\s+)?login[ \t]+\S+\s+)password[ \t]+(?<s>[^\s\[]{3,})[ \t]*$",
    },
    Rule {
        kind: "argument",
        pattern: r#"(?im)(?:^[ \t]*|--)(?:requirepass|masterauth)[ \t]+["']?(?<s>[^\s"'\[]{3,})"#,
    },
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

impl Found {
    /// Whether it only points at a secret, in this text.
    pub fn is_reference(&self, text: &str) -> bool {
        let value = text[self.range.clone()].replace('\0', "");
        let quoted = text[..self.range.start].trim_end_matches('\0').ends_with(['"', '\'']);
        let none = || {
            let end = text[self.range.start..].find('\n').map_or(text.len(), |end| self.range.start + end);
            let begin = text[..self.range.start].rfind('\n').map_or(0, |begin| begin + 1);
            let plain = |part: &str| part.replace('\0', "");
            secret_reference::is_plain(&plain(&text[begin..self.range.start]), &plain(&text[self.range.start..end]))
        };
        let other = self.kind == "assignment" && !quoted && none();
        self.kind != "password-hash" && (other || secret_reference::is_reference(&value, quoted))
    }
}

/// Every secret in a text, in order, without overlaps: of two that overlap the kind of the earlier one stands for both.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = found_in(text);
    if text.contains('\0') {
        // In UTF-16 every second byte of plain text is one.
        let kept: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| *c != '\0').collect();
        let narrow: String = kept.iter().map(|(_, c)| *c).collect();
        let places: Vec<usize> = kept.iter().flat_map(|(at, c)| (0..c.len_utf8()).map(move |byte| at + byte)).collect();
        found.extend(
            found_in(&narrow)
                .into_iter()
                .filter(|hit| !hit.range.is_empty())
                .map(|hit| Found { kind: hit.kind, range: places[hit.range.start]..places[hit.range.end - 1] + 1 }),
        );
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

fn found_in(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (kind, regex) in COMPILED.iter() {
        for captures in regex.captures_iter(text) {
            // What was taken out already stays as it is.
            let hit = secret_of(&captures, text).filter(|range| !text[range.clone()].starts_with("[redacted:"));
            found.extend(hit.map(|range| Found { kind, range }));
        }
    }
    found.extend(blocks(text).map(|range| Found { kind: "block-value", range }));
    found.extend(lists(text).into_iter().map(|range| Found { kind: "assignment", range }));
    found
}

/// Where the secret of a match is; `None` if it is none after all.
fn secret_of(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let whole = captures.get(0)?.range();
    let mut range =
        ["s", "t", "m", "r", "d"].iter().find_map(|name| captures.name(name)).map_or(whole, |hit| hit.range());
    if captures.name("t").is_some() {
        // Behind a comma it goes on, unless something else begins there: `password=a,b` and `password=a,user=b`.
        while let Some(rest) = text[range.end..].strip_prefix(',') {
            let end = rest.find(|c: char| c.is_whitespace() || "\"',;&".contains(c)).unwrap_or(rest.len());
            let more = &rest[..end];
            let goes_on = more.len() > 2 && !more.contains([':', '=', '[', '(', ')', '{', '}']);
            if !goes_on {
                break;
            }
            range.end += 1 + end;
        }
        if range.len() < 3 {
            return None;
        }
    }
    let value = &text[range.clone()];
    let unmade = captures.name("m").is_some() && !secret_reference::looks_made(value);
    let drawn = ["r", "d"].iter().any(|name| captures.name(name).is_some());
    let digits = text[..captures.get(0)?.start()].bytes().rev().take_while(u8::is_ascii_digit).count();
    let no_random =
        drawn && !secret_reference::looks_random(value) || captures.name("d").is_some() && !(6..=12).contains(&digits);
    let about = captures.name("x").is_some_and(|words| about::is_none(words.as_str(), value));
    (!unmade && !no_random && !about).then_some(range)
}

#[cfg(test)]
mod tests;
