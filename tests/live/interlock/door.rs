//! Without an interlock the engine refuses everything; a restart loses nothing; root's door lets through and leaves its mark.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::time::Duration;

use super::lab::{DENIED, Lab, denied};
use crate::support::CONTRACT;

#[test]
fn a_wall_that_is_gone_is_no_open_gate_and_its_door_leaves_a_mark() {
    let Some(mut lab) = Lab::up("door", "window") else { return };
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "phase demo guards this");
    what_the_contract_says_cannot_be_unsaid(&lab);

    // It is gone: not even a question is answered, and nothing is done.
    lab.end_interlock();
    for request in ["DELETE /networks/proxy", "GET /info"] {
        let text = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(lab.raw(text.as_bytes(), Duration::from_secs(3)), None, "{request}");
    }
    // Whoever asks is told what is away and what leads on; what is guarded stands on the host.
    let (engine, socket) = (lab.twin.engine(), lab.socket().to_string_lossy().into_owned());
    lab.run(&["--engine", &engine, "interlock", "status", "--socket", &socket])
        .expect(13, "Nothing answers at")
        .expect(13, "systemctl start countersign-interlock.socket")
        .expect(13, "networks: proxy");
    // It is back, and knows what it guarded also where the phase's files went meanwhile.
    let aside = lab.world.path("aside");
    fs::rename(lab.world.path("builder/machine-docs"), &aside).expect("moved");
    lab.start_interlock();
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "is not in");
    fs::rename(&aside, lab.world.path("builder/machine-docs")).expect("moved back");
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "gate M1 has no PASS");

    // The door, while it does not run.
    lab.end_interlock();
    let reason = "the host must be saved";
    let door = ["--engine", &engine, "interlock", "door", "--for", "5m", "--reason", reason, "--socket", &socket];
    let door = lab.command(&door).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    // A container on it would hold the network; services do too, so that the engine itself refuses this one now.
    lab.twin.until("the door", || {
        let output = lab.twin.try_docker(&["network", "rm", "proxy"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.contains("in use") && !text.contains(DENIED)
    });
    // Ended before its time it is shut, and says what it leaves.
    std::process::Command::new("kill").args(["-INT", &door.id().to_string()]).status().expect("runs");
    let ended = crate::support::Answer::of(&door.wait_with_output().expect("waited"));
    ended.expect(130, "the door is shut; mark ");
    lab.start_interlock();
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "phase demo guards this");
    // The mark stands for as long as it was opened for, and against DONE until it is accepted.
    lab.run(&["status"]).expect(0, "DOOR the door past the interlock was open").expect(0, reason);
    lab.run(&["builder", "done"]).expect(10, "the door past the interlock was open");
    let marks = lab.run(&["interlock", "status", "--json"]).expect(0, "").stdout;
    let marks: serde_json::Value = serde_json::from_str(&marks).expect("JSON");
    let mark: String = marks["result"]["doors"][0]["mark"]
        .as_str()
        .or(marks["doors"][0]["mark"].as_str())
        .expect("a mark")
        .chars()
        .take(12)
        .collect();
    let mut accept = lab.world.command(env!("CARGO_BIN_EXE_countersign"), "adversary", "adversary");
    accept.arg("--state").arg(lab.world.path("state"));
    accept.args(["adversary", "waive", "--accepts", &mark, "--reason", "seen", "--for", "30d"]);
    let accepted = accept.output().expect("runs");
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    lab.world.run_in("adversary", &["sync"]).expect(0, "");
    lab.world.run_in("builder", &["sync"]).expect(0, "");
    let left = lab.run(&["builder", "done"]);
    assert!(!left.all().contains("the door past"), "{}", left.all());
    // Whoever reviews under another user id can read what was decided and opened.
    let log = lab.world.path("state/interlock");
    let files: Vec<_> = fs::read_dir(&log)
        .expect("a log")
        .flatten()
        .flat_map(|dir| fs::read_dir(dir.path()).expect("read").flatten())
        .collect();
    assert!(
        files.len() == 2 && files.iter().all(|file| file.metadata().expect("a file").mode() & 0o044 == 0o044),
        "{files:?}"
    );
}

/// An edited or broken contract guards as before.
fn what_the_contract_says_cannot_be_unsaid(lab: &Lab) {
    let contract = lab.world.read(CONTRACT);
    let cut = contract.split("[protect]").next().expect("a part").to_owned();
    for (text, words) in [
        (cut.clone(), "contract"),
        (format!("{cut}[protect]\nnetworks = [\"mine\"]\n"), "contract"),
        (cut.replace("schema = 1", "schema ="), "its contract is what is wrong"),
    ] {
        lab.world.write(CONTRACT, &text);
        denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), words);
    }
    fs::remove_file(lab.world.path(CONTRACT)).expect("removed");
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "it is missing");
    // Whatever half of it is there at a moment, and whoever takes the adoptions away with it.
    let status = lab.world.read("builder/machine-docs/STATUS-demo.md");
    for round in 0..12 {
        let part = |text: &str| text.get(..text.len() * round / 12).unwrap_or_default().to_owned();
        lab.world.write(CONTRACT, &part(&contract));
        lab.world.write("builder/machine-docs/STATUS-demo.md", &part(&status));
        denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "phase demo guards this");
    }
    lab.world.write("builder/machine-docs/STATUS-demo.md", &status);
    lab.world.write(CONTRACT, &contract);
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "gate M1 has no PASS");
}
