//! Three managers: whichever is asked refuses, also while the engine of the phase is away, and the step goes on under another leader.

use super::lab::{DENIED, Lab, denied};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

#[test]
fn every_manager_refuses_and_the_step_goes_on_under_another_leader() {
    let Some(lab) = Lab::up_of(3, "managers", "window") else { return };
    assert_eq!(lab.twin.ready_nodes(), NODES);
    let id = lab.twin.docker(&["network", "inspect", "proxy", "--format", "{{.Id}}"]);
    let acts: [&[&str]; 5] = [
        &["network", "rm", "proxy"],
        &["network", "rm", &id],
        &["service", "rm", "quiet_app"],
        &["node", "update", "--availability", "drain", "n2"],
        &["swarm", "leave", "--force"],
    ];
    let refused = |node: &str, words: &str| {
        for act in acts {
            denied(&lab.twin.try_docker_on(node, act), words);
        }
        // What is nobody's goes on.
        for act in [&["network", "create", "--driver", "overlay", "mine"][..], &["network", "rm", "mine"], &["ps"]] {
            let output = lab.twin.try_docker_on(node, act);
            assert!(output.status.success(), "{node}: {act:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    };
    for node in NODES {
        refused(node, "gate M1 has no PASS");
    }

    // The engine of the phase goes away, and another manager leads.
    lab.twin.node("stop", "n1");
    let leads = |node: &str| {
        let shown = lab.twin.try_docker_on("n2", &["node", "inspect", node, "--format", "{{.ManagerStatus.Leader}}"]);
        String::from_utf8_lossy(&shown.stdout).trim() == "true"
    };
    lab.twin.until("another leader", || leads("n2") || leads("n3"));
    for node in ["n2", "n3"] {
        for act in acts {
            denied(&lab.twin.try_docker_on(node, act), DENIED);
        }
    }
    lab.twin.node("start", "n1");
    lab.twin.until("n1 to be back", || lab.twin.ready_nodes() == NODES);
    assert!(leads("n2") || leads("n3"), "n1 leads again");

    lab.pass();
    let other = lab.twin.try_docker_on("n2", &["network", "rm", "proxy"]);
    denied(&other, "gate M1 is open for the executor alone");
    lab.run(&["builder", "run", "recreate"]).expect(0, "is done");
    let subnet = ["network", "inspect", "proxy", "--format", "{{(index .IPAM.Config 0).Subnet}}"];
    for node in NODES {
        let shown = lab.twin.try_docker_on(node, &subnet);
        assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), "10.77.0.0/16", "{node}");
    }
}
