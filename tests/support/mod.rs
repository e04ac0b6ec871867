//! A hermetic place to use the program in: its own home, configuration, remote and clones.

pub mod device;
#[cfg(feature = "test-hooks")]
pub mod engine;
pub mod fake_swarm;
pub mod stage;
#[cfg(feature = "test-hooks")]
pub mod steps;
#[cfg(feature = "test-hooks")]
pub mod systemd;
pub mod twin;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A bare origin with two clones, one for each party, and a home of their own.
pub struct World {
    directory: tempfile::TempDir,
}

/// What a command answered.
pub struct Answer {
    /// The exit code.
    pub exit: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// What a finished program answered; a signal counts as exit -1.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Checks the exit code and that the words are in the answer.
    #[track_caller]
    pub fn expect(self, exit: i32, words: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(
            self.exit == exit && all.contains(words),
            "wanted exit {exit} and `{words}`, found exit {} and:\n{all}",
            self.exit
        );
        self
    }
}

impl Answer {
    /// Everything that was printed.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl World {
    /// A world with an origin that has one commit.
    pub fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().expect("a directory") };
        world.git(".", &["init", "-q", "--bare", "--initial-branch=main", "origin.git"]);
        world.git(".", &["clone", "-q", "origin.git", "builder"]);
        world.write("builder/scripts/step0.sh", "journalctl | grep 'available IP while allocating VIP'\n");
        world.write("builder/nix/swarm.nix", "docker network create proxy\n");
        world.commit("builder", "base");
        world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
        world
    }

    /// A path in this world.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("read")
    }

    /// Commits everything in a clone but what is state.
    pub fn commit(&self, clone: &str, message: &str) {
        self.git(clone, &["add", "-A", ":/", ":(exclude)machine-docs"]);
        self.git(clone, &["commit", "-q", "-m", message]);
    }

    /// Runs git, which must succeed.
    pub fn git(&self, directory: &str, args: &[&str]) -> String {
        let output = self.run("git", directory, "none", args);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs countersign in a clone, with the keys of the party it is named after.
    pub fn run_in(&self, clone: &str, args: &[&str]) -> Answer {
        self.run_as(clone, clone, args)
    }

    /// Runs countersign in a clone with the keys of some party.
    pub fn run_as(&self, party: &str, clone: &str, args: &[&str]) -> Answer {
        self.run_ordered(party, clone, args, &[])
    }

    /// The same with further variables, such as a fault that is ordered.
    pub fn run_ordered(&self, party: &str, clone: &str, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let mut command = self.command(env!("CARGO_BIN_EXE_countersign"), clone, party);
        Answer::of(&command.args(args).envs(env.iter().copied()).output().expect("runs"))
    }

    fn run(&self, program: &str, directory: &str, party: &str, args: &[&str]) -> Output {
        self.command(program, directory, party).args(args).output().expect("runs")
    }

    /// Keeps everything as it is now; [`World::restore`] brings it back.
    #[cfg(feature = "test-hooks")]
    pub fn keep(&self) {
        copy(&self.path("."), &self.path("kept"));
    }

    /// Brings back what was kept.
    #[cfg(feature = "test-hooks")]
    pub fn restore(&self) {
        copy(&self.path("kept"), &self.path("."));
    }

    /// A command in this world, not started yet.
    pub fn command(&self, program: &str, directory: &str, party: &str) -> Command {
        let home = self.path("home");
        fs::create_dir_all(&home).expect("made");
        let mut command = Command::new(program);
        command.current_dir(self.path(directory)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
        command.env("XDG_CONFIG_HOME", self.path(&format!("config/{party}"))).env("GIT_CONFIG_NOSYSTEM", "1");
        for name in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{name}_NAME"), "Tester")
                .env(format!("GIT_{name}_EMAIL"), "tester@example.invalid");
        }
        command.env("COUNTERSIGN_PINS", self.path("pins"));
        command
    }

    /// The id of the engine at an address.
    pub fn docker_id(engine: &str) -> String {
        let output = Command::new("docker").args(["info", "--format", "{{.ID}}"]).env("DOCKER_HOST", engine).output();
        String::from_utf8_lossy(&output.expect("docker runs").stdout).trim().to_owned()
    }

    /// Opens phase `demo` with both keys in the contract and these criteria at the end of gate M1.
    pub fn open(&self, criteria: &str) {
        self.run_in("builder", &["init", "--phase", "demo"]).expect(0, "is open");
        for role in ["builder", "adversary"] {
            self.run_as(role, "builder", &["key", "new", role]).expect(0, "ssh-ed25519");
            let public = self.key(role).with_extension("pub");
            self.run_in("builder", &["key", "add", role, &public.to_string_lossy()]).expect(0, "Added");
        }
        let contract = self.read(CONTRACT).replace(
            "[[gate.criterion]]\nid = \"secrets\"",
            &format!("{criteria}\n[[gate.criterion]]\nid = \"secrets\""),
        );
        self.write(CONTRACT, &contract.replace("unix:///var/run/docker.sock", "unix:///nonexistent/docker.sock"));
    }

    /// A party's private key file.
    pub fn key(&self, role: &str) -> PathBuf {
        self.path(&format!("config/{role}/countersign/keys/{role}"))
    }

    /// The first 12 digits of the contract's digest.
    pub fn digest(&self, clone: &str) -> String {
        let text = self.run_in(clone, &["builder", "adopt"]).expect(0, "--yes").stdout;
        text.trim().rsplit(' ').next().expect("a digest").to_owned()
    }

    /// Both parties adopt; the Adversary's clone is made on the way.
    pub fn adopt(&self) {
        let digest = self.digest("builder");
        self.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
        self.run_in("builder", &["sync"]).expect(0, "pushed");
        self.git(".", &["clone", "-q", "origin.git", "adversary"]);
        self.run_in("adversary", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
        self.run_in("adversary", &["sync"]).expect(0, "pushed");
        self.run_in("builder", &["sync"]).expect(0, "pulled");
    }

    /// The Builder claims M1 and the Adversary has it.
    pub fn claim(&self) {
        self.run_in("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
        self.run_in("builder", &["sync"]).expect(0, "pushed");
        self.run_in("adversary", &["sync"]).expect(0, "pulled");
    }

    /// A phase whose one criterion is the guard, which nobody has adopted yet.
    pub fn opened() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        Self::like(MADE.get_or_init(|| {
            let world = Self::new();
            world.open(GUARD);
            world.kept_as("opened")
        }))
    }

    /// The same, adopted by both.
    pub fn adopted() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        Self::like(MADE.get_or_init(|| {
            let world = Self::opened();
            world.adopt();
            world.kept_as("adopted")
        }))
    }

    /// The same, and claimed.
    pub fn claimed() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        Self::like(MADE.get_or_init(|| {
            let world = Self::adopted();
            world.claim();
            world.kept_as("claimed")
        }))
    }

    /// Keeps this world as a pattern for others of this run of the tests: most begin alike, and making one takes seconds. Records of
    /// theirs that came before name the clones at the pattern's place.
    fn kept_as(self, name: &str) -> PathBuf {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::remove_dir_all(&kept).ok();
        copy_all(self.directory.path(), &kept);
        repoint(&kept, self.directory.path());
        kept
    }

    /// A world of its own that begins as a kept one.
    fn like(kept: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        copy_all(&kept.join("."), directory.path());
        repoint(directory.path(), kept);
        Self { directory }
    }

    /// The Adversary passes M1 and the Builder has it.
    pub fn pass(&self) {
        self.run_in("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
        self.run_in("adversary", &["sync"]).expect(0, "pushed");
        self.run_in("builder", &["sync"]).expect(0, "pulled");
    }
}

fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "copied {}", from.display());
}

/// Makes the clones of a copied world ask the copy's origin.
fn repoint(world: &Path, original: &Path) {
    for clone in ["builder", "adversary"] {
        let config = world.join(clone).join(".git/config");
        if !config.exists() {
            continue;
        }
        let text = fs::read_to_string(&config).expect("read");
        let (old, new) = (original.to_string_lossy(), world.to_string_lossy());
        assert!(text.contains(&*old), "{text}");
        fs::write(&config, text.replace(&*old, &new)).expect("written");
    }
}

/// Copies what a phase consists of, over whatever is there.
#[cfg(feature = "test-hooks")]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for name in ["builder", "adversary", "origin.git", "state", "lab", "pins"] {
        if !from.join(name).exists() {
            continue;
        }
        fs::remove_dir_all(to.join(name)).ok();
        let copied = Command::new("cp").arg("-a").args([from.join(name), to.join(name)]).status();
        assert!(copied.is_ok_and(|status| status.success()), "copied {name}");
    }
}

/// Whether everything is to be tried (`scripts/test --sweep`), not only a part that stands for the rest.
pub fn thorough() -> bool {
    std::env::var_os("COUNTERSIGN_SWEEP").is_some()
}

/// Those to try: all of them, or the first few that stand for the rest.
pub fn these<T>(few: usize, all: &[T]) -> &[T] {
    if thorough() { all } else { &all[..few.min(all.len())] }
}

/// The contract's file in the Builder's clone.
pub const CONTRACT: &str = "builder/machine-docs/PHASE-demo.toml";

/// A criterion over a file of the subject.
pub const GUARD: &str = "[[gate.criterion]]\nid = \"guard\"\ntitle = \"The safety net is kept\"\nprobe = \"file.contains\"\nfile = \"scripts/step0.sh\"\npatterns = ['available IP']\n";

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
