//! Whatever is put around a command that is denied, it is not allowed.

use proptest::prelude::*;

use super::super::rule::Ruling;
use super::ruling;

/// Lines that are denied by themselves.
const DENIED: &[&str] = &[
    "docker network rm proxy",
    "docker stack rm traefik",
    "docker service scale lone=0",
    "docker swarm leave --force",
    "systemctl restart docker",
    "nixos-rebuild switch --flake .",
    "git push --force origin main",
    "gh pr merge 12 -R coop/recipe",
    "curl -X DELETE --unix-socket /run/docker.sock http://d/networks/proxy",
];

/// Something that is put around a command.
#[derive(Debug, Clone)]
enum Around {
    /// Before a simple command.
    Carrier(&'static str),
    /// Around a line.
    Line(&'static str, &'static str),
    /// A shell that is given the line as one quoted word.
    Shell(&'static str),
}

fn around() -> impl Strategy<Value = Around> {
    let carriers = prop::sample::select(vec![
        "sudo ",
        "sudo -n -E ",
        "env ",
        "env A=1 B='x y' ",
        "nohup ",
        "nice -n 5 ",
        "timeout 10 ",
        "timeout -s KILL 1m ",
        "time ",
        "ionice -c 3 ",
        "stdbuf -oL ",
        "setsid ",
        "doas -u root ",
        "command ",
        "A=1 ",
        "xargs ",
        "busybox ",
        "just ",
        "strace -f ",
        "$SUDO ",
        "\"${SUDO[@]}\" ",
        "flock /tmp/l ",
        "X=$(date) ",
    ]);
    let lines = prop::sample::select(vec![
        ("ls && ", ""),
        ("false || ", ""),
        ("", " && ls"),
        ("ls; ", "; ls"),
        ("", " &"),
        ("", " | tee log"),
        ("", " > /dev/null 2>&1"),
        ("( ", " )"),
        ("( (", ") )"),
        ("{ ", "; }"),
        ("if true; then ", "; fi"),
        ("while true; do ", "; done"),
        ("for i in 1 2; do ", "; done"),
        ("case x in *) ", ";; esac"),
        ("f() { ", "; }; f"),
        ("echo \"$( ", " )\""),
        ("X=$( ", " )"),
        ("diff <( ", " ) /dev/null"),
        ("bash <<'END_OF_IT'\n", "\nEND_OF_IT\n"),
    ]);
    let shells = prop::sample::select(vec![
        "sh -c ",
        "bash -lc ",
        "bash -euo pipefail -c ",
        "sudo sh -c ",
        "ssh host ",
        "ssh -p 22 root@host -- ",
        "eval ",
        "su - -c ",
        "docker exec c sh -c ",
        "watch -n 5 ",
        "flock /tmp/l -c ",
        "script -qec ",
        "env -S",
        "nix develop -c sh -c ",
    ]);
    prop_oneof![
        carriers.prop_map(Around::Carrier),
        lines.prop_map(|(before, after)| Around::Line(before, after)),
        shells.prop_map(Around::Shell),
    ]
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A line with all that around it. A carrier takes a program, so that what is no simple command comes to it in a shell.
fn wrapped(line: &str, layers: &[Around]) -> String {
    let (mut line, mut simple) = (line.to_owned(), true);
    for (at, layer) in layers.iter().enumerate() {
        // What is no simple command can stand behind and before others in braces.
        let whole = if simple { line.clone() } else { format!("{{ {line}\n}}") };
        (line, simple) = match layer {
            Around::Carrier(carrier) if simple => (format!("{carrier}{line}"), true),
            Around::Carrier(carrier) => (format!("{carrier}sh -c {}", quoted(&line)), true),
            Around::Line(before, after) => {
                // Each here-document has an end of its own.
                let [before, after] = [before, after].map(|text| text.replace("END_OF_IT", &format!("END_{at}")));
                (format!("{before}{whole}{after}"), false)
            }
            Around::Shell(shell) => (format!("{shell}{}", quoted(&line)), true),
        };
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn wrapping_never_allows(denied in prop::sample::select(DENIED), layers in prop::collection::vec(around(), 0..5)) {
        let line = wrapped(denied, &layers);
        prop_assert_ne!(ruling(&line), Ruling::Allow, "{}", line);
    }

    #[test]
    fn nothing_makes_the_reader_fall_over(line in "[a-z $(){}\"'`;|&<>*\\\\\n#=-]{0,60}") {
        ruling(&line);
    }
}
