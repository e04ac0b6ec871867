//! What people's text leaves open at its end: a fence or an HTML block that nothing closes swallows whatever comes after it, and
//! no Markdown reader sees a record there.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options};

/// A block that is open at the end of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its first byte.
    pub at: usize,
    /// What it is, as in `an HTML comment`.
    pub what: String,
    /// The line that would close it.
    pub closing: String,
}

/// The top-level block that is open at the end of a text. One inside a quote or list ends with that, and is not meant.
pub fn find(text: &str) -> Option<Open> {
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, text, &Options::default());
    let data = root.last_child()?.data();
    let (what, closing) = match &data.value {
        NodeValue::CodeBlock(code) if code.fenced && !code.closed => {
            ("a code fence".to_owned(), char::from(code.fence_char).to_string().repeat(code.fence_length.max(3)))
        }
        NodeValue::HtmlBlock(html) => html_end(html.block_type, &html.literal)?,
        _ => return None,
    };
    let before = text.split_inclusive('\n').take(data.sourcepos.start.line.saturating_sub(1)).map(str::len).sum();
    Some(Open { at: before, what, closing })
}

/// What an HTML block of these kinds (CommonMark §4.6) is called and what ends it, where it has not ended; the other kinds end
/// with a blank line.
fn html_end(kind: u8, literal: &str) -> Option<(String, String)> {
    let lower = literal.to_ascii_lowercase();
    let (what, ends): (String, Vec<String>) = match kind {
        1 => {
            const TAGS: [&str; 4] = ["script", "pre", "style", "textarea"];
            let tag = TAGS.into_iter().find(|tag| lower.trim_start().starts_with(&format!("<{tag}")))?;
            let own = std::iter::once(tag).chain(TAGS.into_iter().filter(|other| *other != tag));
            (format!("an HTML block <{tag}>"), own.map(|tag| format!("</{tag}>")).collect())
        }
        2 => ("an HTML comment".to_owned(), vec!["-->".to_owned()]),
        3 => ("a processing instruction <?".to_owned(), vec!["?>".to_owned()]),
        4 => ("an HTML declaration <!".to_owned(), vec![">".to_owned()]),
        5 => ("a CDATA section".to_owned(), vec!["]]>".to_owned()]),
        _ => return None,
    };
    let closed = ends.iter().any(|end| lower.contains(end));
    (!closed).then(|| (what, ends.into_iter().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::structure;

    const OPEN: [(&str, &str, &str); 9] = [
        ("<!-- a thought", "an HTML comment", "-->"),
        ("```\ncode", "a code fence", "```"),
        ("~~~~~ x\n~~~", "a code fence", "~~~~~"),
        ("<pre>", "an HTML block <pre>", "</pre>"),
        ("<SCRIPT>\n\nx", "an HTML block <script>", "</script>"),
        ("<style>", "an HTML block <style>", "</style>"),
        ("<?php", "a processing instruction <?", "?>"),
        ("<!DOCTYPE", "an HTML declaration <!", ">"),
        ("<![CDATA[", "a CDATA section", "]]>"),
    ];

    #[test]
    fn what_is_open_is_named_with_its_place_and_what_closes_it() {
        for (text, what, closing) in OPEN {
            let whole = format!("# é\n\nProse.\n\n{text}\n");
            let open = find(&whole).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((open.at, open.what.as_str(), open.closing.as_str()), (14, what, closing), "{text}");
            assert_eq!(find(&format!("{whole}{closing}\n")), None, "{text}");
            assert_eq!(find(&format!("{whole}{closing}\n\nmore\n")), None, "{text}");
        }
    }

    #[test]
    fn what_closes_itself_is_not_open() {
        let closed =
            ["", "x", "- a\n\n  ```\n  x", "> <!-- x", "<div>\n", "<!-- x -->", "<pre>a</style>", "    ```", "<!-->"];
        for text in closed {
            assert_eq!(find(text), None, "{text}");
            let with = format!("{text}\n\n## H\n\n```toml countersign\nx = 1\n```\n\n```sshsig\na\n```\n");
            assert_eq!(structure::by_comrak(&with).candidates.len(), 1, "{text}");
        }
    }
}
