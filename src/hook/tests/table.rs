//! The table: a line, and what is decided about it.

use super::super::rule::Ruling::{self, Allow, Ask, Deny};
use super::lines::{ALLOWED, ASKED, DENIED};
use super::{Around, decision, phase, ruling};
use crate::hook::reader::Reader;
use crate::model::contract::protect::{Attachments, Protect};
use std::path::Path;

#[test]
fn every_line_is_decided_as_it_should_be() {
    let mut wrong = Vec::new();
    for (wanted, lines) in [(Allow, ALLOWED), (Deny, DENIED), (Ask, ASKED)] {
        for line in lines {
            let found = decision(line, &[phase()]);
            if found.ruling != wanted {
                wrong.push(format!(
                    "{} is {}, wanted {}: {:?}",
                    line,
                    found.ruling.label(),
                    wanted.label(),
                    found.acts
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        ALLOWED.len() + DENIED.len() + ASKED.len(),
        wrong.join("\n")
    );
}

#[test]
fn where_nothing_is_guarded_everything_is_allowed() {
    let blank = super::Phase { protect: Some(Protect::default()), ..phase() };
    for line in DENIED.iter().chain(ASKED) {
        assert_eq!(decision(line, &[]).ruling, Allow, "{line}");
        assert_eq!(decision(line, std::slice::from_ref(&blank)).ruling, Allow, "{line}");
    }
    for line in ALLOWED {
        // What cannot be known is asked, but only for what could touch something.
        let unknown = super::Phase { protect: None, ..phase() };
        assert!(decision(line, &[unknown]).ruling < Deny, "{line}");
    }
}

#[test]
fn a_window_closes_the_network_and_a_step_every_service() {
    let window = super::Phase { window: true, ..phase() };
    let step = super::Phase { window: true, step: true, ..phase() };
    let always = Protect { attachments: Attachments::Always, ..super::protect() };
    let always = super::Phase { protect: Some(always), ..phase() };
    let rows: [(&str, [Ruling; 4]); 9] = [
        ("docker run --network proxy alpine true", [Allow, Deny, Deny, Deny]),
        ("docker network connect proxy web", [Allow, Deny, Deny, Deny]),
        ("docker service create --network proxy nginx", [Allow, Deny, Deny, Deny]),
        ("docker service update --force traefik_app", [Allow, Deny, Deny, Allow]),
        ("docker service update --force web", [Allow, Ask, Deny, Allow]),
        ("docker service rm web", [Allow, Ask, Deny, Ask]),
        ("docker compose up -d", [Allow, Ask, Ask, Ask]),
        ("docker stack deploy -c app.yml app", [Allow, Ask, Ask, Ask]),
        ("docker network ls", [Allow; 4]),
    ];
    for (line, wanted) in rows {
        let found = [&phase(), &window, &step, &always].map(|phase| decision(line, std::slice::from_ref(phase)).ruling);
        assert_eq!(found, wanted, "{line}");
    }
}

#[test]
fn words_say_what_would_be_done() {
    for (line, wanted) in [
        ("sudo docker network rm proxy", "removes network `proxy`"),
        ("docker stack rm traefik", "removes service `traefik_*`"),
        ("docker service scale lone=0", "scales service `lone` to nothing"),
        ("git push -f", "forces or removes a branch of the remote (`-f`)"),
        ("nixos-rebuild switch", "switches the host's configuration (`nixos-rebuild switch`)"),
        ("systemctl restart docker", "does `restart` to unit `docker`"),
        ("gh pr merge 12", "merges pull request 12 of coop/recipe"),
        (
            "$D network rm proxy",
            "removes network `proxy`, if it is run so: which program `…` is, is known only when it runs",
        ),
    ] {
        let found = decision(line, &[phase()]);
        assert_eq!(found.acts.first().map(String::as_str), Some(wanted), "{line}");
    }
}

#[test]
fn what_is_long_or_deep_is_asked_and_ends_nothing() {
    let deep = || {
        for line in [
            "(".repeat(2_000),
            format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000)),
            format!("{}true{}", "$(".repeat(2_000), ")".repeat(2_000)),
            format!("{}true{}", "if true; then ".repeat(2_000), "; fi".repeat(2_000)),
            format!("echo {}", "x".repeat(70_000)),
            format!("{}ls", "sh -c '".repeat(3)),
            format!("{}docker network rm proxy", "env ".repeat(5_000)),
            format!("{}docker network rm proxy", "sudo ".repeat(12_000)),
        ] {
            assert_eq!(ruling(&line), Ask, "{}", &line[..40]);
        }
        // As deep and as long as it may be.
        let nested = format!("{}docker network rm proxy{}", "if true; then ".repeat(900), "; fi".repeat(900));
        assert_eq!(ruling(&nested), Deny);
        assert_eq!(ruling(&"ls -l; ".repeat(2_000)), Allow);
    };
    // Whoever reads has a stack for it.
    std::thread::Builder::new().stack_size(256 << 20).spawn(deep).expect("a thread").join().expect("asked");
    let mut reader = Reader::new(&Around, Path::new("/repo"));
    reader.text("echo one; docker network rm proxy");
    assert_eq!(reader.found.len(), 1);
}
