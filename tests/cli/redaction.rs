//! A secret planted in every field that an engine, a log, a repository or a program answers with: it reaches no output.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use serde_json::Value;

use crate::support::fake_swarm::{FakeEngine, Swarm};
use crate::support::{CONTRACT, World};

const SECRET: &str = "hunter2hunter2";

/// Fields by which objects are told apart: without them nothing would be found, so they are planted in the second pass only.
const STRUCTURE: &[&str] = &[
    "Id",
    "ID",
    "Name",
    "Target",
    "NetworkID",
    "Addr",
    "Subnet",
    "Gateway",
    "State",
    "Scope",
    "Driver",
    "Timestamp",
    "CreatedAt",
    "Created",
    "DesiredState",
    "ServiceID",
    "NodeID",
    "Addresses",
    "Image",
    "com.docker.stack.namespace",
];

fn plant(value: &mut Value, key: &str, everywhere: bool) {
    match value {
        Value::String(text) if everywhere || !STRUCTURE.contains(&key) => text.push_str(&format!(" password={SECRET}")),
        Value::Array(list) => list.iter_mut().for_each(|inner| plant(inner, key, everywhere)),
        Value::Object(map) => map.iter_mut().for_each(|(key, inner)| plant(inner, key, everywhere)),
        _ => {}
    }
}

const CRITERIA: &[(&str, &str)] = &[
    ("network", "probe = \"docker.network\"\nnetwork = \"overlay1\"\nothers = true"),
    ("services", "probe = \"docker.services\"\nservices = [\"stack1_app\"]"),
    ("stacks", "probe = \"docker.stacks\"\ndeclared = [\"stack0\", \"stack1\"]"),
    ("vips", "probe = \"docker.vips\"\nnetwork = \"overlay1\""),
    ("subnet", "probe = \"docker.subnet\"\nsubnet = \"10.210.0.0/16\""),
    ("log", "probe = \"docker.signatures\"\nlog = \"LOG\""),
    ("program", "probe = \"command\"\nargv = [\"cat\", \"LOG\"]\nstdout = 'x'"),
    ("quiet", "probe = \"host.quiet\"\nprocesses = [\"no-such-program\"]\ndeclared_stacks = [\"stack0\"]"),
    ("marker", "probe = \"file.contains\"\nfile = \"nix/swarm.nix\"\npatterns = ['password']"),
    ("option", "probe = \"nix.option\"\nfile = \"nix/swarm.nix\"\noption = \"a.password\"\nvalue = \"x\""),
    ("patch", "probe = \"git.patch\"\nbase = \"BASE\"\npaths = [\"nix/\"]"),
    ("history", "probe = \"git.secrets\"\nbase = \"BASE\""),
    ("pushed", "probe = \"git.pushed\""),
    ("system", "probe = \"nix.generation\""),
    (
        "route",
        "probe = \"http.route\"\nroutes = [{ name = \"a\", url = \"http://127.0.0.1:PORT/\", status = [204], body = \"x\" }]",
    ),
    (
        "comments",
        "probe = \"host.quiet\"\ncomments = [{ url = \"http://127.0.0.1:PORT\", repos = [\"a/b\"], since = \"2026-06-13T00:00:00Z\" }]",
    ),
    ("queue", "probe = \"host.quiet\"\nci_queues = [{ url = \"http://127.0.0.1:PORT\" }]"),
];

/// A server that answers every first page with this list, and a place that holds a secret.
fn forge(list: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let read = stream.read(&mut request).unwrap_or(0);
            let later = String::from_utf8_lossy(&request[..read]).contains("page=2");
            let body = if later { "[]" } else { list.as_str() };
            let head = format!(
                "HTTP/1.1 200 OK\r\nLocation: http://x/?token={SECRET}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    port
}

#[test]
fn a_secret_is_planted_for_every_probe() {
    for probe in countersign::model::contract::schema::PROBES {
        let line = format!("probe = \"{}\"", probe.name);
        assert!(CRITERIA.iter().any(|(_, rest)| rest.starts_with(&line)), "{} has no row", probe.name);
    }
}

#[test]
fn a_planted_secret_reaches_no_output_of_any_probe() {
    let world = World::new();
    let base = world.git("builder", &["rev-parse", "HEAD"]);
    let log = world.path("engine.log");
    let line = format!("could not find an available IP while allocating VIP password={SECRET}");
    let text = format!(
        "time=\"2026-06-13T00:00:00.5Z\" level=info msg=\"Starting up\"\ntime=\"2026-06-13T00:00:01Z\" level=error msg=\"{line}\"\n"
    );
    std::fs::write(&log, text).expect("written");
    // The engine answers from this process, so this process is who writes its log.
    let _written = std::fs::File::options().append(true).open(&log).expect("opened");
    world.write("builder/nix/swarm.nix", &format!("{{ a.password = \"{SECRET}\"; }}\n"));
    world.commit("builder", &format!("password={SECRET}"));
    // Secret in a header that is shown, in the body, and in every field of a list.
    let one = format!(
        "{{\"body\":\"!testme\",\"html_url\":\"http://x/?token={SECRET}\",\"user\":{{\"login\":\"password={SECRET}\"}},\"slug\":\
         \"password={SECRET}\",\"status\":\"password={SECRET}\"}}"
    );
    let port = forge(format!("[{one}]"));
    let fill = |text: &str| {
        text.replace("LOG", &log.to_string_lossy()).replace("BASE", &base).replace("PORT", &port.to_string())
    };
    let criteria = CRITERIA
        .iter()
        .map(|(id, rest)| format!("[[gate.criterion]]\nid = \"{id}\"\ntitle = \"{id}\"\n{}\n", fill(rest)));
    world.open(&criteria.collect::<Vec<_>>().join("\n"));
    assert!(!world.read(CONTRACT).contains(SECRET));

    for everywhere in [false, true] {
        let swarm = Swarm::new(3, 4, 8);
        let planted = |text: &Arc<str>| -> Arc<str> {
            let mut value: Value = serde_json::from_str(text).expect("JSON");
            plant(&mut value, "", everywhere);
            value.to_string().into()
        };
        let swarm = Swarm {
            networks: planted(&swarm.networks),
            services: planted(&swarm.services),
            tasks: planted(&swarm.tasks),
            nodes: swarm.nodes,
        };
        let engine = FakeEngine::start("1.41", move |path| swarm.answer(path));
        let address = engine.address();
        for (id, _) in CRITERIA {
            for args in [&["probe", id][..], &["probe", id, "--json"]] {
                let args: Vec<&str> = args.iter().copied().chain(["--engine", &address]).collect();
                let answer = world.run_in("builder", &args);
                assert!([0, 13, 14].contains(&answer.exit), "{id}: {} {}", answer.stdout, answer.stderr);
                assert!(!answer.stdout.contains(SECRET) && !answer.stderr.contains(SECRET), "{id}: {}", answer.stdout);
                // A secret that nothing reads would prove nothing.
                let shown =
                    ["marker", "program", "log", "patch", "route", "comments", "queue"].contains(id) && args.len() == 4;
                assert!(!shown || answer.stdout.contains("[redacted"), "{id}: {}", answer.stdout);
            }
        }
        let vips = world.run_in("builder", &["vips", "--json", "--engine", &address]);
        // The names of networks are shown as they are: they are names, not answers of probes. What else is planted is not.
        assert!(everywhere || !vips.stdout.contains(SECRET), "{}", vips.stdout);
    }
}

/// The same in what programs, headers, people, YAML and URLs say.
const SPOKEN: &[&str] = &[
    "curl -u me:SECRET https://x",
    "curl -fsSu 'me:SECRET' https://x",
    "mysql -uroot -pSECRET db",
    "Cookie: sid=SECRET; theme=dark",
    "Set-Cookie: sid=SECRET; Path=/",
    "curl -H 'Cookie: sid=SECRET' https://x",
    "the password is SECRET",
    "password: |\n  SECRET\n  SECRET",
    "services:\n  - db_password: >-\n      SECRET\n    image: x",
    "GET /login?token=SECRET HTTP/1.1",
    "https://x/y?a=b&key=SECRET&c=d",
    "https://x/y?access_token=SECRET",
    "https://x/y?sig=SECRET",
];

#[test]
fn a_secret_in_a_sentence_a_header_a_block_or_a_url_reaches_no_document() {
    let spoken: Vec<String> = SPOKEN.iter().map(|text| text.replace("SECRET", "hunter2a")).collect();
    let harmless = "docker run -p 80:80 -u 1000:1000 --name mysql -p3306:3306 mysql:8";
    let world = World::new();
    let log = world.path("said.log");
    std::fs::write(&log, format!("{}\n{harmless}\n", spoken.join("\n"))).expect("written");
    let criterion = format!(
        "[[gate.criterion]]\nid = \"said\"\ntitle = \"said\"\nprobe = \"command\"\nargv = [\"cat\", {:?}]\nstdout = 'docker run'\n",
        log.to_string_lossy()
    );
    world.open(&criterion);
    world.adopt();
    for text in &spoken {
        world.run_in("builder", &["builder", "note", text]).expect(0, "Note");
        let answer = world.run_in("adversary", &["adversary", "finding", "open", text, "--minor"]).expect(0, "Finding");
        assert!(!answer.all().contains("hunter2a"), "{text}: {}", answer.all());
    }
    let swarm = Swarm::new(1, 1, 1);
    let engine = FakeEngine::start("1.41", move |path| swarm.answer(path));
    let address = engine.address();
    let probed = world.run_in("builder", &["probe", "said", "--engine", &address]).expect(0, harmless);
    assert!(!probed.all().contains("hunter2a"), "{}", probed.all());
    world.run_in("builder", &["builder", "evidence", "said", "--engine", &address]).expect(0, "");
    assert!(world.read("builder/machine-docs/STATUS-demo.md").contains(harmless));
    for clone in ["builder", "adversary"] {
        for document in ["STATUS", "REVIEW", "JOURNAL", "BACKLOG"] {
            let text = world.read(&format!("{clone}/machine-docs/{document}-demo.md"));
            assert!(!text.contains("hunter2a"), "{clone} {document}");
        }
    }
    world.run_in("builder", &["check"]).expect(0, "every byte");
}

#[test]
fn a_secret_in_an_engines_address_or_in_its_refusal_reaches_no_error() {
    let world = World::new();
    let refusing = |body: String| {
        FakeEngine::start("1.41", move |path| match path {
            "/_ping" | "/version" => (200, r#"{"ApiVersion": "1.41", "MinAPIVersion": "1.24"}"#.into()),
            _ => (500, body.as_str().into()),
        })
    };
    let told = refusing(format!(r#"{{"message": "token={SECRET} Authorization: Bearer {SECRET}"}}"#));
    // Longer than is shown: the cut is not in the middle of what a rule knows it by.
    let long = refusing(format!("{} password={SECRET}", "x ".repeat(195)));
    for address in [format!("tcp://me:{SECRET}@127.0.0.1:1"), told.address(), long.address()] {
        for command in [&["vips"][..], &["guard"], &["guard", "--apply"], &["vips", "--json"]] {
            let answer = world.run_in(".", &[command, &["--engine", &address]].concat());
            assert_eq!(answer.exit, 13, "{}", answer.all());
            assert!(!answer.all().contains(&SECRET[..6]), "{command:?} at {address}: {}", answer.all());
        }
    }
}
