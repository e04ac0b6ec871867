//! One record as people see it: heading, summary, raw output, block, signature. Rendering is a pure function of the block's
//! bytes, the output and the signature, so a reader renders a section again and compares bytes.

use comrak::nodes::{AstNode, NodeCodeBlock, NodeHeading, NodeValue};
use comrak::{Arena, Options};

use super::clean::one_line;
use crate::model::record::{Block, Body, FindingAct};

/// Info string of the fence that holds a record's block.
pub const BLOCK_INFO: &str = "toml countersign";
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
pub fn render(block: &Block, block_text: &str, output: Option<&str>, armor: &str) -> String {
    let arena = Arena::new();
    let root = arena.alloc(AstNode::from(NodeValue::Document));
    let heading_node =
        arena.alloc(AstNode::from(NodeValue::Heading(NodeHeading { level: 2, setext: false, closed: false })));
    heading_node.append(arena.alloc(AstNode::from(NodeValue::Text(heading(block).into()))));
    root.append(heading_node);
    for line in block.summary.lines().filter(|line| !line.trim().is_empty()) {
        let paragraph = arena.alloc(AstNode::from(NodeValue::Paragraph));
        paragraph.append(arena.alloc(AstNode::from(NodeValue::Text(one_line(line).into()))));
        root.append(paragraph);
    }
    let fences = output
        .map(|output| (OUTPUT_INFO, output))
        .into_iter()
        .chain([(BLOCK_INFO, block_text), (SIGNATURE_INFO, armor)]);
    for (info, literal) in fences {
        root.append(arena.alloc(AstNode::from(NodeValue::CodeBlock(Box::new(NodeCodeBlock {
            fenced: true,
            fence_char: b'`',
            fence_length: 3,
            fence_offset: 0,
            info: info.to_owned(),
            literal: literal.to_owned(),
            closed: true,
        })))));
    }
    let mut text = String::new();
    // Writing to a string does not fail; an empty section would differ from every document and be refused.
    let written = comrak::format_commonmark(root, &Options::default(), &mut text);
    if written.is_err() {
        text.clear();
    }
    text
}
