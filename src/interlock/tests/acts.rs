//! A table of requests, each with what it would do to what is guarded, before a window and in it.

use std::path::PathBuf;

use crate::interlock::classify::{Class, classify};
use crate::interlock::judge::{Guard, judge};
use crate::interlock::request::Request;
use crate::interlock::world::{Container, Network, Node, Service, World};
use crate::model::contract::protect::{Attachments, Protect, SwarmAct};

/// The id of `proxy`.
const PROXY: &str = "jx5x0rvwibjbg9e5y8w1wvm2n";
const JSON: &str = "application/json";
/// A service that is on the network by the place that older clients use.
const OLD_PLACE: &str = r#"{"Name": "x", "TaskTemplate": {"Networks": []}, "Networks": [{"Target": "proxy"}]}"#;
/// A volume over a directory that its driver's options name in passing.
const OVERLAY: &str = r#"{"DriverOpts": {"type": "overlay", "device": "overlay",
    "o": "lowerdir=/var/lib/countersign/X,upperdir=/tmp/u,workdir=/tmp/w"}}"#;

fn protect() -> Protect {
    Protect {
        networks: vec!["proxy".into()],
        services: vec!["lone".into()],
        stacks: vec!["traefik".into()],
        swarm: SwarmAct::ALL.to_vec(),
        attachments: Attachments::Window,
        ..Protect::default()
    }
}

fn world() -> World {
    let network = |id: &str, name: &str| Network { id: id.into(), name: name.into(), labels: Vec::new() };
    let service = |id: &str, name: &str, stack: Option<&str>, networks: &[&str]| Service {
        id: id.into(),
        name: name.into(),
        stack: stack.map(str::to_owned),
        networks: networks.iter().map(|id| (*id).to_owned()).collect(),
        earlier: None,
        has_tasks: true,
    };
    let labels = vec![("com.docker.stack.namespace".to_owned(), "traefik".to_owned())];
    let wedged = Service { earlier: Some(vec!["gone".into()]), ..service("s4", "wedged", None, &[PROXY]) };
    let back = Service { earlier: Some(vec![PROXY.into()]), ..service("s5", "was-there", None, &["other1"]) };
    World {
        networks: vec![
            network(PROXY, "proxy"),
            network("other1", "other"),
            network("j0short", "jx5"),
            Network { labels, ..network("inner1", "traefik_inner") },
        ],
        services: vec![
            service("s1app", "traefik_app", Some("traefik"), &[PROXY, "inner1"]),
            service("s2", "recipe_app", Some("recipe"), &[PROXY]),
            service("s3", "lone", None, &["other1"]),
            wedged,
            back,
            service("s6", "quiet", None, &["other1"]),
            service("s7", "by-label", Some("traefik"), &["other1"]),
        ],
        nodes: vec![
            Node { id: "n1".into(), name: "alpha".into(), manager: true, drained: false },
            Node { id: "n2".into(), name: "beta".into(), manager: false, drained: true },
        ],
    }
}

/// What a request would do, each act by its first words; `unread` where it cannot be read.
fn acts(request: &Request, window: bool, protect: &Protect, world: &World) -> String {
    let places = [PathBuf::from("/var/lib/countersign")];
    let guard = Guard { protect, window, step: false, token: window, places: &places };
    let made = Container { networks: vec!["default".into(), PROXY.into()], mounts: Vec::new() };
    match classify(request) {
        Class::Harmless => String::new(),
        Class::Unreadable(_) => "unread".into(),
        Class::Judged(asks) => {
            let container = |name: &str| (name == "joined").then_some(&made);
            let all = asks.iter().flat_map(|ask| judge(ask, &guard, world, ask.container().and_then(container)));
            let first = |act: String| act.split(' ').next().unwrap_or_default().to_owned();
            all.map(first).collect::<Vec<_>>().join(" ")
        }
    }
}

fn request(method: &str, uri: &str, kind: &str, body: Option<&str>) -> Request {
    let mut headers = vec![("User-Agent".to_owned(), "curl".to_owned())];
    if !kind.is_empty() {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    if let Some(body) = body {
        headers.push(("Content-Length".to_owned(), body.len().to_string()));
    }
    Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        headers,
        body: body.filter(|_| kind.starts_with(JSON)).map(|body| body.as_bytes().to_vec()),
    }
}

/// Each row: the request, its body, what it does before a window, what in one.
#[test]
fn what_a_request_does() {
    let on = |targets: &str| format!(r#"{{"Name": "x", "TaskTemplate": {{"Networks": [{targets}]}}}}"#);
    let (to_proxy, to_other) = (on(r#"{"Target": "Proxy"}"#), on(r#"{"Target": "other"}"#));
    let to_nothing = on(r#"{"Target": ""}"#);
    let with = |text: &str, more: &str| text.replacen('{', &format!("{{{more}, "), 1);
    let two_lists = with(&to_other, r#""Networks": [{"Target": "proxy"}]"#);
    let elsewhere = with(&to_proxy, r#""Labels": {"com.docker.stack.namespace": "x"}"#);
    let labelled = with(
        &on(r#"{"Target": "proxy"}, {"Target": "inner1"}"#),
        r#""Labels": {"com.docker.stack.namespace": "traefik"}"#,
    );
    let rows: Vec<(&str, &str, Option<&str>, &str, &str)> = vec![
        // The network, by every name.
        ("DELETE", "/v1.41/networks/proxy", None, "removes", "removes"),
        ("DELETE", "/networks/PROXY", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/jx5x0rvwibjbg9e5y8w1wvm2n", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/JX5X0", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/j", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/", None, "removes removes", "removes removes"),
        ("DELETE", "//v1.41//networks//%70rox%79/?x=1", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/traefik_inner", None, "removes", "removes"),
        ("DELETE", "/v1.41/networks/other", None, "", ""),
        // A whole name comes before the beginning of an id.
        ("DELETE", "/v1.41/networks/jx5", None, "", ""),
        ("POST", "/v1.41/networks/create", Some(r#"{"Name": "pRoXy", "Driver": "overlay"}"#), "makes", "makes"),
        ("POST", "/v1.41/networks/create", Some(r#"{"name": "proxy"}"#), "makes", "makes"),
        ("POST", "/v1.41/networks/create", Some(r#"{"Name": "mine"}"#), "", ""),
        ("POST", "/v1.41/networks/create", Some(r#"{"Name": "mine", "nAme": "proxy"}"#), "unread", "unread"),
        ("POST", "/v1.41/networks/create", None, "unread", "unread"),
        ("POST", "/v1.41/networks/create", Some(""), "unread", "unread"),
        ("POST", "/v1.41/networks/proxy/disconnect", Some(r#"{"Container": "c"}"#), "takes", "takes"),
        ("POST", "/v1.41/networks/jx5x/disconnect", None, "takes", "takes"),
        ("POST", "/v1.41/networks/proxy/connect", Some(r#"{"Container": "c"}"#), "", "brings"),
        ("POST", "/v1.41/networks/other/connect", None, "", ""),
        // A prune takes what no service is on.
        ("POST", "/v1.41/networks/prune", None, "", "prunes prunes"),
        ("POST", r#"/v1.41/networks/prune?filters={"label!":{"keep":true}}"#, None, "", "prunes prunes"),
        // Services.
        ("POST", "/v1.41/services/create", Some(&to_proxy), "", "brings"),
        ("POST", "/v1.41/services/create", Some(&to_other), "", ""),
        ("POST", "/v1.41/services/create", Some(r#"{"Name": "x", "Networks": [{"target": "jx5x0"}]}"#), "", "brings"),
        ("POST", "/v1.41/services/create", Some(r#"{"Name": "x", "Networks": "proxy"}"#), "unread", "unread"),
        ("DELETE", "/v1.41/services/traefik_app", None, "removes", "removes"),
        ("DELETE", "/v1.41/services/s1a", None, "removes", "removes"),
        ("DELETE", "/v1.41/services/lone", None, "removes", "removes"),
        ("DELETE", "/v1.41/services/recipe_app", None, "", "removes"),
        ("DELETE", "/v1.41/services/quiet", None, "", ""),
        ("POST", "/v1.41/services/recipe_app/update?version=7", Some(&to_proxy), "", "changes"),
        ("POST", "/v1.41/services/recipe_app/update?version=7", Some(&to_other), "takes", "changes takes"),
        ("POST", "/v1.41/services/quiet/update?version=7", Some(&to_proxy), "", "brings"),
        ("POST", "/v1.41/services/quiet/update?version=7", Some(&to_other), "", ""),
        (
            "POST",
            "/v1.41/services/wedged/update?version=7&rollback=previous",
            Some(&to_proxy),
            "rolls rolls",
            "changes rolls rolls",
        ),
        ("POST", "/v1.41/services/was-there/update?version=7&rollback=previous", Some(&to_other), "", "rolls"),
        // The engine takes the second list only where the first is empty, and an empty name for none.
        ("POST", "/v1.41/services/recipe_app/update?version=7", Some(&two_lists), "takes", "changes takes"),
        ("POST", "/v1.41/services/recipe_app/update?version=7", Some(&to_nothing), "takes", "changes takes"),
        ("POST", "/v1.41/services/recipe_app/update?version=7", Some(OLD_PLACE), "", "changes"),
        // A stack is known by a label that an update can take away; without any it is known by the name.
        ("POST", "/v1.41/services/traefik_app/update?version=7", Some(&to_proxy), "", "changes"),
        ("POST", "/v1.41/services/by-label/update?version=7", Some(&to_other), "takes", "changes takes"),
        ("POST", "/v1.41/services/traefik_app/update?version=7", Some(&elsewhere), "takes", "changes takes"),
        ("POST", "/v1.41/services/traefik_app/update?version=7", Some(&labelled), "", "changes"),
        (
            "POST",
            "/v1.41/services/lone/update?version=7",
            Some(r#"{"Name": "lone", "Mode": {"Replicated": {"Replicas": 0}}}"#),
            "scales",
            "changes scales",
        ),
        // Containers.
        ("POST", "/v1.41/containers/create", Some(r#"{"HostConfig": {"NetworkMode": "proxy"}}"#), "", "brings"),
        ("POST", "/v1.41/containers/create", Some(r#"{"NetworkMode": "proxy"}"#), "", "brings"),
        (
            "POST",
            "/v1.41/containers/create",
            Some(r#"{"NetworkingConfig": {"EndpointsConfig": {"any": {"NetworkID": "jx5x0r"}}}}"#),
            "",
            "brings",
        ),
        ("POST", "/v1.41/containers/create", Some(r#"{"HostConfig": {"NetworkMode": "bridge"}}"#), "", ""),
        ("POST", "/v1.41/containers/create", Some(r#"{"HostConfig": {"Binds": ["/:/h:ro"]}}"#), "", "shows"),
        (
            "POST",
            "/v1.41/containers/create",
            Some(r#"{"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/var/lib/countersign/X"}]}}"#),
            "shows",
            "shows",
        ),
        ("POST", "/v1.41/containers/create", Some(r#"{"HostConfig": {"Binds": ["/run/docker.sock:/s"]}}"#), "", ""),
        (
            "POST",
            "/v1.41/volumes/create",
            Some(r#"{"DriverOpts": {"device": "/var/lib/countersign"}}"#),
            "shows",
            "shows",
        ),
        ("POST", "/v1.41/volumes/create", Some("{}"), "", ""),
        ("POST", "/v1.41/volumes/create", Some(OVERLAY), "shows", "shows"),
        (
            "POST",
            "/v1.41/containers/create",
            Some(
                r#"{"HostConfig": {"Mounts": [{"Type": "volume", "VolumeOptions": {"DriverConfig": {"Options":
                {"o": "lowerdir=/tmp:/var/lib/countersign/X"}}}}]}}"#,
            ),
            "shows",
            "shows",
        ),
        // Plugins of the engine.
        (
            "POST",
            "/v1.41/plugins/some/one/set",
            Some(r#"["DEBUG=1", "state.source=/var/lib/countersign"]"#),
            "shows",
            "shows",
        ),
        ("POST", "/v1.41/plugins/some/one/set", Some(r#"["DEBUG=1", "data.source=/srv"]"#), "", ""),
        ("POST", "/v1.41/plugins/some/one/set", None, "unread", "unread"),
        (
            "POST",
            "/v1.41/plugins/pull?remote=x",
            Some(r#"[{"Name": "mount", "Value": ["/var/lib/countersign"]}]"#),
            "shows",
            "shows",
        ),
        ("POST", "/v1.41/plugins/pull?remote=x", Some(r#"[{"Name": "network", "Value": ["host"]}]"#), "", ""),
        ("POST", "/v1.41/plugins/create?name=x", None, "unread", "unread"),
        ("POST", "/v1.41/containers/joined/start", None, "", "brings"),
        ("POST", "/v1.41/containers/joined/restart?t=1", None, "", "brings"),
        ("POST", "/v1.41/containers/else/start", None, "", ""),
        ("POST", "/v1.18/containers/else/start", Some(r#"{"NetworkMode": "proxy"}"#), "", "brings"),
        ("POST", "/v1.18/containers/else/start", None, "unread", "unread"),
        ("POST", "/v1.41/build?t=x&networkmode=proxy", None, "", "brings"),
        ("POST", "/v1.41/build?t=x&networkmode=host", None, "", ""),
        ("POST", "/v1.41/exec/abc/start", Some("{}"), "", ""),
        ("POST", "/v1.41/containers/x/exec", Some("{}"), "", ""),
        // The swarm.
        ("POST", "/v1.41/swarm/leave?force=1", None, "leaves", "leaves"),
        ("POST", "/v1.41/swarm/init", Some(r#"{"forcenewcluster": true}"#), "makes", "makes"),
        ("POST", "/v1.41/swarm/init", Some(r#"{"ForceNewCluster": false}"#), "", ""),
        ("DELETE", "/v1.41/nodes/n2?force=1", None, "removes", "removes"),
        (
            "POST",
            "/v1.41/nodes/n1/update?version=1",
            Some(r#"{"Role": "Worker", "Availability": "active"}"#),
            "demotes",
            "demotes",
        ),
        (
            "POST",
            "/v1.41/nodes/ALPHA/update",
            Some(r#"{"Role": "manager", "Availability": "DRAIN"}"#),
            "drains",
            "drains",
        ),
        ("POST", "/v1.41/nodes/n1/update", Some(r#"{"Role": "manager", "Availability": "active"}"#), "", ""),
        ("POST", "/v1.41/nodes/n2/update", Some(r#"{"Role": "worker", "Availability": "drain"}"#), "", ""),
        ("POST", "/v1.41/nodes/n1/update", Some(r#"{"Role": "manager", "role": "worker"}"#), "unread", "unread"),
    ];
    let (protect, world) = (protect(), world());
    for (method, uri, body, before, within) in rows {
        let request = request(method, uri, JSON, body);
        let found = [false, true].map(|window| acts(&request, window, &protect, &world));
        assert_eq!(found, [before, within], "{method} {uri} {}", body.unwrap_or("without a body"));
    }
}

#[test]
fn what_always_stays_away_is_refused_before_a_window_too() {
    let always = Protect { attachments: Attachments::Always, ..protect() };
    let body = Some(r#"{"Name": "x", "TaskTemplate": {"Networks": [{"Target": "proxy"}]}}"#);
    for (method, uri, body, wanted) in [
        ("POST", "/v1.41/services/create", body, "brings"),
        ("POST", "/v1.41/services/recipe_app/update?version=7", body, ""),
        ("POST", "/v1.41/services/quiet/update?version=7", body, "brings"),
        ("DELETE", "/v1.41/services/recipe_app", None, "removes"),
        ("POST", "/v1.41/networks/proxy/connect", None, "brings"),
        ("POST", "/v1.41/services/was-there/update?rollback=previous", body, "brings rolls"),
    ] {
        assert_eq!(acts(&request(method, uri, JSON, body), false, &always, &world()), wanted, "{method} {uri}");
    }
}

#[test]
fn a_drained_network_is_what_a_prune_takes() {
    let mut empty = world();
    empty.services.iter_mut().for_each(|service| service.networks.retain(|id| id != PROXY));
    empty.networks[0].labels.push(("keep".into(), "yes".into()));
    let prune = |query: &str| {
        acts(&request("POST", &format!("/v1.41/networks/prune{query}"), "", None), false, &protect(), &empty)
    };
    assert_eq!(prune(""), "prunes");
    assert_eq!(prune("?filters=%7B%22until%22%3A%5B%221s%22%5D%7D"), "prunes");
    assert_eq!(prune("?filters=%7B%22label!%22%3A%5B%22keep%22%5D%7D"), "");
    // Of two filters nobody knows which the engine takes.
    assert_eq!(prune("?filters=%7B%22label!%22%3A%5B%22keep%22%5D%7D&filters=%7B%7D"), "prunes");
}

/// CVE-2024-41110 and CVE-2026-34040, and what else hides a body from a plugin: the request is refused, not taken for an empty one.
#[test]
fn a_body_that_is_not_shown_is_not_an_empty_one() {
    let hidden = |length: Option<&str>, kind: &str, uri: &str| {
        let mut request = request("POST", uri, kind, None);
        request.headers.extend(length.map(|length| ("Content-Length".to_owned(), length.to_owned())));
        acts(&request, false, &protect(), &world())
    };
    for uri in [
        "/v1.41/networks/create",
        "/v1.41/services/create",
        "/v1.41/services/quiet/update?version=1",
        "/v1.41/containers/create",
        "/v1.41/containers/create?name=/auth",
        "/v1.41/nodes/n1/update?version=1",
        "/v1.41/swarm/init",
        "/v1.41/volumes/create",
    ] {
        // Zero, too long, chunked (no length), or called something else.
        for length in [Some("0"), Some("2097152"), None] {
            for kind in [JSON, "application/json; charset=utf-8", "text/plain", ""] {
                let plain_volume = uri.contains("volumes") && length == Some("0");
                let wanted = if plain_volume { "" } else { "unread" };
                assert_eq!(hidden(length, kind, uri), wanted, "{uri} {length:?} {kind}");
            }
        }
    }
    for kind in ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x"] {
        for uri in ["/v1.41/networks/prune", "/v1.41/build?t=x", "/v1.41/services/quiet/update"] {
            assert_eq!(hidden(Some("9"), kind, uri), "unread", "{uri} {kind}");
        }
    }
}

#[test]
fn while_a_step_is_under_way_no_service_is_changed_by_others() {
    let (protect, world) = (protect(), world());
    let guard = Guard { protect: &protect, window: true, step: true, token: true, places: &[] };
    // The step took it off its network: nothing else tells that it belongs there.
    let body = Some(r#"{"Name": "quiet", "TaskTemplate": {"Networks": [{"Target": "other"}]}}"#);
    for (method, uri, body) in
        [("DELETE", "/v1.41/services/quiet", None), ("POST", "/v1.41/services/quiet/update?version=7", body)]
    {
        let Class::Judged(asks) = classify(&request(method, uri, JSON, body)) else { panic!("{uri} is judged") };
        let acts = judge(&asks[0], &guard, &world, None);
        assert!(acts.len() == 1 && acts[0].ends_with("service `quiet` while a step is under way"), "{acts:?}");
    }
}

#[test]
fn an_upgrade_is_judged_like_any_other_request() {
    let mut request = request("POST", "/v1.41/networks/proxy/disconnect", "", None);
    request.headers.extend([("Upgrade".to_owned(), "h2c".to_owned()), ("Connection".to_owned(), "Upgrade".to_owned())]);
    assert_eq!(acts(&request, false, &protect(), &world()), "takes");
}
