//! BACKLOG: people's text with two places in it that the program writes to. Every other byte stays.
//!
//! A task goes to the end of `## Build backlog`. The findings stand between two marker comments under
//! `## Adversary findings`; what people write around the markers is theirs.

use std::fmt::Write as _;
use std::ops::Range;

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options};

use super::clean::one_line;
use crate::model::ids::RecordId;
use crate::model::record::{Body, FindingAct, Record, Severity};
use crate::model::time::Time;

const TASKS: &str = "Build backlog";
const FINDINGS: &str = "Adversary findings";
const BEGIN: &str = "<!-- findings of REVIEW, rendered by countersign -->\n";
const END: &str = "<!-- end of findings -->\n";

/// One finding as the backlog shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingView {
    /// The name people use, as in `A1`.
    pub name: String,
    /// What is wrong.
    pub title: String,
    /// When it was opened.
    pub filed: Time,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// `open`, `closed: why` or `deferred to OWNER: why`.
    pub status: String,
}

/// The findings that these records tell of, each in its latest state; `records` in the order of their links. What a finding is, its
/// opening's id says: where two have one name, each shows the first digits of its own.
pub fn views(records: &[Record]) -> Vec<FindingView> {
    let findings = records.iter().filter_map(|record| match &record.block.body {
        Body::Finding(finding) => Some((record, finding)),
        _ => None,
    });
    let mut views: Vec<(RecordId, &str, FindingView)> = Vec::new();
    for (record, finding) in findings {
        let status = match finding.act {
            FindingAct::Opened => "open".to_owned(),
            FindingAct::Closed => format!("closed: {}", finding.text),
            FindingAct::Deferred => {
                format!("deferred to {}: {}", finding.owner.as_deref().unwrap_or("nobody"), finding.text)
            }
        };
        if finding.act == FindingAct::Opened {
            let view = FindingView {
                name: finding.name.clone(),
                title: finding.text.clone(),
                filed: record.block.at,
                severity: finding.severity,
                status,
            };
            views.push((record.id, &finding.name, view));
            continue;
        }
        let meant = |(id, name, _): &&mut (RecordId, &str, FindingView)| {
            finding.opening.map_or(*name == finding.name, |opening| opening == *id)
        };
        views.iter_mut().filter(meant).for_each(|(.., view)| view.status.clone_from(&status));
    }
    let names: Vec<&str> = views.iter().map(|(_, name, _)| *name).collect();
    let view = |(id, name, view): (RecordId, &str, FindingView)| {
        let shared = names.iter().filter(|other| **other == name).count() > 1;
        if shared { FindingView { name: format!("{name} ({})", id.short()), ..view } } else { view }
    };
    views.into_iter().map(view).collect()
}

/// The text with one task more at the end of the Build backlog; the section is added where it is missing.
pub fn with_task(text: &str, task: &str) -> String {
    let line = format!("- [ ] {}", markdown(NodeValue::Paragraph, task));
    match section(text, TASKS) {
        None => format!("{}## {TASKS}\n\n{line}", spaced(text)),
        Some(body) => {
            let kept = text[body.clone()].trim_end().len();
            let at = body.start + kept;
            let gap = if kept > 0 && last_line_is_task(&text[..at]) { "\n" } else { "\n\n" };
            let after = &text[at..];
            let after = after.strip_prefix('\n').unwrap_or(after);
            // The heading's own line end is part of the gap, so a section without text begins after it.
            let before = text[..at].trim_end_matches('\n');
            let blank = if after.is_empty() || after.starts_with('\n') { "" } else { "\n" };
            format!("{before}{gap}{line}{blank}{after}")
        }
    }
}

/// The text with the view of the findings brought up to date; the section is added where it is missing.
pub fn with_findings(text: &str, findings: &[FindingView]) -> String {
    let mut view = String::from(BEGIN);
    for finding in findings {
        let severity = match finding.severity {
            Some(Severity::Blocking) => "blocking",
            Some(Severity::Minor) => "minor",
            None => "not stated",
        };
        let name = markdown(NodeValue::Paragraph, &finding.name);
        let heading = format!("### {} [adversary] {}", name.trim_end(), markdown(NodeValue::Paragraph, &finding.title));
        let status = markdown(NodeValue::Paragraph, &finding.status);
        // Writing to a string does not fail.
        let _ = write!(view, "\n{heading}\nFiled: {}\nSeverity: {severity}\nStatus: {status}", finding.filed);
    }
    view.push_str(if findings.is_empty() { "" } else { "\n" });
    view.push_str(END);
    let Some(body) = section(text, FINDINGS) else {
        return format!("{}## {FINDINGS}\n\n{view}", spaced(text));
    };
    let found = &text[body.clone()];
    let marked = found.find(BEGIN).and_then(|from| {
        let end = found[from..].find(END)? + from + END.len();
        Some(body.start + from..body.start + end)
    });
    match marked {
        Some(range) => format!("{}{view}{}", &text[..range.start], &text[range.end..]),
        None => {
            let gap = if text[..body.start].ends_with('\n') { "\n" } else { "\n\n" };
            let rest = &text[body.start..];
            let blank = if rest.is_empty() || rest.starts_with('\n') { "" } else { "\n" };
            format!("{}{gap}{view}{blank}{rest}", &text[..body.start])
        }
    }
}

/// The text with an empty view of the findings, and the view that stood there.
pub fn without_view(text: &str) -> (String, Option<&str>) {
    let place = text.find(BEGIN).and_then(|from| Some(from..text[from..].find(END)? + from + END.len()));
    match place {
        None => (text.to_owned(), None),
        Some(view) => (format!("{}{BEGIN}{END}{}", &text[..view.start], &text[view.end..]), text.get(view)),
    }
}

/// The text with this view in the place of its own.
pub fn with_view(text: &str, view: &str) -> String {
    match text.split_once(&format!("{BEGIN}{END}")) {
        Some((before, after)) => format!("{before}{view}{after}"),
        None => text.to_owned(),
    }
}

/// The text with its view brought up to date, where there is a finding or a view.
pub fn redrawn(text: &str, findings: &[FindingView]) -> String {
    if findings.is_empty() && !text.contains(BEGIN) { text.to_owned() } else { with_findings(text, findings) }
}

/// The bytes after a top-level H2 heading's line, up to the next H2 or the end.
fn section(text: &str, title: &str) -> Option<Range<usize>> {
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line = |number: usize| starts.get(number.saturating_sub(1)).copied().unwrap_or(text.len());
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, text, &Options::default());
    let mut from = None;
    for node in root.children() {
        let data = node.data();
        let NodeValue::Heading(heading) = &data.value else { continue };
        if heading.level > 2 {
            continue;
        }
        let start = line(data.sourcepos.start.line);
        match from {
            Some(from) => return Some(from..start),
            None if heading.level == 2 && text[start..].trim_start_matches(['#', ' ']).starts_with(title) => {
                from = Some(line(data.sourcepos.end.line + 1));
            }
            None => {}
        }
    }
    from.map(|from| from..text.len())
}

fn last_line_is_task(text: &str) -> bool {
    text.lines().last().is_some_and(|line| line.starts_with("- "))
}

/// The text, ending in a blank line unless it is empty.
fn spaced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{}\n\n", text.trim_end_matches('\n')) }
}

/// One line of text as Markdown, escaped, ending in a newline.
fn markdown(value: NodeValue, words: &str) -> String {
    let arena = Arena::new();
    let root = arena.alloc(AstNode::from(NodeValue::Document));
    let node = arena.alloc(AstNode::from(value));
    node.append(arena.alloc(AstNode::from(NodeValue::Text(one_line(words).into()))));
    root.append(node);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = comrak::format_commonmark(root, &Options::default(), &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKLOG: &str = "# B\n\nProse *here*.\n\n## Build backlog\n\n## Adversary findings\n\n* mine\n";

    fn finding(title: &str) -> FindingView {
        FindingView {
            name: "A1".into(),
            title: title.into(),
            filed: "2026-06-13T05:34:13Z".parse().expect("a time"),
            severity: Some(Severity::Blocking),
            status: "open".into(),
        }
    }

    #[test]
    fn tasks_go_to_the_end_of_their_section_and_nothing_else_moves() {
        let one = with_task(BACKLOG, "check DNS");
        let two = with_task(&one, "## DONE\n<b> *x*");
        let wanted = "# B\n\nProse *here*.\n\n## Build backlog\n\n- [ ] check DNS\n\
                      - [ ] \\#\\# DONE \\<b\\> \\*x\\*\n\n## Adversary findings\n\n* mine\n";
        assert_eq!(two, wanted);
        assert_eq!(with_task("", "a"), "## Build backlog\n\n- [ ] a\n");
        assert_eq!(with_task("## Build backlog", "a"), "## Build backlog\n\n- [ ] a\n");
    }

    #[test]
    fn findings_are_a_view_that_is_replaced_and_people_keep_theirs() {
        let one = with_findings(BACKLOG, &[finding("leak | in `x`")]);
        assert!(one.starts_with("# B\n\nProse *here*.\n\n## Build backlog\n\n## Adversary findings\n"), "{one}");
        assert!(one.contains("\n### A1 [adversary] leak"), "{one}");
        assert!(one.ends_with("<!-- end of findings -->\n\n* mine\n"), "{one}");
        assert_eq!(with_findings(&one, &[finding("leak | in `x`")]), one);
        let closed = with_findings(&one, &[FindingView { status: "closed: gone".into(), ..finding("leak") }]);
        assert!(closed.contains("Status: closed: gone\n") && !closed.contains("Status: open"), "{closed}");
        assert!(closed.ends_with("\n* mine\n"), "{closed}");
    }

    #[test]
    fn every_byte_around_what_is_written_stays() {
        let task = |text: &str| with_task(text, "t");
        for (before, after) in [
            ("## Build backlog\n- a\n", "## Build backlog\n- a\n- [ ] t\n"),
            ("## Build backlog\n\nWords.\n", "## Build backlog\n\nWords.\n\n- [ ] t\n"),
            ("## Build backlog\n\n- a\n## Next\n", "## Build backlog\n\n- a\n- [ ] t\n\n## Next\n"),
            ("## Build backlog\n\n- a\n\n\n## Next\n", "## Build backlog\n\n- a\n- [ ] t\n\n\n## Next\n"),
            ("# B\n- mine\n\n## Build backlog\n", "# B\n- mine\n\n## Build backlog\n\n- [ ] t\n"),
            ("words", "words\n\n## Build backlog\n\n- [ ] t\n"),
        ] {
            assert_eq!(task(before), after, "{before:?}");
        }
        let view = "<!-- findings of REVIEW, rendered by countersign -->\n\n### A1 [adversary] leak\n\n\
                    Filed: 2026-06-13T05:34:13Z\nSeverity: blocking\nStatus: open\n\n<!-- end of findings -->\n";
        let empty = "<!-- findings of REVIEW, rendered by countersign -->\n<!-- end of findings -->\n";
        let findings = |text: &str| with_findings(text, &[finding("leak")]);
        assert_eq!(findings(""), format!("## Adversary findings\n\n{view}"));
        assert_eq!(with_findings("", &[]), format!("## Adversary findings\n\n{empty}"));
        assert_eq!(findings("## Adversary findings"), format!("## Adversary findings\n\n{view}"));
        assert_eq!(findings("## Adversary findings\n"), format!("## Adversary findings\n\n{view}"));
        assert_eq!(findings("## Adversary findings\nmine\n"), format!("## Adversary findings\n\n{view}\nmine\n"));
        assert_eq!(findings("## Adversary findings\n\nmine\n"), format!("## Adversary findings\n\n{view}\nmine\n"));
        assert_eq!(
            findings(&format!("## Adversary findings\n\nmine\n{empty}more\n")),
            format!("## Adversary findings\n\nmine\n{view}more\n")
        );
    }

    #[test]
    fn a_view_is_taken_out_and_put_back() {
        let one = with_findings(BACKLOG, &[finding("leak")]);
        let (without, view) = without_view(&one);
        assert!(!without.contains("leak") && without.ends_with("\n* mine\n"), "{without}");
        assert_eq!(with_view(&without, view.expect("a view")), one);
        assert_eq!(without_view(&without).0, without);
        assert_eq!(without_view(BACKLOG), (BACKLOG.to_owned(), None));
        assert_eq!(redrawn(BACKLOG, &[]), BACKLOG);
        assert_eq!(redrawn(&without, &[finding("leak")]), one);
        assert_eq!(redrawn(&one, &[]), without);
    }

    #[test]
    fn a_heading_in_a_fence_is_no_section() {
        let text = "```\n## Build backlog\n```\n";
        assert_eq!(with_task(text, "a"), "```\n## Build backlog\n```\n\n## Build backlog\n\n- [ ] a\n");
    }
}
