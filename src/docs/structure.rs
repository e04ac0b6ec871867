//! Two independent readings of a document's top level, and what they make of it.
//!
//! A long document is read in pieces, on all cores. A piece ends after a closed signature fence at the top level: there no block
//! is open, so what follows is read by a Markdown reader as if the document began there, and reading the pieces is reading the
//! whole. Each reader says of each piece whether it ends so ([`Structure::ends_whole`]); where one does not, the document is read
//! in one piece.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::section::{BLOCK_INFO, OUTPUT_INFO, SIGNATURE_INFO};

/// One top-level block, as far as records are concerned.
enum Top<'a> {
    /// A heading of level 2 that begins at this byte.
    Heading(usize),
    /// A fenced code block.
    Fence { info: Cow<'a, str>, literal: Cow<'a, str>, range: Range<usize>, closed: bool },
    /// A paragraph.
    Paragraph,
    /// Anything else.
    Other,
}

/// One candidate record: a whole section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// From the heading's first byte to the end of the signature fence's last line.
    pub range: Range<usize>,
    /// The block's text.
    pub block: Cow<'a, str>,
    /// The raw output's text.
    pub output: Option<Cow<'a, str>>,
    /// The signature's armor.
    pub armor: Cow<'a, str>,
}

/// What one reader found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Structure<'a> {
    /// Whole sections, in order.
    pub candidates: Vec<Candidate<'a>>,
    /// Blocks that look like a record's but stand in no whole section: first byte and why.
    pub torn: Vec<(usize, &'static str)>,
    /// Whether the last block is a closed signature fence that ends with the text, so that nothing is open at its end.
    pub ends_whole: bool,
}

/// The line that ends a signature's armor, with the fence after it: where a document may be cut into pieces.
pub(super) const CUT: &str = "\n-----END SSH SIGNATURE-----\n```";

/// Cuts a text into pieces of at least `size` bytes, each but the last ending where a signature fence seems to end.
pub fn pieces(text: &str, size: usize) -> Vec<Range<usize>> {
    let cut = memchr::memmem::Finder::new(CUT);
    let (mut pieces, mut start) = (Vec::new(), 0);
    while text.len() - start > size {
        let from = start + size;
        let Some(found) = cut.find(&text.as_bytes()[from..]) else { break };
        let fence = from + found + CUT.len();
        let Some(line) = memchr::memchr(b'\n', &text.as_bytes()[fence..]) else { break };
        let end = fence + line + 1;
        pieces.push(start..end);
        start = end;
    }
    pieces.push(start..text.len());
    pieces
}

/// Runs `work` on every item, on all cores; the results are in the order of the items, and `None` is one whose work panicked.
pub(super) fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    // How many cores there are takes longer to find out than a short document to read.
    let cores = match items.len() {
        few @ 0..2 => few,
        many => std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(many),
    };
    if cores < 2 {
        return items.iter().map(|item| Some(work(item))).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            done.push((at, work(item)));
        }
        done
    };
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..cores).map(|_| scope.spawn(take)).collect();
        let mine = take();
        let theirs = workers.into_iter().filter_map(|worker| worker.join().ok()).flatten();
        for (at, result) in mine.into_iter().chain(theirs) {
            results[at] = Some(result);
        }
    });
    results
}

/// Reads with comrak.
pub fn by_comrak(text: &str) -> Structure<'_> {
    let lines = line_starts(text);
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, text, &Options::default());
    let tops = root.children().map(|node| {
        let mut data = node.data_mut();
        let start = lines.get(data.sourcepos.start.line.saturating_sub(1)).copied().unwrap_or(0);
        let start = start + data.sourcepos.start.column.saturating_sub(1);
        let end = lines.get(data.sourcepos.end.line).copied().unwrap_or(text.len());
        match &mut data.value {
            NodeValue::Heading(heading) if heading.level == 2 && !heading.setext => Top::Heading(start),
            NodeValue::CodeBlock(code) if code.fenced => Top::Fence {
                info: std::mem::take(&mut code.info).into(),
                literal: std::mem::take(&mut code.literal).into(),
                range: start..end,
                closed: code.closed,
            },
            NodeValue::Paragraph => Top::Paragraph,
            _ => Top::Other,
        }
    });
    assemble(tops, text.len())
}

/// Reads with pulldown-cmark.
pub fn by_pulldown(text: &str) -> Structure<'_> {
    let mut tops = Vec::new();
    let mut depth = 0_usize;
    let mut open: Option<(Cow<'_, str>, Literal<'_>, Range<usize>)> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if depth == 0 {
                    match &tag {
                        Tag::Heading { level: HeadingLevel::H2, .. } if text[range.clone()].starts_with("##") => {
                            tops.push(Top::Heading(range.start));
                        }
                        Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                            open = Some((info.to_string().into(), Literal::new(text), range.clone()));
                        }
                        Tag::Paragraph => tops.push(Top::Paragraph),
                        _ => tops.push(Top::Other),
                    }
                }
                depth += 1;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && tag == TagEnd::CodeBlock
                    && let Some((info, literal, range)) = open.take()
                {
                    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
                    let end = if text[..range.end].ends_with('\n') { range.end } else { end };
                    let closed = is_closed(&text[range.start..end]);
                    tops.push(Top::Fence { info, literal: literal.text, range: range.start..end, closed });
                }
            }
            Event::Text(part) => {
                if let Some((_, literal, _)) = &mut open {
                    literal.push(&part, range);
                }
            }
            // A thematic break is a top-level block without a start and an end.
            Event::Rule if depth == 0 => tops.push(Top::Other),
            _ => {}
        }
    }
    assemble(tops.into_iter(), text.len())
}

/// A fenced block's text as it comes, line by line: a piece of the document where the lines follow each other there.
struct Literal<'a> {
    document: &'a str,
    text: Cow<'a, str>,
    end: usize,
}

impl<'a> Literal<'a> {
    fn new(document: &'a str) -> Self {
        Self { document, text: Cow::Borrowed(""), end: 0 }
    }

    fn push(&mut self, part: &str, range: Range<usize>) {
        let is_there = self.document.get(range.clone()) == Some(part);
        match &mut self.text {
            Cow::Borrowed(text) if is_there && text.is_empty() => *text = &self.document[range.clone()],
            Cow::Borrowed(text) if is_there && self.end == range.start => {
                *text = &self.document[range.start - text.len()..range.end];
            }
            other => other.to_mut().push_str(part),
        }
        self.end = range.end;
    }
}

/// Whether a fenced block's last line is its closing fence.
fn is_closed(block: &str) -> bool {
    let fence: usize = block.bytes().take_while(|b| *b == b'`' || *b == b'~').count();
    let mut lines = block.lines();
    let (first, last) = (lines.next(), lines.last());
    let run =
        |line: &str| line.trim().len() >= fence && line.trim().bytes().all(|b| Some(&b) == block.as_bytes().first());
    first.is_some() && last.is_some_and(run)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

/// Puts top-level blocks together to sections: heading, paragraphs, at most one output, block, signature, and nothing else
/// between.
fn assemble<'a>(tops: impl Iterator<Item = Top<'a>>, length: usize) -> Structure<'a> {
    let mut found = Structure::default();
    let mut heading: Option<usize> = None;
    let mut output: Option<Cow<'_, str>> = None;
    let mut block: Option<(Cow<'_, str>, usize)> = None;
    for top in tops {
        let expects_signature = block.is_some();
        found.ends_whole = matches!(&top, Top::Fence { info, range, closed: true, .. }
            if info == SIGNATURE_INFO && range.end == length);
        match top {
            Top::Fence { info, literal, range, closed } if info == SIGNATURE_INFO => {
                match (heading.take(), block.take(), closed) {
                    (Some(start), Some((text, _)), true) => found.candidates.push(Candidate {
                        range: start..range.end,
                        block: text,
                        output: output.take(),
                        armor: literal,
                    }),
                    _ => found
                        .torn
                        .push((range.start, "a signature that no whole block stands before, or that is cut off")),
                }
                output = None;
            }
            Top::Fence { info, literal, range, closed } if info == BLOCK_INFO => {
                if let Some((_, at)) = block.take() {
                    found.torn.push((at, "a block without its signature"));
                }
                match (heading, closed) {
                    (Some(_), true) => block = Some((literal, range.start)),
                    _ => found
                        .torn
                        .push((range.start, "a block that no heading of its own stands before, or that is cut off")),
                }
            }
            other => {
                if expects_signature && let Some((_, at)) = block.take() {
                    found.torn.push((at, "a block without its signature"));
                    heading = None;
                }
                match other {
                    Top::Heading(start) => {
                        heading = Some(start);
                        output = None;
                    }
                    Top::Fence { info, literal, .. }
                        if info == OUTPUT_INFO && heading.is_some() && output.is_none() =>
                    {
                        output = Some(literal);
                    }
                    Top::Paragraph => {}
                    Top::Fence { .. } | Top::Other => {
                        heading = None;
                        output = None;
                    }
                }
            }
        }
    }
    if let Some((_, at)) = block {
        found.torn.push((at, "a block without its signature"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_after_signature_fences_and_nowhere_else() {
        let section = "## H\n\n```sshsig\nx\n-----END SSH SIGNATURE-----\n```\n";
        let text = format!("# J\n\n{section}\nprose\n\n{section}\n{section}tail\n");
        let found = pieces(&text, 10);
        assert_eq!(found.len(), 4);
        assert!(found.iter().zip(&found[1..]).all(|(one, next)| one.end == next.start));
        assert_eq!((found[0].start, found[3].end), (0, text.len()));
        assert!(found[..3].iter().all(|piece| text[piece.clone()].ends_with("-----\n```\n")));
        assert_eq!((pieces(&text, text.len()).len(), pieces("", 1).len()), (1, 1));
    }

    #[test]
    fn work_that_panics_takes_no_other_with_it() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(on_all_cores(&items, |at| at * 2), (0..100).map(|at| Some(at * 2)).collect::<Vec<_>>());
    }
}
