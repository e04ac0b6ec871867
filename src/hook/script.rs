//! Files that are run: those that are there, and those that the same line writes.

use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::shell::{self, Input, Simple};
use super::word::Word;

/// How much of a file is looked at, in bytes.
pub const LONGEST: usize = 1 << 20;
/// How a script says where it stands itself.
const HERE: &[&str] = &[
    "$(dirname \"$0\")",
    "$(dirname $0)",
    "$(dirname -- \"$0\")",
    "$(dirname \"${BASH_SOURCE[0]}\")",
    "$(dirname -- \"${BASH_SOURCE[0]}\")",
    "$(dirname \"$BASH_SOURCE\")",
    "${0%/*}",
    "${BASH_SOURCE%/*}",
    "${BASH_SOURCE[0]%/*}",
];
/// What a file that could touch anything guarded names.
const TOUCHING: &[&str] = &["docker", "systemctl", "nixos-rebuild", "git push"];

impl Reader<'_> {
    /// Reads a file as a script, if it is there and one of the shell's; says whether it was. What cannot be read in it says something only
    /// where it names what could touch anything.
    pub fn script(&mut self, path: &Word, by_its_first_line: bool) -> bool {
        let Some((path, text)) = self.text_of(path) else { return false };
        let Some(text) = text else {
            self.unread(format!("`{}` is written by the same line", path.display()));
            return true;
        };
        if by_its_first_line && !is_shell(&text) {
            return false;
        }
        let touches = TOUCHING.iter().any(|name| text.contains(name));
        if text.len() > shell::LONGEST {
            if touches {
                self.unread(format!("the script `{}` is longer than {} KiB", path.display(), shell::LONGEST >> 10));
            }
            return true;
        }
        let (directory, before) = (self.directory.clone(), self.found.len());
        self.scripts += 1;
        self.text(&placed(&text, &path));
        self.scripts -= 1;
        self.directory = directory;
        if !touches {
            self.only_known(before);
        }
        true
    }

    /// The text of a file that is there, or that the line writes; no text where it is not known what the line writes.
    pub fn text_of(&self, path: &Word) -> Option<(PathBuf, Option<String>)> {
        let path: PathBuf = self.directory.as_ref()?.join(path.text()?).components().collect();
        if let Some((_, text)) = self.written.iter().rev().find(|(written, _)| *written == path) {
            return Some((path, text.clone()));
        }
        let bytes = self.around.file(&path)?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        Some((path, Some(text)))
    }

    /// The text of a file that the line writes.
    pub fn text_by_line(&self, path: &Word) -> Option<String> {
        let (path, text) = self.text_of(path)?;
        self.written.iter().any(|(written, _)| *written == path).then_some(text).flatten()
    }

    /// Keeps in mind what a command writes into files.
    pub(super) fn writes(&mut self, simple: &Simple) {
        let (program, arguments) = match simple.words.split_first() {
            Some((name, arguments)) => (name.program().unwrap_or_default(), arguments),
            None => ("", &[][..]),
        };
        let input = match &simple.input {
            Input::Text(text) => Some(text.for_a_shell()),
            _ => None,
        };
        let said = || arguments.iter().map(Word::for_a_shell).collect::<Vec<_>>().join(" ");
        let text = match program {
            "cat" if arguments.is_empty() => input,
            "tee" => input,
            "echo" | "printf" => Some(said()),
            _ => None,
        };
        let files = arguments.iter().filter(|_| program == "tee").chain(&simple.writes);
        let Some(directory) = &self.directory else { return };
        let files: Vec<PathBuf> =
            files.filter_map(|file| Some(directory.join(file.text()?).components().collect())).collect();
        self.written.extend(files.into_iter().map(|file| (file, text.clone())));
    }
}

/// Whether a file that is started is read by a shell: by the interpreter that its first line names, or by none where it is text.
fn is_shell(text: &str) -> bool {
    let mut lines = text.lines();
    let Some(first) = lines.next().unwrap_or_default().strip_prefix("#!") else {
        return !text.is_empty() && !text.contains('\0');
    };
    let interpreter = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| word.ends_with("env") || word.starts_with('-'));
        words.next().and_then(|word| word.rsplit('/').next()).unwrap_or_default().to_owned()
    };
    match interpreter(first).as_str() {
        // It names the interpreter in its second line.
        "nix-shell" => lines.next().is_some_and(|line| line.contains("-i bash") || line.contains("-i sh")),
        name => name.ends_with("sh"),
    }
}

/// A script with its own place in it.
fn placed(text: &str, path: &Path) -> String {
    let place = path.parent().and_then(Path::to_str).unwrap_or_default();
    let is_plain = place.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    match is_plain && !place.is_empty() {
        true => HERE.iter().fold(text.to_owned(), |text, here| text.replace(here, place)),
        false => text.to_owned(),
    }
}
