//! The fuzz targets on every test run: the seeds in `fuzz/seeds`, which hold what was ever found, and a few thousand mutations of
//! good texts. `cargo fuzz run TARGET fuzz/corpus/TARGET fuzz/seeds/TARGET` runs the same targets for as long as one likes; so does
//! `COUNTERSIGN_FUZZ_SECONDS=600 cargo test fuzz`.

#[path = "../../fuzz/harness.rs"]
mod harness;

use std::time::{Duration, Instant};

/// Pieces that mean something to one of the readers.
const WORDS: &[&str] = &[
    "```",
    "````",
    "~~~",
    "## ",
    "> ",
    "- ",
    "1. ",
    "    ",
    "\t",
    "<!--",
    "-->",
    "<pre>",
    "</pre>",
    "<div>\n",
    "\n",
    "\n\n",
    "===\n",
    "---\n",
    "=======\n",
    "<<<<<<< a\n",
    ">>>>>>> b\n",
    "||||||| c\n",
    "[a]: /x\n",
    "|",
    "\\|",
    "\\",
    "&amp;",
    "\r\n",
    "\r",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{200b}",
    "```toml countersign\n",
    "```sshsig\n",
    "```text output\n",
    "\n-----END SSH SIGNATURE-----\n```\n",
    "-----BEGIN SSH SIGNATURE-----\n",
    "\u{1}",
    "schema = 1\n",
    "[[gate]]\n",
    "'''",
    "\"\"\"",
    "é",
    "漢",
];

/// A small generator (xorshift64, Marsaglia 2003): the same mutations on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).expect("small")).expect("small")
    }
}

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(200)).min(bytes.len());
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 | 2 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            5 => bytes.truncate(at),
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(800)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
        }
    }
    bytes
}

fn run(target: &str) {
    let (_, run) = harness::TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let mut seeds = harness::seeds();
    let directory = crate::support::root().join("fuzz/seeds").join(target);
    let files =
        std::fs::read_dir(directory).expect("every target has seeds").map(|entry| entry.expect("an entry").path());
    seeds.extend(files.map(|file| std::fs::read(file).expect("read")));
    seeds.iter().for_each(|seed| run(seed));
    let seconds = std::env::var("COUNTERSIGN_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ target.len() as u64);
    let (began, mut runs) = (Instant::now(), 0_u64);
    while seconds.map_or(runs < 400, |seconds| began.elapsed() < Duration::from_secs(seconds)) {
        let input = mutate(&mut random, &seeds);
        let outcome = std::panic::catch_unwind(|| run(&input));
        if let Err(panic) = outcome {
            let file = std::env::temp_dir().join(format!("countersign-fuzz-{target}"));
            std::fs::write(&file, &input).expect("written");
            let shown = file.display();
            assert!(
                std::env::var_os("COUNTERSIGN_FUZZ_SECONDS").is_none(),
                "after {runs} runs; the input is in {shown}"
            );
            std::panic::resume_unwind(panic);
        }
        runs += 1;
    }
    if seconds.is_some() {
        let file = std::env::temp_dir().join(format!("countersign-fuzz-{target}.runs"));
        std::fs::write(file, format!("{runs}\n")).expect("written");
    }
}

#[test]
fn document() {
    run("document");
}

#[test]
fn splice() {
    run("splice");
}

#[test]
fn merging() {
    run("merging");
}

#[test]
fn repairing() {
    run("repairing");
}

#[test]
fn contract() {
    run("contract");
}

#[test]
fn armor() {
    run("armor");
}
