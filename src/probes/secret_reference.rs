//! Whether what is assigned to a secret's name is one, or only points at it. For the search of a change; redaction does not ask.

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
