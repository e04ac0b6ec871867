//! One record as people see it: heading, summary, raw output, block, signature. Rendering is a pure function of the block's
//! bytes, the output and the signature, so a reader renders a section again and compares bytes.

use super::clean::one_line;
use crate::model::record::{Block, Body, FindingAct};

/// Info string of the fence that holds a record's block.
pub const BLOCK_INFO: &str = "toml countersign";
/// How the line begins that opens it.
pub const BLOCK_FENCE: &str = "```toml countersign";
/// Info string of the fence that holds its signature.
pub const SIGNATURE_INFO: &str = "sshsig";
/// Info string of the fence that holds its raw output.
pub const OUTPUT_INFO: &str = "text output";

/// The heading's text: one fixed function of kind, gate, outcome and time, and of a veto its reason.
pub fn heading(block: &Block) -> String {
    let at = block.at;
    match &block.body {
        Body::Contract(adoption) => format!("Contract v{} adopted @{at}", adoption.version),
        Body::Evidence(evidence) => match &evidence.gate {
            Some(gate) => format!("Evidence: {gate} {} — {} @{at}", evidence.criterion, evidence.outcome.label()),
            None => format!("Evidence: window {} — {} @{at}", evidence.criterion, evidence.outcome.label()),
        },
        Body::Claim(claim) => format!("Gate: {} — CLAIMED @{at}", claim.gate),
        Body::Verdict(verdict) => format!("Gate: {} — {} @{at}", verdict.gate, verdict.ruling.label()),
        Body::Finding(finding) => {
            let act = match finding.act {
                FindingAct::Opened => "opened",
                FindingAct::Closed => "closed",
                FindingAct::Deferred => "deferred",
            };
            format!("Finding {} {act} @{at}", one_line(&finding.name))
        }
        Body::Veto(veto) => match veto.lifts {
            None => format!("VETO {}", one_line(&veto.reason)),
            Some(id) => format!("Veto {} lifted @{at}", id.short()),
        },
        Body::Waiver(waiver) => match (&waiver.criterion, &waiver.step, &waiver.accepts) {
            (Some(criterion), ..) => format!("Waiver: criterion {criterion} until {} @{at}", waiver.until),
            (_, Some(step), _) => format!("Waiver: step {step} until {} @{at}", waiver.until),
            (_, _, Some(id)) => format!("Waiver: break-glass {} accepted @{at}", id.short()),
            _ => format!("Waiver @{at}"),
        },
        Body::Window(window) => match window.until {
            Some(until) => format!("Window opened until {until} @{at}"),
            None => format!("Window closed @{at}"),
        },
        Body::Intent(intent) => {
            let act = match intent.act {
                crate::model::record::Act::Run => "run",
                crate::model::record::Act::Resume => "resume",
                crate::model::record::Act::Undo => "undo",
            };
            format!("Intent: {act} {} @{at}", intent.step)
        }
        Body::Outcome(outcome) => format!("Outcome: {} — {} @{at}", outcome.step, outcome.ending.label()),
        Body::Note(_) => format!("Note @{at}"),
        Body::BreakGlass(glass) => format!("BREAK-GLASS: {} until {} @{at}", glass.step, glass.until),
        Body::Done(_) => format!("DONE @{at}"),
    }
}

/// Renders a section. `block_text` are the block's exact bytes, `output` the raw output that stands in the document.
///
/// The few rules are written out here and are not a Markdown library's: records that were signed under them must render to the
/// same bytes for as long as there are documents. A test holds them against comrak's writer.
pub fn render(block: &Block, block_text: &str, output: Option<&str>, armor: &str) -> String {
    let fixed = 256 + block.summary.len();
    let mut text = String::with_capacity(fixed + block_text.len() + output.map_or(0, str::len) + armor.len());
    text.push_str("## ");
    escape(&mut text, &heading(block));
    for line in block.summary.lines().filter(|line| !line.trim().is_empty()) {
        text.push_str("\n\n");
        escape(&mut text, &one_line(line));
    }
    let fences = output
        .map(|output| (OUTPUT_INFO, output))
        .into_iter()
        .chain([(BLOCK_INFO, block_text), (SIGNATURE_INFO, armor)]);
    for (info, literal) in fences {
        let ticks = "`".repeat(longest_run(literal, b'`').saturating_add(1).max(3));
        let end = if literal.is_empty() || literal.ends_with('\n') { "" } else { "\n" };
        for part in ["\n\n", &ticks, info, "\n", literal, end, &ticks] {
            text.push_str(part);
        }
    }
    text.push('\n');
    text
}

/// One line of text as Markdown that shows just this text: whatever could mean something is escaped by a backslash.
fn escape(out: &mut String, line: &str) {
    let bytes = line.as_bytes();
    // Only digits so far: a list marker may still come, as in `1.` or `-`.
    let mut begins = true;
    let mut written = 0;
    for (at, b) in line.bytes().enumerate() {
        let next = || bytes.get(at + 1).copied();
        let after_digit = || at > 0 && bytes[at - 1].is_ascii_digit();
        let means = match b {
            b'*' | b'_' | b'[' | b']' | b'#' | b'<' | b'>' | b'\\' | b'`' | b'~' | b'!' => true,
            b'&' => next().is_some_and(|next| next.is_ascii_alphabetic()),
            b'-' | b'+' | b'=' => begins && !after_digit(),
            b'.' | b')' => {
                begins && after_digit() && next().is_none_or(|next| next.is_ascii_whitespace() || next == 0x0b)
            }
            _ => false,
        };
        if means {
            out.push_str(&line[written..at]);
            out.push('\\');
            written = at;
        }
        begins = begins && b.is_ascii_digit();
    }
    out.push_str(&line[written..]);
}

fn longest_run(text: &str, wanted: u8) -> usize {
    let (mut longest, mut run) = (0, 0);
    // Most text has none.
    let first = memchr::memchr(wanted, text.as_bytes()).unwrap_or(text.len());
    for byte in text.bytes().skip(first) {
        run = if byte == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use comrak::nodes::{AstNode, NodeCodeBlock, NodeHeading, NodeValue};
    use comrak::{Arena, Options};
    use proptest::prelude::*;

    use super::*;

    /// The same section as comrak's writer composes it.
    fn by_comrak(heading: &str, summary: &str, fences: &[(&str, &str)]) -> String {
        let arena = Arena::new();
        let root = arena.alloc(AstNode::from(NodeValue::Document));
        let node =
            arena.alloc(AstNode::from(NodeValue::Heading(NodeHeading { level: 2, setext: false, closed: false })));
        node.append(arena.alloc(AstNode::from(NodeValue::Text(heading.to_owned().into()))));
        root.append(node);
        for line in summary.lines().filter(|line| !line.trim().is_empty()) {
            let paragraph = arena.alloc(AstNode::from(NodeValue::Paragraph));
            paragraph.append(arena.alloc(AstNode::from(NodeValue::Text(one_line(line).into()))));
            root.append(paragraph);
        }
        for (info, literal) in fences {
            root.append(arena.alloc(AstNode::from(NodeValue::CodeBlock(Box::new(NodeCodeBlock {
                fenced: true,
                fence_char: b'`',
                fence_length: 3,
                fence_offset: 0,
                info: (*info).to_owned(),
                literal: (*literal).to_owned(),
                closed: true,
            })))));
        }
        let mut text = String::new();
        comrak::format_commonmark(root, &Options::default(), &mut text).expect("a string takes it");
        text
    }

    fn veto(reason: &str, summary: &str) -> Block {
        let mut draft = crate::docs::store::tests::note(summary).block;
        draft.body = Body::Veto(crate::model::record::Veto { lifts: None, reason: reason.to_owned() });
        draft
    }

    /// What stands in signed documents stays: these bytes may never change.
    #[test]
    fn the_rules_are_fixed() {
        let block = veto("1. *a* <b> & &amp; #x", "- one ~ `two`\n\n+ three! [x](y) \\ _z_ 2) 3.4 = -\n== 5-6");
        let wanted = "## VETO 1. \\*a\\* \\<b\\> & \\&amp; \\#x\n\n\\- one \\~ \\`two\\`\n\n\
                      \\+ three\\! \\[x\\](y) \\\\ \\_z\\_ 2) 3.4 = -\n\n\\== 5-6\n\n\
                      ````text output\na ``` b\n````\n\n```toml countersign\nx = 1\n```\n\n```sshsig\narmor\n```\n";
        assert_eq!(render(&block, "x = 1\n", Some("a ``` b"), "armor\n"), wanted);
    }

    proptest! {
        #[test]
        fn comrak_composes_the_same(
            reason in "[-+=*_#<>&!~`.)(0-9a-z\\\\ \\[\\]é漢]{0,24}|\\PC{0,24}",
            summary in "([-+=*_#<>&!~`.)(0-9a-z\\\\ \\[\\]]{0,16}\n?){0,4}",
            output in proptest::option::of("[`~a\n ]{1,24}"),
        ) {
            let block = veto(&reason, &summary);
            let mut fences: Vec<(&str, &str)> = output.as_deref().map(|text| (OUTPUT_INFO, text)).into_iter().collect();
            fences.extend([(BLOCK_INFO, "x = 1\n"), (SIGNATURE_INFO, "armor\n")]);
            let wanted = by_comrak(&heading(&block), &summary, &fences);
            prop_assert_eq!(render(&block, "x = 1\n", output.as_deref(), "armor\n"), wanted);
        }
    }
}
