//! Whether what is assigned to a secret's name is one, or only points at it. For the search of a change; redaction does not ask.

use std::sync::LazyLock;

use regex::Regex;

/// Whether an assigned value only points at a secret (a variable, a path, an attribute, a placeholder) and is none itself. `quoted`: it
/// stands in quotes, so that it is a text and no code.
pub fn is_reference(value: &str, quoted: bool) -> bool {
    let plain_path = value.starts_with('/') && value.contains("/run/") || value.starts_with("/etc/");
    let attribute = value.starts_with("config.") || value.starts_with("builtins.") || value.starts_with("lib.");
    // Encrypted by sops.
    let sealed = value.starts_with("ENC[AES256_GCM");
    plain_path || attribute || sealed || is_variable(value) || is_interpolated(value) || is_placeholder(value, quoted)
}

/// Whether a word looks made by a machine: letters and digits, in no name of code (`a.b`, `a::b`).
pub fn looks_made(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    let long = word.chars().filter(char::is_ascii_alphanumeric).count() >= 7;
    long && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic) && !word.contains('.') && !word.contains("::")
}

/// Whether a part of a word looks drawn at random: digits in several places among its letters, or letters whose case changes as no name's
/// does. Less is made so: `db1-password-v2` and `argon2id` are names.
pub fn looks_random(word: &str) -> bool {
    let drawn = |part: &str| {
        let bytes = part.as_bytes();
        let pairs = || bytes.windows(2).map(|pair| (pair[0], pair[1]));
        let begins = usize::from(bytes.first().is_some_and(u8::is_ascii_digit));
        let runs = begins + pairs().filter(|(a, b)| !a.is_ascii_digit() && b.is_ascii_digit()).count();
        let class = |c: u8| (c.is_ascii_digit(), c.is_ascii_uppercase());
        // A capital begins a word.
        let word = |a: u8, b: u8| a.is_ascii_uppercase() && b.is_ascii_lowercase();
        let changes = pairs().filter(|(a, b)| class(*a) != class(*b) && !word(*a, *b)).count();
        let letters = bytes.iter().any(u8::is_ascii_alphabetic);
        let few = runs == 1 && part.len() >= 8 && changes >= 4;
        part.len() >= 7 && letters && (runs >= 2 || few || part.len() >= 16 && changes * 5 >= part.len())
    };
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(drawn)
}

/// What code and prose write behind a secret's name that is certainly none, each to the end of its line.
static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let end = r"[ \t;,)]*(?:(?:#|//).*)?\r?$";
    let name = "[A-Za-z_][A-Za-z0-9_]*";
    // Terraform, Node, Python, Ruby.
    let reference = format!(
        r#"(?:(?:var|local|module|self|this|process\.env)(?:\.{name})+|(?:os\.environ|process\.env|ENV)\[(?:"{name}"|'{name}')\]){end}"#
    );
    let types = r"(?:string|str|String|bytes|bool|boolean|int|integer|number|float|null|None|nil|undefined|varchar|SecretStr|(?:Option<|Optional\[)(?:&?str|String)[>\]])";
    let kind = format!(r"{types}[ \t]*(?:[,;)?|>][^=\x22\x27\x60\d]*)?(?:(?:#|//).*)?\r?$");
    let count = format!(
        r"\d+[ \t]+(?:tokens?|characters?|chars?|bytes?|bits?|seconds?|minutes?|hours?|days?|weeks?|months?)[ \t.]*{end}"
    );
    Regex::new(&format!("^(?:{reference}|{kind}|{count})")).ok()
});

/// The services of nsswitch.conf(5) behind the name of a database.
static SERVICES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let service = r"(?:files|compat|systemd|db|nis|nisplus|ldap|sss|winbind|mymachines|altfiles|extrausers|hesiod|cache|\[!?[A-Za-z]+=[A-Za-z]+\])";
    Regex::new(&format!(r"^{service}(?:[ \t]+{service})*[ \t]*(?:#.*)?\r?$")).ok()
});

/// Whether what stands behind a name, without quotes, is plainly no secret: a reference of code, a type's bare name, a number with a
/// unit, the services of `passwd` in nsswitch.conf. `before`: the line up to it; `rest`: the line from it on.
pub fn is_plain(before: &str, rest: &str) -> bool {
    let is = |regex: &LazyLock<Option<Regex>>| regex.as_ref().is_some_and(|regex| regex.is_match(rest));
    let named = rest.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_random);
    !named && (is(&PLAIN) || before.trim() == "passwd:" && is(&SERVICES))
}

/// Whether a value is `$NAME` or `$(…)`, with nothing but punctuation of a path or an address behind it.
fn is_variable(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else { return false };
    let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let end = rest[name..].chars().next();
    match name {
        0 => end == Some('('),
        1 if rest.starts_with(|c: char| c.is_ascii_digit()) => end.is_none(),
        _ => !rest.starts_with(|c: char| c.is_ascii_digit()) && end.is_none_or(|end| "/:.)]}$`\\".contains(end)),
    }
}

/// Whether a value is put together by `${…}`, and what stands beside it is no secret: no word made by a machine that is no part of a
/// path.
fn is_interpolated(value: &str) -> bool {
    let Some((mut beside, mut rest)) = value.split_once("${").map(|(before, rest)| (before.to_owned(), rest)) else {
        return false;
    };
    loop {
        // What is cut off at a space has no end.
        let mut depth = 1;
        let end = rest.char_indices().find(|(_, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        rest = end.map_or("", |(at, _)| &rest[at + 1..]);
        beside.push(' ');
        match rest.split_once("${") {
            Some((before, after)) => (beside, rest) = (beside + before, after),
            None => break,
        }
    }
    beside.push_str(rest);
    let in_path = |word: &str| word.contains('/') && !word.contains("//");
    let words = beside.split(|c: char| c.is_whitespace() || "\"'=?&,;".contains(c)).filter(|word| !in_path(word));
    !words.flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric())).any(looks_made)
}

/// Whether a value stands for another: `<token>`, `{{ token }}`, `%TOKEN%`, `********`, `*anchor`, `(call …`.
fn is_placeholder(value: &str, quoted: bool) -> bool {
    // In code what follows the sign is a name, or what is put together there; a text that begins so is one.
    let code = !quoted && (!looks_made(value) || value.contains([':', '=']));
    match value.chars().next() {
        Some('{') => {
            let name = value.trim_matches(['{', '}', ' ']);
            let named = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-|[]() ".contains(c));
            code || value.ends_with('}') && named || value.starts_with("{{") || value.starts_with("{%")
        }
        Some('<') => code || value.ends_with('>'),
        Some('%') => {
            let mut after = value.chars().skip(1);
            let (first, second) = (after.next(), after.next());
            let format =
                first.is_none_or(|c| c.is_ascii_alphabetic()) && second.is_none_or(|c| !c.is_ascii_alphanumeric());
            code || format || value.len() > 2 && value.ends_with('%') || matches!(first, Some('(' | '{'))
        }
        Some('*') => code || value.chars().all(|c| c == '*'),
        Some('(') => code || value.ends_with(')') && !looks_made(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_at_random_is_no_name() {
        for random in
            ["550e8400-e29b-41d4-a716-446655440000", "Hq7zKp9x", "x/Hq7zKpWvx", "sGVsbGHGhunYTResdfGQ", "7f3e9a1c"]
        {
            assert!(looks_random(random), "{random}");
        }
        for name in ["db1-password-v2", "argon2id", "pbkdf2_sha256", "sha512sum", "X-Auth-Token2", "id_ed25519"] {
            assert!(!looks_random(name), "{name}");
        }
        for name in
            ["identifierForVendorSetting", "2026-11-29T10:15:00Z", "12345678", "postgres15", "", "ALL_UPPER_CASE_WORDS"]
        {
            assert!(!looks_random(name), "{name}");
        }
    }

    #[test]
    fn what_only_points_at_a_secret_is_no_secret() {
        for reference in ["$TOKEN", "${config.sops.x}", "/run/secrets/x", "config.sops.secrets.x.path", "<token>"] {
            assert!(is_reference(reference, true) && is_reference(reference, false), "{reference}");
        }
        for reference in ["$HOME/x", "$A:$B", "$(cat x)", "ENC[AES256_GCM,data:x", "$1", "${x:-y", "%s", "%TOKEN%"] {
            assert!(is_reference(reference, true), "{reference}");
        }
        for reference in ["*anchor", "(builtins.readFile", "{db:", "<your", "(config.db1x.path"] {
            assert!(is_reference(reference, false), "{reference}");
        }
        for secret in ["$ecret-hunter2", "$", "$!x", "hunter2", "abc/def", "0123456789abcdef", "$2y$05$abc", "$2hunter"]
        {
            assert!(!is_reference(secret, true) && !is_reference(secret, false), "{secret}");
        }
        for secret in ["*hunter2a", "%hunter2a", "(hunter2a", "{hunter2a", "<hunter2a", "${x}hunter2a", "hunter2a${x}"]
        {
            assert!(!is_reference(secret, true) && !is_reference(secret, false), "{secret}");
        }
    }
}
