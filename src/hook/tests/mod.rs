//! Command lines as people type them, and what wrapping them must not change.

mod lines;
mod table;
mod wrapped;

use std::path::{Path, PathBuf};

use super::reader::{Reader, Surroundings};
use super::rule::{Decision, Phase, Ruling, decide};
use crate::model::contract::protect::{Attachments, HostAct, Protect, SwarmAct};

/// A repository at `/repo`, with scripts.
struct Around;

impl Surroundings for Around {
    fn file(&self, path: &Path) -> Option<Vec<u8>> {
        let path: PathBuf = path.components().collect();
        let text = match path.to_str()? {
            "/repo/build.sh" => {
                "#!/usr/bin/env bash\nset -eu\ncd \"$(dirname \"$0\")\"\nfor f in *.rs; do\n  rustfmt \"$f\"\ndone\n"
            }
            "/repo/scripts/recreate.sh" => "#!/bin/sh\n# the runbook\ndocker stack rm drone\ndocker network rm proxy\n",
            "/repo/scripts/clean.sh" => {
                "#!/bin/bash\nfor n in $(docker network ls -q); do docker network rm \"$n\"; done\n"
            }
            "/repo/tool.py" => "#!/usr/bin/env python3\nprint('docker network rm proxy')\n",
            "/repo/broken.sh" => "#!/bin/sh\nif then docker ps\n",
            "/repo/s/options.sh" => "#!/bin/bash -e\ndocker network rm proxy\n",
            "/repo/s/env.sh" => "#!/usr/bin/env -S bash -eu\ndocker network rm proxy\n",
            "/repo/s/bare.sh" => "docker network rm proxy\n",
            "/repo/s/crlf.sh" => "#!/bin/bash\r\ndocker network rm proxy\r\n",
            "/repo/s/nix.sh" => "#!/usr/bin/env nix-shell\n#! nix-shell -i bash -p docker\ndocker network rm proxy\n",
            "/repo/s/beside.sh" => "#!/bin/bash\nexec \"$(dirname \"$0\")/options.sh\"\n",
            "/repo/s/there.sh" => "#!/bin/bash\ncd \"$(dirname \"$0\")\"\n./options.sh\n",
            "/repo/s/long.sh" => {
                return Some(format!("#!/bin/sh\n{}\ndocker network rm proxy\n", "#".repeat(70_000)).into());
            }
            "/repo/s/latin.sh" => return Some(b"#!/bin/sh\n# \xe9\ndocker network rm proxy\n".to_vec()),
            "/repo/s/program" => return Some(b"\x7fELF\0docker network rm proxy\n".to_vec()),
            "/repo/s/entry.sh" => "#!/bin/sh\nset -e\n: \"${X:=$(pwd)}\"\nexec \"$@\"\n",
            "/repo/s/given.sh" => "#!/bin/sh\nrun() { \"$@\"; }\nrun docker ps\n",
            "/repo/s/runs.sh" => "#!/bin/sh\nrun() { \"$@\"; }\nrun docker network rm proxy\n",
            "/repo/s/opaque.sh" => "#!/bin/sh\ndocker ps\nexec $CMD\n",
            _ => return None,
        };
        Some(text.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/other".to_owned())
    }

    fn repository(&self, directory: &Path) -> Option<PathBuf> {
        // `..` as the file system would take it.
        let mut real = PathBuf::new();
        for part in directory.components() {
            match part {
                std::path::Component::ParentDir => drop(real.pop()),
                part => real.push(part),
            }
        }
        ["/repo", "/other"].into_iter().find(|root| real.starts_with(root)).map(|root| Path::new(root).join(".git"))
    }

    fn origin(&self, directory: &Path) -> Option<String> {
        self.repository(directory)?.starts_with("/repo").then(|| "coop/recipe".to_owned())
    }
}

fn protect() -> Protect {
    Protect {
        networks: vec!["proxy".into()],
        services: vec!["lone".into()],
        stacks: vec!["traefik".into(), "drone".into()],
        swarm: SwarmAct::ALL.to_vec(),
        attachments: Attachments::Window,
        units: vec!["swarm-init".into(), "ccci-poll.timer".into()],
        host: HostAct::ALL.to_vec(),
        merges: ["coop/*", "else/app#7"].map(|pulls| pulls.to_owned().try_into().expect("pull requests")).to_vec(),
    }
}

fn phase() -> Phase {
    Phase {
        name: "demo".into(),
        repository: Some("/repo/.git".into()),
        protect: Some(protect()),
        window: false,
        step: false,
        places: vec!["/var/lib/countersign".into()],
    }
}

/// What is decided about a line in `/repo`.
fn decision(line: &str, phases: &[Phase]) -> Decision {
    let mut reader = Reader::new(&Around, Path::new("/repo"));
    reader.text(line);
    decide(&reader.found, phases)
}

fn ruling(line: &str) -> Ruling {
    decision(line, &[phase()]).ruling
}
