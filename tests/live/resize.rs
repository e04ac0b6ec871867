//! Any swarm: another network, other services, another front, another grace, from `init --template network-resize` to DONE.

use crate::support::twin::Twin;
use crate::support::{Answer, World};

const CONTRACT: &str = "builder/machine-docs/PHASE-bazaar.toml";

/// A market of its own: a front that takes its time to stop, two stalls on it, one of them twice, and a global one.
fn market(twin: &Twin) {
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.61.0.0/24", "bazaar"]);
    let serve = ["countersign-twin:1", "/countersign", "twin-serve"];
    let create = |name: &str, options: &[&str], args: &[&str]| {
        let always = ["service", "create", "--quiet", "--detach", "--no-resolve-image", "--name", name];
        twin.docker(&[&always[..], &["--network", "bazaar"], options, &serve, args].concat());
    };
    let socket = format!("{}/engine.sock", twin.dir().display());
    let mount = format!("type=bind,source={socket},target={socket}");
    let gate = ["--publish", "mode=host,target=80,published=80", "--mount", &mount, "--stop-grace-period", "3s"];
    let engine = twin.engine();
    create("town-gate", &gate, &["front", "--own-host", "gate.bazaar", "--network", "bazaar", "--engine", &engine]);
    let spices = ["--label", "route.host=spices.bazaar", "--replicas", "2", "--stop-grace-period", "1s"];
    create("spice-stall", &spices, &["backend", "--name", "spices"]);
    let toll = ["--label", "route.host=toll.bazaar", "--mode", "global", "--stop-grace-period", "5s"];
    create("toll-house", &toll, &["backend", "--name", "toll", "--status", "402"]);
    twin.until("the market", || {
        let hosts = ["gate.bazaar", "spices.bazaar", "toll.bazaar"];
        hosts.map(|host| twin.route(host)) == [200, 200, 402]
    });
}

fn fill(contract: &str, twin: &Twin) -> String {
    let route =
        "    { name = \"site\", url = \"https://www.example.org/\", status = [200], resolve = \"127.0.0.1\" },\n";
    let of = |name: &str, status: u16| {
        let url = format!("http://{name}.bazaar/");
        let resolve = &twin.address;
        format!("    {{ name = \"{name}\", url = \"{url}\", status = [{status}], resolve = \"{resolve}\" }},\n")
    };
    let routes = of("gate", 200) + &of("spices", 200) + &of("toll", 402);
    let filled = [
        ("network = \"shared\"", "network = \"bazaar\"".to_owned()),
        ("subnet = \"10.40.0.0/16\"", "subnet = \"10.62.0.0/16\"".to_owned()),
        ("old_subnet = \"10.0.1.0/24\"", "old_subnet = \"10.61.0.0/24\"".to_owned()),
        ("front = [\"front\"]", "front = [\"town-gate\"]".to_owned()),
        (route, routes),
        ("unix:///var/run/docker.sock", twin.engine()),
        ("separation = \"uid\"", "separation = \"clone\"".to_owned()),
    ];
    filled.iter().fold(contract.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the template has no `{from}`");
        text.replace(from, to)
    })
}

struct Pins(String);

impl Drop for Pins {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
        std::fs::remove_dir("/etc/countersign").ok();
    }
}

#[test]
fn another_swarm_is_resized_from_init_to_done() {
    let Some(twin) = Twin::up("resize", &[]) else { return };
    market(&twin);
    let _pins = Pins(format!("/etc/countersign/{}", twin.docker(&["info", "--format", "{{.ID}}"])));
    let world = World::new();
    let state = world.path("state").to_string_lossy().into_owned();
    let run = |clone: &str, args: &[&str]| -> Answer {
        world.run_ordered(clone, clone, &[&["--phase", "bazaar", "--state", &state], args].concat(), &[])
    };
    run("builder", &["init", "--template", "network-resize"]).expect(0, "Phase bazaar is open");
    for role in ["builder", "adversary"] {
        world.run_as(role, "builder", &["key", "new", role]).expect(0, "ssh-ed25519");
        let public = world.key(role).with_extension("pub");
        run("builder", &["key", "add", role, &public.to_string_lossy()]).expect(0, "Added");
    }
    world.write(CONTRACT, &fill(&world.read(CONTRACT), &twin));
    let told = run("builder", &["builder", "adopt"]).expect(0, "--yes").stdout;
    let digest = told.trim().rsplit(' ').next().expect("a digest").to_owned();
    run("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    run("builder", &["sync"]).expect(0, "pushed");
    world.git(".", &["clone", "-q", "origin.git", "adversary"]);
    run("adversary", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
    let both = || {
        for clone in ["builder", "adversary", "builder"] {
            run(clone, &["sync"]).expect(0, "");
        }
    };
    both();
    run("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
    both();
    run("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
    run("adversary", &["sync"]).expect(0, "");
    both();
    let public = world.key("adversary").with_extension("pub");
    run("builder", &["trust", &public.to_string_lossy()]).expect(0, "pinned");
    run("builder", &["builder", "window", "open", "--for", "30m"]).expect(0, "is open");
    run("builder", &["builder", "run", "--all"]).expect(0, "route spices");
    let format = "{{(index .IPAM.Config 0).Subnet}}";
    assert_eq!(twin.docker(&["network", "inspect", "bazaar", "--format", format]), "10.62.0.0/16");
    run("builder", &["builder", "claim", "M2"]).expect(0, "is claimed");
    both();
    run("adversary", &["adversary", "pass", "M2"]).expect(0, "PASS");
    run("adversary", &["sync"]).expect(0, "");
    both();
    run("builder", &["builder", "done"]).expect(0, "is done");
    assert!(world.read("builder/machine-docs/STATUS-bazaar.md").contains("\n## DONE"));
}
