//! Secrets in a list behind a name: `tokens = [ "…" "…" ]`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::probes::secret_reference::{looks_made, looks_random};

/// A list behind a secret's name, its first words after the bracket included.
pub(super) static LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = concat!("(?:", names!(), ")");
    Regex::new(&format!(r#"(?i)(?<n>{names})s?["']?\s*(?:=>|:=|=|:)\s*\[(?<l>[^\]]{{3,}})"#)).ok()
});

/// One of its values: in double or in single quotes, or bare.
pub(super) static VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#""(?<d>(?:[^"\\\n]|\\.)+)"|'(?<s>[^'\n]+)'|(?<b>[^\s"',;\[\](){}]+)"#).ok());

/// The values of such lists that look made by a machine. What is bare may be code, what is called a secret may be a secret's name, and
/// what is in braces has a name of its own: those count only where they look drawn at random.
pub(super) fn lists(text: &str) -> Vec<Range<usize>> {
    let (Some(list), Some(value)) = (LIST.as_ref(), VALUE.as_ref()) else { return Vec::new() };
    let mut found = Vec::new();
    for captures in list.captures_iter(text) {
        let (Some(name), Some(inner)) = (captures.name("n"), captures.name("l")) else { continue };
        let named = name.as_str().eq_ignore_ascii_case("secret") || inner.as_str().contains('{');
        for hit in value.captures_iter(inner.as_str()) {
            let quoted = hit.name("d").or_else(|| hit.name("s"));
            let bare = quoted.is_none();
            let Some(word) = quoted.or_else(|| hit.name("b")) else { continue };
            if looks_random(word.as_str()) || !bare && !named && looks_made(word.as_str()) {
                found.push(inner.start() + word.start()..inner.start() + word.end());
            }
        }
    }
    found
}
