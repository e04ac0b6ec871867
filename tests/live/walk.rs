//! The whole phase by `next` alone: each role does what it says, follows the `Next:` of what it ran, and asks again.

use std::fs;

use crate::support::twin::Twin;
use crate::support::{CONTRACT, GUARD, World};

/// Two steps under M1, and M2 after them.
fn steps(place: &str) -> String {
    let step = |id: &str, gate: &str| {
        format!(
            "\n[[step]]\nid = \"{id}\"\ntitle = \"Make {id}\"\ngate = \"{gate}\"\nkind = \"command\"\nargv = [\"touch\", \"{place}/{id}\"]\ntimeout = \"1m\"\n\n\
            [[step.postflight]]\nid = \"{id}-made\"\ntitle = \"It is there\"\nprobe = \"command\"\nargv = [\"find\", \"{place}\", \"-name\", \"{id}\"]\nstdout = '{id}'\n"
        )
    };
    let gate = format!(
        "\n[[gate]]\nid = \"M2\"\ntitle = \"Applied\"\nmax_age = \"24h\"\n\n[[gate.criterion]]\nid = \"made\"\ntitle = \"Both are there\"\nprobe = \"command\"\nargv = [\"ls\", \"{place}\"]\nstdout = 'one\\ntwo'\n"
    );
    gate + &step("one", "M1") + &step("two", "M1")
}

#[test]
fn every_role_by_next_alone_until_done() {
    let Some(twin) = Twin::up("walk", &[]) else { return };
    let world = World::new();
    let place = twin.dir().join("made");
    fs::create_dir(&place).expect("made");
    world.open(GUARD);
    let contract = world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &twin.engine());
    world.write(CONTRACT, &(contract + &steps(&place.to_string_lossy())));
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.git(".", &["clone", "-q", "origin.git", "adversary"]);

    let state = world.path("state").to_string_lossy().into_owned();
    let pin = world.key("adversary").with_extension("pub").to_string_lossy().into_owned();
    let mut ran: Vec<String> = Vec::new();
    let run = |role: &str, command: &str| {
        // What an operator fills in by hand: the key that the Adversary gave them.
        let command = command.replace("KEY.pub", &pin);
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        world.run_in(role, &[&words[..], &["--state", &state]].concat())
    };
    let mut done = false;
    'walk: for _ in 0..20 {
        for role in ["builder", "adversary"] {
            let said = run(role, "countersign next").expect(0, ":").stdout;
            let (who, command) = said.lines().next().and_then(|line| line.split_once(": ")).expect("who: command");
            if who == "nobody" {
                done = true;
                break 'walk;
            }
            let mut command = command.to_owned();
            loop {
                ran.push(format!("{role}: {command}"));
                let answer = run(role, &command).expect(0, "");
                let next = answer
                    .stdout
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("Next: countersign ").map(str::to_owned));
                match next {
                    // A person's choice begins where a word is left open.
                    Some(next) if !next.contains('…') => command = format!("countersign {next}"),
                    _ => break,
                }
            }
        }
    }
    let walk = ran.join("\n");
    assert!(done, "no DONE in:\n{walk}");
    for command in [
        "builder: countersign builder adopt",
        "adversary: countersign adversary adopt",
        "builder: countersign builder claim M1",
        "adversary: countersign adversary brief M1",
        "adversary: countersign adversary pass M1",
        "countersign trust KEY.pub",
        "builder: countersign builder window open --for 30m",
        "builder: countersign builder run one",
        "builder: countersign builder run two",
        "builder: countersign builder claim M2",
        "adversary: countersign adversary pass M2",
        "builder: countersign builder done",
        "builder: countersign builder window close",
    ] {
        assert!(walk.contains(command), "`{command}` is not in:\n{walk}");
    }
    assert!(!walk.contains("builder: countersign adversary"), "nobody was sent to do the other's part:\n{walk}");
    world.run_in("builder", &["check"]).expect(0, "every byte");
}
