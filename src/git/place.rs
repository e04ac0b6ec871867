//! Where a directory's repository is, by its files alone: for whoever cannot wait for git.

use std::fs;
use std::path::{Path, PathBuf};

/// A work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its top.
    pub root: PathBuf,
    /// Its own git directory.
    pub git_dir: PathBuf,
    /// The git directory that all work trees of the repository share.
    pub common_dir: PathBuf,
}

impl Place {
    /// The work tree that a directory is in (gitrepository-layout(5)): the next above that has `.git`, a directory or a file that names
    /// one.
    pub fn find(directory: &Path) -> Option<Self> {
        let real = fs::canonicalize(directory).ok()?;
        real.ancestors().find_map(Self::at)
    }

    /// Every work tree that a directory is in, the innermost first; for one that is not there, those of the next above that is.
    pub fn all(directory: &Path) -> Vec<Self> {
        let real = directory.ancestors().find_map(|there| fs::canonicalize(there).ok());
        real.iter().flat_map(|real| real.ancestors()).filter_map(Self::at).collect()
    }

    fn at(root: &Path) -> Option<Self> {
        let dot = root.join(".git");
        let git_dir = if dot.is_dir() {
            dot
        } else {
            let text = fs::read_to_string(&dot).ok()?;
            root.join(text.trim().strip_prefix("gitdir:")?.trim())
        };
        let git_dir = fs::canonicalize(git_dir).ok()?;
        let common_dir = match fs::read_to_string(git_dir.join("commondir")) {
            Ok(text) => fs::canonicalize(git_dir.join(text.trim())).ok()?,
            Err(_) => git_dir.clone(),
        };
        Some(Self { root: root.to_owned(), git_dir, common_dir })
    }

    /// `OWNER/REPO` of the remote `origin`, as the repository's own configuration has it.
    pub fn origin(&self) -> Option<String> {
        let config = fs::read_to_string(self.common_dir.join("config")).ok()?;
        let mut lines = config.lines().map(str::trim).skip_while(|line| *line != "[remote \"origin\"]").skip(1);
        let own = lines.by_ref().take_while(|line| !line.starts_with('['));
        let url = own.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "url")?.1.trim();
        let path = url.trim_end_matches('/').trim_end_matches(".git");
        let mut parts = path.rsplit(['/', ':']);
        let (name, owner) = (parts.next()?, parts.next()?);
        Some(format!("{owner}/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_tree_is_found_from_below_and_from_beside() {
        let directory = tempfile::tempdir().expect("a directory");
        let top = fs::canonicalize(directory.path()).expect("real");
        fs::create_dir_all(top.join("main/.git/worktrees/side")).expect("made");
        fs::create_dir_all(top.join("main/a/b")).expect("made");
        fs::create_dir_all(top.join("side")).expect("made");
        fs::write(top.join("main/.git/worktrees/side/commondir"), "../..\n").expect("written");
        let link = format!("gitdir: {}\n", top.join("main/.git/worktrees/side").display());
        fs::write(top.join("side/.git"), link).expect("written");
        let main = Place::find(&top.join("main/a/b")).expect("a place");
        assert_eq!((&main.root, &main.common_dir), (&top.join("main"), &top.join("main/.git")));
        let side = Place::find(&top.join("side")).expect("a place");
        assert_eq!((&side.root, &side.common_dir), (&top.join("side"), &top.join("main/.git")));
        fs::create_dir_all(top.join("main/a/.git")).expect("made");
        let roots: Vec<PathBuf> =
            Place::all(&top.join("main/a/b/gone/x")).into_iter().map(|place| place.root).collect();
        assert_eq!(roots[..2], [top.join("main/a"), top.join("main")]);
        for (url, wanted) in [
            ("git@git.example.org:coop/recipe.git", "coop/recipe"),
            ("https://git.example.org/coop/recipe/", "coop/recipe"),
            ("ssh://git@git.example.org:2222/coop/recipe.git", "coop/recipe"),
        ] {
            let config = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/*\n");
            fs::write(top.join("main/.git/config"), config).expect("written");
            assert_eq!(side.origin().as_deref(), Some(wanted));
        }
    }
}
