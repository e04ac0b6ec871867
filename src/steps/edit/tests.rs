use proptest::prelude::*;

use super::*;

fn spec() -> Value {
    json!({
        "Name": "app",
        "TaskTemplate": {
            "Networks": [
                { "Target": "other" },
                { "Target": "old", "Aliases": ["app", "b"], "DriverOpts": { "k": "v" } },
                { "Target": "internal" },
            ],
            "Unknown": 7,
        },
        "Mode": { "Replicated": { "Replicas": 3 } },
        "UpdateConfig": { "FailureAction": "rollback", "Order": "start-first" },
    })
}

#[test]
fn draining_takes_out_one_entry_and_wants_no_task() {
    let drained = drained(&spec(), "old");
    assert_eq!(drained["TaskTemplate"]["Networks"], json!([{ "Target": "other" }, { "Target": "internal" }]));
    assert_eq!(drained["Mode"]["Replicated"]["Replicas"], 0);
    assert_eq!(drained["UpdateConfig"], json!({ "FailureAction": "pause", "Order": "start-first" }));
}

#[test]
fn what_somebody_else_changed_meanwhile_stays() {
    let mut now = drained(&spec(), "old");
    now["TaskTemplate"]["ContainerSpec"] = json!({ "Image": "newer" });
    now["Mode"]["Replicated"]["Replicas"] = json!(5);
    let back = ended(&moved(&now, &spec(), &["old"], "new"), &spec());
    assert_eq!(back["TaskTemplate"]["ContainerSpec"]["Image"], "newer");
    assert_eq!(back["Mode"]["Replicated"]["Replicas"], 5);
    assert_eq!(back["TaskTemplate"]["Networks"][1]["Aliases"], json!(["app", "b"]));
    let mut attached = spec();
    attached["Mode"]["Replicated"]["Replicas"] = json!(0);
    assert_eq!(replicas(&moved(&attached, &spec(), &["old"], "hold")), Some(0), "it was not drained by us");
}

#[test]
fn update_rules_that_somebody_else_gave_meanwhile_stay() {
    let mut plain = spec();
    plain.as_object_mut().expect("an object").remove("UpdateConfig");
    let mut now = moved(&plain, &plain, &["old"], "new");
    // As the engine answers what was sent.
    now["UpdateConfig"] =
        json!({ "Parallelism": 1, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first" });
    assert_eq!(ended(&now, &plain).get("UpdateConfig"), None);
    for (key, value) in [("Order", json!("start-first")), ("Delay", json!(7_000_000_000u64)), ("Parallelism", json!(2))]
    {
        let mut changed = now.clone();
        changed["UpdateConfig"][key] = value.clone();
        let end = ended(&changed, &plain);
        assert_eq!((&end["UpdateConfig"][key], end["UpdateConfig"].get("FailureAction")), (&value, None));
    }
}

#[test]
fn a_job_gets_no_update_rules_and_no_task() {
    let job = json!({ "TaskTemplate": { "Networks": [{ "Target": "old" }] }, "Mode": { "ReplicatedJob": {} } });
    let held = drained(&job, "old");
    assert!(held.get("UpdateConfig").is_none());
    assert_eq!(held["TaskTemplate"]["Placement"]["Constraints"], json!([NOWHERE]));
    assert_eq!(ended(&moved(&held, &job, &["old"], "new"), &job), wanted(&job, "old", "new"));
}

#[test]
fn a_network_is_asked_for_as_it_was() {
    let old = json!({
        "Name": "shared", "Id": "x", "Attachable": true, "Internal": true, "EnableIPv6": false, "Labels": { "a": "b" },
        "Options": { "com.docker.network.driver.overlay.vxlanid_list": "4097", "encrypted": "" },
        "IPAM": { "Driver": "default", "Options": { "o": "p" }, "Config": [{ "Subnet": "10.0.1.0/24" }] },
    });
    let request = network_request(&old, "shared", Some("10.10.0.0/16"));
    assert_eq!(request["Options"], json!({ "encrypted": "" }));
    assert_eq!(request["IPAM"]["Config"], json!([{ "Subnet": "10.10.0.0/16" }]));
    assert_eq!(request["IPAM"]["Options"], json!({ "o": "p" }));
    assert_eq!((&request["Internal"], &request["Labels"]), (&json!(true), &json!({ "a": "b" })));
    assert!(request_beside(&old, "hold", None)["IPAM"].get("Config").is_none());
}

#[test]
fn ipv6_stays_as_it_was_and_is_on_no_network_beside_the_old_one() {
    let six = json!({ "Subnet": "fd00:1::/64", "Gateway": "fd00:1::1" });
    let old = json!({
        "EnableIPv6": true, "IPAM": { "Config": [{ "Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1" }, six] },
    });
    let new = network_request(&old, "shared", Some("10.10.0.0/16"));
    assert_eq!(new["IPAM"]["Config"], json!([{ "Subnet": "10.10.0.0/16" }, six]));
    assert_eq!(new["EnableIPv6"], true);
    for subnet in [None, Some("10.10.0.0/16")] {
        let beside = request_beside(&old, "hold", subnet);
        assert_eq!((&beside["EnableIPv6"], beside.to_string().contains("fd00")), (&json!(false), false));
    }
}

fn specs() -> impl Strategy<Value = Value> {
    let mode = prop_oneof![
        (0u64..5).prop_map(|n| json!({ "Replicated": { "Replicas": n } })),
        Just(json!({ "Replicated": {} })),
        Just(json!({ "Global": {} })),
    ];
    let update = prop_oneof![
        Just(None),
        Just(Some(json!({ "FailureAction": "rollback", "Order": "start-first" }))),
        Just(Some(json!({ "Parallelism": 2 }))),
        Just(Some(json!({ "FailureAction": "pause" }))),
    ];
    let placement = prop_oneof![
        Just(None),
        Just(Some(json!({}))),
        Just(Some(json!({ "Constraints": [] }))),
        Just(Some(json!({ "Constraints": ["node.role == manager"], "MaxReplicas": 2 }))),
    ];
    (mode, update, placement, 0usize..3).prop_map(|(mode, update, placement, at)| {
        let mut networks = vec![json!({ "Target": "a" }), json!({ "Target": "b", "Aliases": ["x"] })];
        networks.insert(at, json!({ "Target": "old", "Aliases": ["app"], "DriverOpts": { "k": "v" } }));
        let mut spec = json!({ "Name": "s", "TaskTemplate": { "Networks": networks, "U": 1 }, "Mode": mode });
        if let Some(update) = update {
            spec["UpdateConfig"] = update;
        }
        if let Some(placement) = placement {
            spec["TaskTemplate"]["Placement"] = placement;
        }
        spec
    })
}

proptest! {
    #[test]
    fn our_edits_taken_back_leave_nothing_but_the_target(spec in specs()) {
        let wanted = wanted(&spec, "old", "new");
        let ours = ["old", "hold", "new"];
        prop_assert_eq!(&ended(&moved(&drained(&spec, "old"), &spec, &ours, "new"), &spec), &wanted);
        let held = moved(&spec, &spec, &ours, "hold");
        prop_assert_eq!(&ended(&moved(&held, &spec, &ours, "new"), &spec), &wanted);
        // Over a network beside, there and back.
        let both = bridged(&spec, &["old"], "hold").expect("it is on the old one");
        prop_assert!(is_on(&both, "old") && is_on(&both, "hold"));
        prop_assert_eq!(bridged(&both, &["old"], "hold"), None);
        prop_assert_eq!(&moved(&both, &spec, &ours, "hold"), &held);
        prop_assert_eq!(&ended(&moved(&both, &spec, &["hold"], "old"), &spec), &spec);
        prop_assert_eq!(bridged(&drained(&spec, "old"), &["old"], "hold"), None);
        // Twice is as once, and the way back gives the captured spec.
        let once = moved(&drained(&spec, "old"), &spec, &ours, "new");
        prop_assert_eq!(&moved(&once, &spec, &ours, "new"), &once);
        prop_assert_eq!(&ended(&moved(&drained(&spec, "old"), &spec, &ours, "old"), &spec), &spec);
        prop_assert_eq!(&drained(&drained(&spec, "old"), "old"), &drained(&spec, "old"));
    }
}
