//! `--json`: one versioned object on standard output, whatever happens; talk goes to standard error.

use serde_json::Value;

use crate::support::{GUARD, World};

#[track_caller]
fn object(world: &World, clone: &str, args: &[&str], exit: i32) -> Value {
    let answer = world.run_in(clone, &[args, &["--json"]].concat());
    assert_eq!(answer.exit, exit, "{args:?}: {}{}", answer.stdout, answer.stderr);
    assert_eq!(answer.stdout.lines().count(), 1, "{args:?}: one line: {}", answer.stdout);
    let value: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert_eq!((value["schema"].as_u64(), value["exit"].as_i64()), (Some(1), Some(i64::from(exit))), "{args:?}");
    assert_eq!(value.get("error").is_some(), !matches!(exit, 0) && value["error"].is_object(), "{args:?}");
    value
}

#[test]
fn every_command_answers_with_one_object() {
    let world = World::adopted();
    let names = [
        (&["status"][..], 0, "status"),
        (&["next"], 0, "next"),
        (&["check"], 0, "check"),
        (&["doctor"], 13, "doctor"),
        (&["probe", "guard"], 0, "probe"),
        (&["probe", "--explain", "docker.subnet"], 0, "probe"),
        (&["builder", "plan"], 0, "builder plan"),
        (&["builder", "adopt"], 0, "builder adopt"),
        (&["builder", "note", "x"], 0, "builder note"),
        (&["builder", "task", "x"], 0, "builder task"),
        (&["builder", "evidence", "guard"], 0, "builder evidence"),
        (&["builder", "claim", "M1"], 0, "builder claim"),
        (&["init", "--phase", "demo"], 0, "init"),
        (&["sync"], 0, "sync"),
    ];
    for (args, exit, name) in names {
        assert_eq!(object(&world, "builder", args, exit)["command"], name);
    }
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    for (args, name) in [
        (&["adversary", "brief", "M1"][..], "adversary brief"),
        (&["adversary", "waive", "--criterion", "guard", "--reason", "x", "--for", "1d"], "adversary waive"),
        (&["adversary", "finding", "open", "x", "--minor"], "adversary finding open"),
        (&["adversary", "pass", "M1"], "adversary pass"),
        (&["adversary", "fail", "M1", "--reason", "x"], "adversary fail"),
        (&["adversary", "veto", "raise", "--reason", "x"], "adversary veto raise"),
    ] {
        assert_eq!(object(&world, "adversary", args, 0)["command"], name);
    }
}

#[test]
fn errors_are_objects_too() {
    let world = World::new();
    let value = object(&world, ".", &["status"], 2);
    assert!(value["error"]["message"].as_str().expect("a message").contains("is in no git repository"), "{value}");
    assert!(value["error"]["next"].is_string(), "{value}");
    world.open(GUARD);
    for (args, exit) in [
        (&["builder", "claim", "M9"][..], 2),
        (&["builder", "claim"], 2),
        (&["no-such-command"], 2),
        (&["builder", "note", "--colour"], 2),
        (&["builder", "claim", "M1"], 31),
        (&["adversary", "adopt", "--yes", "000000000000"], 31),
        (&["trust", "nowhere.pub"], 2),
        (&["builder", "done"], 31),
        (&["-C", "nowhere", "status"], 2),
    ] {
        let value = object(&world, "builder", args, exit);
        assert!(!value["error"]["message"].as_str().expect("a message").is_empty(), "{args:?}: {value}");
    }
}
