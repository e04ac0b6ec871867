//! What a command is given by the process it runs in: the clock, the environment, the way to talk. What time it is, is asked here alone.

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use crate::error::{CommandError, Exit};
use crate::host::decisions::{DEFAULT_LOG, Decisions};
use crate::host::pins::DEFAULT_PINS;
use crate::model::digest::Digest;
use crate::model::role::Role;
use crate::model::time::Time;

/// Options that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// Answer with one versioned JSON object on standard output; talk and progress go to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// The phase, when the repository has several
    #[arg(long, global = true, value_name = "NAME")]
    pub phase: Option<String>,
    /// The private key to sign with, instead of the one in the configuration directory
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The engine's address, instead of the contract's
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub engine: Option<String>,
    /// Where the host's state lies, instead of /var/lib/countersign
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub color: String,
    /// Run as if started in this directory
    #[arg(short = 'C', global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// How whoever runs this is connected to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Inside a terminal that outlives the connection, of this name.
    Multiplexer(&'static str),
    /// Over SSH, and nothing in between.
    Remote,
    /// Neither.
    Local,
}

/// The process's surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// The options that every command takes.
    pub global: Global,
    /// Where the command runs.
    pub directory: PathBuf,
}

impl Context {
    /// Looks around.
    ///
    /// # Errors
    ///
    /// The directory is not there, or is none.
    pub fn new(global: &Global) -> Result<Self, CommandError> {
        let directory = match &global.directory {
            Some(directory) => directory.clone(),
            None => env::current_dir()
                .map_err(|error| CommandError::new(Exit::Usage, format!("the current directory: {error}"), ""))?,
        };
        let wrong = |why: String| {
            CommandError::new(Exit::Usage, format!("{}: {why}", directory.display()), "name a directory that is there")
        };
        let real = fs::canonicalize(&directory).map_err(|error| wrong(error.to_string()))?;
        if !real.is_dir() {
            return Err(wrong("it is no directory".to_owned()));
        }
        Ok(Self { global: global.clone(), directory: real })
    }

    /// Now, to the second.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the clock")]
    pub fn now(&self) -> Time {
        #[cfg(feature = "test-hooks")]
        if let Some(time) = env::var("COUNTERSIGN_NOW").ok().and_then(|text| ordered_time(&text)) {
            return time;
        }
        Time::from_utc(chrono::Utc::now())
    }

    /// Where the pins of every engine lie.
    pub fn pins(&self) -> PathBuf {
        #[cfg(feature = "test-hooks")]
        if let Some(path) = env::var_os("COUNTERSIGN_PINS") {
            return path.into();
        }
        PathBuf::from(DEFAULT_PINS)
    }

    /// What an interlock decided about an engine; apart from the host's state, so that whoever reviews can read it.
    pub fn decisions(&self, engine_id: &str) -> Decisions {
        let base = self.global.state.as_ref().map(|state| state.join("interlock"));
        Decisions::at(&base.unwrap_or_else(|| PathBuf::from(DEFAULT_LOG)), engine_id)
    }

    /// The variables that commands which talk to a git remote may use.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let wanted = |name: &str| {
            matches!(
                name,
                "HOME" | "XDG_CONFIG_HOME" | "SSH_AUTH_SOCK" | "GIT_SSH_COMMAND" | "GIT_ASKPASS" | "USER" | "LOGNAME"
            ) || name.starts_with("GIT_CONFIG_")
                || name.starts_with("GIT_AUTHOR_")
                || name.starts_with("GIT_COMMITTER_")
        };
        env::vars().filter(|(name, _)| wanted(name)).collect()
    }

    /// The file of a role's private key.
    ///
    /// # Errors
    ///
    /// None was named and there is no home directory.
    pub fn key_path(&self, role: Role) -> Result<PathBuf, CommandError> {
        if let Some(path) = &self.global.key {
            return Ok(path.clone());
        }
        let config = env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
        match config {
            Some(config) => Ok(config.join("countersign/keys").join(role.name())),
            None => Err(CommandError::new(
                Exit::Usage,
                "neither HOME nor XDG_CONFIG_HOME is set",
                "name the key with --key FILE",
            )),
        }
    }

    /// The digest of this machine's id (machine-id(5): the id itself is not to be published).
    ///
    /// # Errors
    ///
    /// The machine has none.
    pub fn machine(&self) -> Result<Digest, CommandError> {
        let paths = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
        let id = paths
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .map(|text| text.trim().to_owned())
            .find(|id| !id.is_empty());
        id.map(|id| Digest::of_parts(&[b"machine", id.as_bytes()])).ok_or_else(|| {
            CommandError::new(
                Exit::Unknown,
                "this machine has no id: /etc/machine-id is missing or empty",
                "systemd-machine-id-setup",
            )
        })
    }

    /// The user id.
    pub fn uid(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// On NixOS, the store path of the running system.
    pub fn system(&self) -> Option<String> {
        let path = fs::read_link("/run/current-system").ok()?;
        path.starts_with("/nix/store").then(|| path.to_string_lossy().into_owned())
    }

    /// Who holds a lock, for whoever waits.
    pub fn holder(&self, command: &str) -> String {
        format!("pid {}: countersign {command}, since {}", std::process::id(), self.now())
    }

    /// How whoever runs this is connected to the machine.
    pub fn connection(&self) -> Connection {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        match (set("TMUX"), set("STY"), set("SSH_CONNECTION")) {
            (true, ..) => Connection::Multiplexer("tmux"),
            (_, true, _) => Connection::Multiplexer("screen"),
            (.., true) => Connection::Remote,
            _ => Connection::Local,
        }
    }

    /// Whether standard error is a terminal.
    pub fn talks_to_a_person(&self) -> bool {
        io::stderr().is_terminal()
    }
}

/// The time that a test orders: itself, or `@FILE`, which holds it and may change while the process runs.
#[cfg(feature = "test-hooks")]
fn ordered_time(text: &str) -> Option<Time> {
    match text.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).ok()?.trim().parse().ok(),
        None => text.parse().ok(),
    }
}
