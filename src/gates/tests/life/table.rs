//! The table in ARCHITECTURE.md, played cell by cell.

use std::collections::BTreeSet;

use super::play::Event;
use super::world::World;
use crate::gates::standing::Standing;
use crate::model::record::Body;

/// A world in which the gate stands as the row says, every clone knowing everything.
fn standing_as(row: &str) -> World {
    let mut world = World::new();
    let mut play = |clone: usize, event: Event| {
        world.play(clone, &event, None);
        world.sync();
    };
    if row != "unclaimed" {
        play(0, Event::Claim { lacks: false });
    }
    match row {
        "failed" => play(2, Event::Fail { claim: 0 }),
        "open" | "closed" | "stale" => play(2, Event::Pass { claim: 0, replaces: None, lacks: false }),
        _ => {}
    }
    if row == "closed" {
        play(2, Event::Raise);
    }
    if row == "stale" {
        world.at = "2026-06-14T05:34:14Z".parse().expect("a time");
    }
    world
}

fn happen(world: &mut World, column: &str) {
    let claims = world.known(0, |body| matches!(body, Body::Claim(_))).len();
    let claim = claims.saturating_sub(1);
    let event = match column {
        "claim" => Event::Claim { lacks: false },
        "claim beside it" => {
            // A clone that knows of the adoptions alone.
            world.knows[1] = BTreeSet::from([0, 1]);
            world.play(1, &Event::Claim { lacks: false }, None);
            return world.sync();
        }
        "PASS" => Event::Pass { claim, replaces: None, lacks: false },
        "PASS, superseding" => Event::Pass { claim, replaces: Some(0), lacks: false },
        "FAIL" => Event::Fail { claim },
        "veto" => Event::Raise,
        "lift" => Event::Lift { veto: 0 },
        "finding" => Event::Open { minor: false },
        other => panic!("no event `{other}`"),
    };
    world.play(0, &event, None);
    world.sync();
}

/// The table in ARCHITECTURE.md is the test: every cell of it is played.
#[test]
fn the_table_of_a_gate_is_what_happens() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).expect("read");
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let table: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| !line.starts_with("| gate \\ event"))
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert_eq!(table.len(), 2 + 6, "the table of a gate has six rows");
    let mut found = String::new();
    for row in &table[2..] {
        let before = standing_as(&row[0]);
        assert_eq!(word(before.standing(before.at)), row[0]);
        found += &format!("| {} |", row[0]);
        for column in &table[0][1..] {
            let mut world = standing_as(&row[0]);
            happen(&mut world, column);
            found += &format!(" {} |", word(world.standing(world.at)));
        }
        found += "\n";
    }
    let wanted: String = table[2..].iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    assert_eq!(found, wanted, "ARCHITECTURE.md says otherwise");
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Unclaimed => "unclaimed",
        Standing::Claimed => "claimed",
        Standing::Failed => "failed",
        Standing::Stale => "stale",
        Standing::Closed => "closed",
        Standing::Open => "open",
    }
}
