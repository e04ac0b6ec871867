use std::path::Path;

use super::parse;
use crate::model::contract::Param;
use crate::model::contract::protect::HostAct;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaX";

fn good() -> String {
    format!(
        r#"schema = 1
phase = "demo"
version = 1
title = "A phase"
engine = "unix:///var/run/docker.sock"
separation = "uid"

[roles.builder]
keys = ["{KEY} builder"]

[roles.adversary]
keys = []

[values]
subnet = "10.10.0.0/16"

[[gate]]
id = "M1"
title = "Ready"
max_age = "24h"

[[gate.criterion]]
id = "clear"
title = "The subnet is clear"
probe = "docker.subnet"
subnet = "{{subnet}}"

[[gate.criterion]]
id = "quiet-log"
title = "No signature"
probe = "docker.signatures"
since = "{{step.act.finished}}"

[[step]]
id = "act"
title = "Act"
gate = "M1"
kind = "command"
timeout = "1m"
argv = ["true", "{{subject}}"]
live = ["clear"]

[[step.postflight]]
id = "acted"
title = "It acted"
probe = "command"
argv = ["true"]
stdout = '^$'
"#
    )
}

#[test]
fn values_are_filled_in_and_late_placeholders_stay() {
    let contract = parse(&good(), None).unwrap_or_else(|defects| panic!("{defects:#?}"));
    let clear = &contract.gates[0].criteria[0];
    assert_eq!(clear.params.text("subnet"), Some("10.10.0.0/16"));
    assert_eq!(contract.steps[0].params.list("argv"), ["true", "{subject}"]);
    assert_eq!(contract.gates[0].criteria[1].params.0["since"], Param::Text("{step.act.finished}".into()));
}

/// Each row: what is replaced by what, and a part of the message with its place.
#[test]
fn every_defect_has_its_place_and_what_would_be_right() {
    let second_key = format!("keys = [\"{KEY} copy\"]");
    let rows: &[(&str, &str, &str)] = &[
        ("schema = 1\n", "", "1:1: the contract has no `schema`"),
        ("phase = \"demo\"", "phase = \"De-mo\"", "2:9: `phase`: `De-mo` is not a phase name"),
        ("title = \"A phase\"", "titel = \"A phase\"", "4:1: the contract has an unknown key `titel`"),
        ("engine = \"unix:///var", "engine = \"/var", "5:10: `engine` is \"/var/run/docker.sock\""),
        ("separation = \"uid\"", "separation = \"host\"", "probes the host itself"),
        ("keys = []", second_key.as_str(), "12:9: a key of adversary is a key of builder too"),
        ("\"10.10.0.0/16\"", "\"10.10.1.0/16\"", "26:10: `subnet` is \"10.10.1.0/16\"; wanted no host bits"),
        ("\"{subnet}\"", "\"{subnett}\"", "26:10: `subnet` has an unknown placeholder `{subnett}`"),
        ("probe = \"docker.subnet\"", "probe = \"docker.sub\"", "25:9: unknown probe `docker.sub`"),
        ("gate = \"M1\"", "gate = \"M2\"", "37:8: there is no gate M2"),
        ("gate = \"M1\"\n", "", "a step has no `gate`"),
        ("live = [\"clear\"]", "live = [\"clean\"]", "`live` names `clean`"),
        ("argv = [\"true\"]", "argv = [\"/repo/x/../probe.sh\"]", "a file inside the repository"),
        ("argv = [\"true\"]", "argv = [\"./probe.sh\"]", "`argv` runs \"./probe.sh\""),
        ("stdout = '^$'", "stdout = '('", "a regular expression"),
        ("max_age = \"24h\"", "max_age = 24", "`max_age` is a whole number"),
        ("id = \"quiet-log\"", "id = \"clear\"", "two criteria are called `clear`"),
        ("title = \"A phase\"", "title = \"A phase", "this is not TOML"),
        ("timeout = \"1m\"\n", "timeout = \"1m\"\nretries = 3\n", "a step has an unknown key `retries`"),
        (
            "timeout = \"1m\"\n",
            "timeout = \"1m\"\ncwd = \"/\"\nundo = [\"true\"]\nback_within = \"1m\"\n",
            "42:15: `back_within` is \"1m\", and the step may take 1m (`timeout`); wanted longer than `timeout`",
        ),
        (
            "timeout = \"1m\"\n",
            "timeout = \"1m\"\nundo = [\"true\"]\nback_within = \"2m\"\n",
            "41:15: `back_within` in a step that names no `cwd`",
        ),
    ];
    for (from, to, message) in rows {
        let text = good().replacen(from, to, 1);
        assert_ne!(text, good(), "{from} is in the contract");
        let defects = parse(&text, Some(Path::new("/repo"))).err().unwrap_or_default();
        let shown: Vec<_> = defects.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|line| line.contains(message)), "{to}: wanted {message}, found {shown:#?}");
    }
}

#[test]
fn a_contract_that_was_adopted_is_read_with_a_short_time_for_the_way_back() {
    let back = "timeout = \"1m\"\nundo = [\"true\"]\nback_within = \"5s\"\n";
    let contract = parse(&good().replacen("timeout = \"1m\"\n", back, 1), None);
    assert!(contract.is_ok_and(|contract| contract.steps[0].back_within.is_some()));
}

#[test]
fn a_gate_without_criteria_is_refused() {
    let text = good();
    let start = text.find("[[gate.criterion]]").expect("a criterion");
    let end = text.find("[[step]]").expect("a step");
    let text = format!("{}{}", &text[..start], &text[end..]);
    let shown: Vec<_> = parse(&text, None).err().unwrap_or_default().iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|line| line.contains("a gate has no `criterion`")), "{shown:#?}");
}

#[test]
fn all_defects_come_at_once_in_order() {
    let text = good()
        .replace("max_age = \"24h\"", "max_age = \"soon\"")
        .replace("\"uid\"", "\"none\"")
        .replace("M1\"\nkind", "M9\"\nkind");
    let defects = parse(&text, None).err().unwrap_or_default();
    assert_eq!(defects.len(), 3, "{defects:#?}");
    assert!(defects.is_sorted_by_key(|defect| (defect.line, defect.column)));
}

#[test]
fn the_templates_are_contracts() {
    let templates = [
        include_str!("../../../../templates/pvfix.toml"),
        include_str!("../../../../templates/network-resize.toml"),
        include_str!("../../../../templates/blank.toml"),
    ];
    for template in templates {
        let text = template.replace("{phase}", "pvfix").replace("{head}", &"a".repeat(40));
        let contract = parse(&text, None).unwrap_or_else(|defects| panic!("{defects:#?}"));
        assert!(!contract.gates.is_empty());
        // What a template recreates, it guards.
        let recreated = contract.steps.iter().filter(|step| step.kind == "docker.network.recreate");
        for network in recreated.filter_map(|step| step.params.text("network")) {
            assert!(contract.protect.networks.iter().any(|name| name == network), "{network} is not guarded");
        }
    }
}

/// Each row: what `[protect]` says, and a part of the message with its place, or nothing where it is right.
#[test]
fn what_is_guarded_is_known_before_anything_runs() {
    let lines = good().lines().count();
    let at = |column: usize, message: &str| Some(format!("{}:{column}: {message}", lines + 2));
    let rows = [
        (
            "networks = [\"proxy\", \"{subnet}x\"]",
            at(22, "`networks` names \"10.10.0.0/16x\"; wanted an object's name"),
        ),
        (
            "services = [\"{step.act.finished}\"]",
            at(13, "`services` names \"{step.act.finished}\", which is known only when"),
        ),
        ("stacks = [\"\"]", at(11, "`stacks` is empty")),
        ("stacks = \"traefik\"", at(10, "`stacks` is a text; wanted a list")),
        ("swarm = [\"leave\", \"reboot\"]", at(19, "`swarm` has \"reboot\"; wanted some of leave, demote, drain")),
        ("attachments = \"never\"", at(15, "`attachments` is \"never\"; wanted one of window, always")),
        ("host = [\"reboot\"]", at(9, "`host` has \"reboot\"; wanted some of switch, force-push")),
        ("merges = [\"coop\"]", at(11, "`merges` names \"coop\"; wanted pull requests: OWNER/REPO#NUMBER")),
        ("units = [\"a/b\"]", at(10, "`units` names \"a/b\"; wanted an object's name")),
        ("volumes = []", at(1, "[protect] has an unknown key `volumes`")),
        ("networks = [\"proxy\"]\nattachments = \"always\"", None),
    ];
    for (text, wanted) in rows {
        let parsed = parse(&format!("{}[protect]\n{text}\n", good()), None);
        let shown: Vec<_> = parsed.as_ref().err().into_iter().flatten().map(ToString::to_string).collect();
        match wanted {
            Some(wanted) => assert!(shown.iter().any(|line| line.starts_with(&wanted)), "{text}: {shown:#?}"),
            None => assert_eq!(
                parsed.map(|c| (c.protect.networks, c.protect.attachments.word(), c.protect.host)),
                Ok((vec!["proxy".to_owned()], "always", HostAct::ALL.to_vec()))
            ),
        }
    }
}
