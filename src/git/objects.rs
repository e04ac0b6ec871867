//! Objects, each held against its own id, and what a commit has at a path: followed from the commit through its trees.
//!
//! A clone's files are its owner's: a loose object, a pack's index, a replacement may give other bytes for an id than the remote has
//! for it. What does not have the id that it was asked for by is nothing.

use std::sync::{Arc, Mutex, PoisonError};

use super::tree::{self, Format};
use super::{GitError, Repository, STREAM_PATIENCE, spec};
use crate::model::ids::ObjectId;
use crate::process::Talk;

/// The `git cat-file --batch` of a work tree, from the first question on: names as `HEAD` are of that work tree. The clones of a
/// [`Repository`] share it.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<Option<(Talk, Answer)>>>);

/// An object as git gave it, which has this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

/// Takes the answer of `git cat-file --batch` in pieces (per object: id SP type SP size LF content LF; name SP `missing` LF).
#[derive(Debug, Default)]
struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    fn take(&mut self, piece: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(piece);
    }

    /// The next answer that is there whole, if one is; of a name that stands for nothing it is `Some(None)`.
    fn next(&mut self) -> Result<Option<Option<Object>>, GitError> {
        let rest = &self.bytes[self.at..];
        let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
        let line = String::from_utf8_lossy(&rest[..end]);
        let words: Vec<&str> = line.split(' ').collect();
        let head = match words[..] {
            [id, kind, size] => {
                Format::of(id).zip(size.parse::<usize>().ok()).map(|(format, size)| (format, id, kind, size))
            }
            _ => None,
        };
        let Some((format, id, kind, size)) = head else {
            if matches!(words.last(), Some(&("missing" | "ambiguous"))) {
                self.at += end + 1;
                return Ok(Some(None));
            }
            return Err(failed(format!("answered `{line}`")));
        };
        let Some(content) = rest.get(end + 1..end + 1 + size) else { return Ok(None) };
        if rest.len() < end + 2 + size {
            return Ok(None);
        }
        if tree::hex(&format.id(kind, content)) != id {
            return Err(GitError::Altered(id.to_owned()));
        }
        let object = Object { id: id.to_owned(), kind: kind.to_owned(), bytes: content.to_vec() };
        self.at += end + 2 + size;
        Ok(Some(Some(object)))
    }
}

/// Names in groups that are each short enough to be asked at once.
fn questions(names: &[String]) -> impl Iterator<Item = &[String]> {
    let mut rest = names;
    std::iter::from_fn(move || {
        let mut room = Talk::MOST;
        let fits = |name: &&String| {
            let left = room.checked_sub(name.len() + 1);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (now, later) = rest.split_at(count);
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn failed(why: String) -> GitError {
    GitError::Failed { command: "cat-file".into(), why }
}

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct At {
    mode: Vec<u8>,
    id: String,
}

/// The names by which the commit, its tree and each directory above a path are asked for.
fn above(revision: &str, path: &str) -> Vec<String> {
    let directories = path.match_indices('/').map(|(at, _)| format!("{revision}:{}", &path[..at]));
    [format!("{revision}^{{commit}}"), format!("{revision}^{{tree}}")].into_iter().chain(directories).collect()
}

/// Follows the objects that [`above`] named to the path; `None` where the commit, or something on the way, is not there.
fn follow(objects: &[Option<Object>], path: &str) -> Result<Option<At>, GitError> {
    let Some(Some(commit)) = objects.first() else { return Ok(None) };
    let tree = std::str::from_utf8(&commit.bytes).ok().and_then(|text| text.lines().next()?.strip_prefix("tree "));
    let tree = tree.map(str::to_owned).or_else(|| {
        let line = commit.bytes.split(|byte| *byte == b'\n').next()?.strip_prefix(b"tree ")?;
        String::from_utf8(line.to_vec()).ok()
    });
    let mut at =
        At { mode: tree::DIRECTORY_MODE.to_vec(), id: tree.ok_or_else(|| failed("a commit without a tree".into()))? };
    for (name, object) in path.split('/').zip(&objects[1..]) {
        if at.mode != tree::DIRECTORY_MODE {
            return Ok(None);
        }
        let object = object.as_ref().filter(|object| object.id == at.id && object.kind == "tree");
        let object = object.ok_or_else(|| failed(format!("the tree {} that leads to {path} is not there", at.id)))?;
        let entries =
            tree::entries(&object.bytes, &object.id).ok_or_else(|| failed(format!("the tree {} is cut off", at.id)))?;
        let Some(entry) = entries.iter().find(|entry| entry.name == name.as_bytes()) else { return Ok(None) };
        at = At { mode: entry.mode.to_vec(), id: tree::hex(entry.id) };
    }
    Ok(Some(at))
}

impl Repository {
    /// Hands on what some names stand for, in their order, however much it is. `take` asks for no object itself.
    ///
    /// # Errors
    ///
    /// git fails, an object is not what its id says, or `take` refuses.
    pub(super) fn each_object(
        &self,
        names: &[String],
        take: &mut dyn FnMut(usize, Option<Object>) -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        if let Some(name) = names.iter().find(|name| name.contains('\n')) {
            return Err(failed(format!("{name:?} is no name of an object")));
        }
        let mut answers = self.answers.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After an error nobody knows what is still to be answered.
        let mut asked = answers.take();
        let mut given = 0;
        for names in questions(names) {
            let (talk, answer) = match &mut asked {
                Some(asked) => asked,
                none => none.insert((self.talk()?, Answer::default())),
            };
            talk.ask(names.iter().map(|name| format!("{name}\n")).collect::<String>().as_bytes())?;
            for _ in names {
                let object = loop {
                    match answer.next()? {
                        Some(object) => break object,
                        None => answer.take(&talk.hear()?),
                    }
                };
                take(given, object)?;
                given += 1;
            }
        }
        *answers = asked;
        Ok(())
    }

    fn talk(&self) -> Result<Talk, GitError> {
        Ok(Talk::start(spec(&self.root, &["cat-file", "--batch"], &self.home(), STREAM_PATIENCE, b""))?)
    }

    pub(super) fn objects(&self, names: &[String]) -> Result<Vec<Option<Object>>, GitError> {
        let mut objects = Vec::with_capacity(names.len());
        self.each_object(names, &mut |_, object| {
            objects.push(object);
            Ok(())
        })?;
        Ok(objects)
    }

    /// The bytes of a file at a revision; `None` when it is not there.
    ///
    /// # Errors
    ///
    /// git fails, or an object on the way to it is missing or not what its id says.
    pub fn show(&self, revision: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let of = |object: Option<Object>| object.filter(|object| object.kind == "blob");
        let name = format!("{revision}:{path}");
        // The index's versions of a file in conflict hang on no commit.
        if revision.starts_with(':') {
            return Ok(self
                .objects(&[name])?
                .pop()
                .flatten()
                .and_then(|object| of(Some(object)))
                .map(|object| object.bytes));
        }
        let names: Vec<String> = above(revision, path).into_iter().chain([name]).collect();
        let mut objects = self.objects(&names)?;
        let last = objects.pop().flatten();
        let Some(at) = follow(&objects, path)? else { return Ok(None) };
        if at.mode == tree::DIRECTORY_MODE || at.mode == tree::MODULE_MODE {
            return Ok(None);
        }
        let there = of(last).filter(|object| object.id == at.id);
        there.map(|object| Some(object.bytes)).ok_or_else(|| failed(format!("object {} of {path} is not there", at.id)))
    }

    /// The object at a path in each of some commits, in one process; `None` where there is no file.
    ///
    /// # Errors
    ///
    /// As [`show`](Self::show).
    pub fn objects_at(&self, commits: &[&ObjectId], path: &str) -> Result<Vec<Option<String>>, GitError> {
        let names: Vec<String> = commits.iter().flat_map(|commit| above(commit.as_str(), path)).collect();
        let objects = self.objects(&names)?;
        let each = names.len().checked_div(commits.len()).unwrap_or(1).max(1);
        let file = |at: At| (at.mode.starts_with(b"100") || at.mode == tree::LINK_MODE).then_some(at.id);
        objects.chunks(each).map(|objects| Ok(follow(objects, path)?.and_then(file))).collect()
    }

    /// The contents of several objects, in one process.
    ///
    /// # Errors
    ///
    /// git fails, or one is not there or not what its id says.
    pub fn contents(&self, objects: &[String]) -> Result<Vec<Vec<u8>>, GitError> {
        let there = |(object, name): (Option<Object>, &String)| {
            object.map(|object| object.bytes).ok_or_else(|| failed(format!("object {name} is not there")))
        };
        self.objects(objects)?.into_iter().zip(objects).map(there).collect()
    }

    /// The content of an object, as of [`Entry::File`](super::entry::Entry::File). Bytes that are no UTF-8 text are an error of the
    /// caller to tell.
    ///
    /// # Errors
    ///
    /// As [`contents`](Self::contents).
    pub fn blob(&self, id: &str) -> Result<Vec<u8>, GitError> {
        Ok(self.contents(&[id.to_owned()])?.pop().unwrap_or_default())
    }

    /// The top tree of a revision and the one of a directory in it, where there is such a directory; `None` without the revision.
    ///
    /// # Errors
    ///
    /// As [`show`](Self::show).
    pub(super) fn two_trees(
        &self,
        revision: &str,
        directory: &str,
    ) -> Result<Option<(Object, Option<Object>)>, GitError> {
        let names = [above(revision, directory), vec![format!("{revision}:{directory}")]].concat();
        let mut objects = self.objects(&names)?;
        let below = objects.pop().flatten();
        let at = follow(&objects, directory)?;
        let below = below.filter(|below| below.kind == "tree" && at.is_some_and(|at| at.id == below.id));
        Ok(objects.pop().flatten().map(|top| (top, below)))
    }

    /// Every entry of a commit's tree that is no directory, with its path, through all its directories.
    ///
    /// # Errors
    ///
    /// As [`show`](Self::show); or a name is none that may be written into a directory.
    pub(super) fn files_of(&self, commit: &ObjectId) -> Result<Vec<tree::File>, GitError> {
        let names = [format!("{commit}^{{commit}}"), format!("{commit}^{{tree}}")];
        let objects = self.objects(&names)?;
        // The entry `.` is none: following it only checks that this is the commit's tree.
        follow(&objects, ".")?;
        let top =
            objects.into_iter().nth(1).flatten().ok_or_else(|| failed(format!("commit {commit} is not there")))?;
        let mut files = Vec::new();
        let mut level = vec![(Vec::new(), top)];
        while !level.is_empty() {
            let mut below: Vec<(Vec<u8>, String)> = Vec::new();
            for (prefix, object) in &level {
                let cut = || failed(format!("the tree {} is cut off", object.id));
                for entry in tree::entries(&object.bytes, &object.id).ok_or_else(cut)? {
                    let path = [prefix, entry.name].concat();
                    if !tree::is_plain(entry.name) {
                        let path = String::from_utf8_lossy(&path).into_owned();
                        return Err(failed(format!(
                            "`{path}` in commit {commit} is no name that a file can be written by"
                        )));
                    }
                    if entry.mode == tree::DIRECTORY_MODE {
                        below.push(([&path[..], b"/"].concat(), tree::hex(entry.id)));
                    } else {
                        files.push(tree::File { mode: entry.mode.to_vec(), id: tree::hex(entry.id), path });
                    }
                }
            }
            let ids: Vec<String> = below.iter().map(|(_, id)| id.clone()).collect();
            let trees = self.objects(&ids)?.into_iter().zip(below);
            level = trees
                .map(|(object, (prefix, id))| {
                    let object = object.filter(|object| object.kind == "tree");
                    Ok((prefix, object.ok_or_else(|| failed(format!("the tree {id} is not there")))?))
                })
                .collect::<Result<_, GitError>>()?;
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    fn answers(text: &str, size: usize) -> Vec<Result<Option<Object>, GitError>> {
        let (mut answer, mut found) = (Answer::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            answer.take(piece);
            loop {
                match answer.next() {
                    Ok(Some(object)) => found.push(Ok(object)),
                    Ok(None) => break,
                    Err(error) => {
                        found.push(Err(error));
                        return found;
                    }
                }
            }
        }
        found
    }

    #[test]
    fn objects_come_whole_and_only_with_their_own_id() {
        let text = format!("{HELLO} blob 6\nhello\n\nHEAD:x y missing\n{HELLO} blob 6\nhello\n\n");
        for size in 1..text.len() {
            let found = answers(&text, size);
            assert_eq!(found.len(), 3);
            assert!(matches!(&found[0], Ok(Some(object)) if object.bytes == b"hello\n"));
            assert!(matches!(&found[1], Ok(None)) && matches!(&found[2], Ok(Some(_))));
        }
        let forged = answers(&text.replacen("hello", "hullo", 1), 1000);
        assert!(matches!(&forged[..], [Err(GitError::Altered(id))] if id == HELLO));
        assert!(matches!(&answers("what\n", 9)[..], [Err(GitError::Failed { .. })]));
    }
}
