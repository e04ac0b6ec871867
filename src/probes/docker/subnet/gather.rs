//! Every range that is in use, from what the engine, the kernel and the resolver say.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Taken;
use crate::model::contract::Params;
use crate::probes::docker::fields::{at, list, short, subnets, text};

/// Where the engine's networks were read; at least one is always there.
pub const NETWORKS: &str = "engine: networks";

/// What could not be understood; the proof is then unknown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// A text that should be a range or an address.
    #[error("{from}: `{found}` is no range or address")]
    NotARange {
        /// Where it was read.
        from: &'static str,
        /// The text.
        found: String,
    },
    /// A network that gives addresses, and of which no range is told.
    #[error("{0} tells no range, and its driver gives addresses: which, is not known")]
    NoRange(String),
    /// A node for which nothing is declared.
    #[error(
        "`nodes_declared` says nothing of node {0}: wanted what its host routes, is addressed by and asks for names"
    )]
    NothingDeclared(String),
    /// A network without a subnet that may get one at any time.
    #[error("network {0} was never allocated and may take a range at any time: remove it first")]
    Dead(String),
}

fn range(text: &str, from: &'static str) -> Result<IpNet, Gap> {
    let address = || text.split('%').next().and_then(|bare| bare.parse::<IpAddr>().ok()).map(IpNet::from);
    let net = text.parse::<IpNet>().ok().or_else(address);
    net.map(|net| net.trunc()).ok_or_else(|| Gap::NotARange { from, found: text.chars().take(80).collect() })
}

/// Ranges of networks in every scope. The one named `replaces` is exempt, if exactly one has that name.
pub fn networks(networks: &[Value], replaces: Option<&str>) -> Result<Vec<Taken>, Gap> {
    let mut taken = Vec::new();
    for network in networks {
        let (name, driver) = (text(network, &["Name"]), text(network, &["Driver"]));
        let label = format!("network {name} {} ({})", short(text(network, &["Id"])), text(network, &["Scope"]));
        if driver.is_empty() && replaces != Some(name) {
            return Err(Gap::Dead(label));
        }
        if subnets(network).is_empty() && replaces != Some(name) && gives_addresses(network, networks) {
            return Err(Gap::NoRange(label));
        }
        let alone = networks.iter().filter(|other| text(other, &["Name"]) == name).count() == 1;
        for subnet in subnets(network) {
            let mut one = Taken::new(label.clone(), range(subnet, NETWORKS)?, NETWORKS);
            one.exempt = (alone && replaces == Some(name)).then_some("this is the network that goes away");
            taken.push(one);
        }
    }
    Ok(taken)
}

/// Whether a network has a range, told or not. `host` and `none` have none, and so has one without an IPAM driver; one made from
/// another's configuration has that one's, which is listed as a network of its own.
fn gives_addresses(network: &Value, networks: &[Value]) -> bool {
    let from = text(network, &["ConfigFrom", "Network"]);
    let template = networks.iter().any(|other| !from.is_empty() && text(other, &["Name"]) == from);
    let without = |text: &str| matches!(text, "host" | "null" | "none");
    !(without(text(network, &["Driver"])) || without(text(network, &["IPAM", "Driver"])) || template)
}

/// The swarm's pool (an explicit subnet inside it is normal, so it is no conflict), the pools of future bridges, and the
/// addresses of the swarm's nodes.
pub fn engine(info: &Value, nodes: &[Value]) -> Result<Vec<Taken>, Gap> {
    const SWARM: &str = "engine: swarm";
    let mut taken = pools(info, "pool of future bridges")?;
    let swarm = list(info, &["Swarm", "Cluster", "DefaultAddrPool"]).iter().filter_map(Value::as_str);
    let swarm: Vec<_> = swarm.collect();
    for pool in if swarm.is_empty() { vec!["10.0.0.0/8"] } else { swarm } {
        let mut one = Taken::new("swarm's default pool", range(pool, POOLS)?, POOLS);
        one.exempt = Some("only blocks handed out count, and they are listed as networks");
        taken.push(one);
    }
    let own = text(info, &["Swarm", "NodeAddr"]);
    if !own.is_empty() {
        taken.push(Taken::new("this node's swarm address", range(own, SWARM)?, SWARM));
    }
    let managers =
        list(info, &["Swarm", "RemoteManagers"]).iter().map(|manager| ("a manager's address", manager, "Addr"));
    let peers = nodes.iter().filter_map(|node| Some(("a node's address", at(node, &["Status"])?, "Addr")));
    for (what, value, key) in managers.chain(peers) {
        let address = text(value, &[key]);
        let bare = address.rsplit_once(':').filter(|(host, _)| host.contains('.') || host.ends_with(']'));
        let bare = bare.map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        if !bare.is_empty() {
            taken.push(Taken::new(what, range(bare, SWARM)?, SWARM));
        }
    }
    Ok(taken)
}

const POOLS: &str = "engine: info";

/// What an engine hands out to bridges: its declared pools, else the built-in ones.
///
/// # Errors
///
/// A pool is no range.
pub fn pools(info: &Value, what: &str) -> Result<Vec<Taken>, Gap> {
    let pools: Vec<_> = list(info, &["DefaultAddressPools"]).iter().map(|pool| text(pool, &["Base"])).collect();
    // Unless it is told otherwise: 172.17/16 to 172.31/16 and 192.168/16.
    let built_in = ["172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "192.168.0.0/16"];
    let pools = if pools.is_empty() { built_in.to_vec() } else { pools };
    pools.into_iter().map(|pool| Ok(Taken::new(what, range(pool, POOLS)?, POOLS))).collect()
}

const NAME_SERVER: &str = "name server";

/// Name servers of a `resolv.conf`.
pub fn name_servers(resolv_conf: &str, from: &'static str) -> Result<Vec<Taken>, Gap> {
    let servers = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.map(|server| Ok(Taken::new(NAME_SERVER, range(server.trim(), from)?, from))).collect()
}

/// Whether no name server is known but those of this host itself: whom they ask is not seen.
pub fn hides_name_servers(taken: &[Taken]) -> bool {
    taken.iter().filter(|taken| taken.what == NAME_SERVER).all(|server| server.net.addr().is_loopback())
}

/// Ranges that the contract reserves, and those that it declares for other nodes.
pub fn reserved(params: &Params) -> Result<Vec<Taken>, Gap> {
    const DECLARED: &str = "contract: declared, not seen";
    let mut taken = Vec::new();
    for (node, list) in params.map("nodes_declared").into_iter().flatten() {
        let ranges: Vec<&str> = list.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
        if ranges.is_empty() {
            return Err(Gap::NothingDeclared(node.clone()));
        }
        for text in ranges {
            taken.push(Taken::new(format!("range of node {node}"), range(text, DECLARED)?, DECLARED));
        }
    }
    for text in params.list("reserved") {
        taken.push(Taken::new("reserved range", range(text, "contract: reserved")?, "contract: reserved"));
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(taken: Result<Vec<Taken>, Gap>) -> Vec<String> {
        let line = |t: &Taken| format!("{} {}{}", t.net, t.what, if t.exempt.is_some() { " (exempt)" } else { "" });
        taken.expect("understood").iter().map(line).collect()
    }

    #[test]
    fn networks_of_every_scope_and_the_one_that_goes_away() {
        let net = |name: &str, driver: &str, subnet: &str| {
            json!({"Name": name, "Id": format!("{name}-id"), "Driver": driver, "Scope": "swarm",
                   "IPAM": {"Config": if subnet.is_empty() { Value::Null } else { json!([{"Subnet": subnet}]) }}})
        };
        let all =
            [net("proxy", "overlay", "10.0.1.0/24"), net("host", "host", ""), net("ingress", "overlay", "10.0.0.0/24")];
        assert_eq!(
            shown(networks(&all, Some("proxy"))),
            ["10.0.1.0/24 network proxy proxy-id (swarm) (exempt)", "10.0.0.0/24 network ingress ingress-id (swarm)"]
        );
        let twice = [all[0].clone(), net("proxy", "bridge", "10.0.2.0/24")];
        assert!(shown(networks(&twice, Some("proxy"))).iter().all(|line| !line.contains("exempt")), "which one goes?");
        assert!(matches!(networks(&[net("dead", "", "")], None), Err(Gap::Dead(_))));
        let empty = net("empty", "overlay", "");
        assert!(matches!(networks(std::slice::from_ref(&empty), None), Err(Gap::NoRange(_))));
        assert!(networks(std::slice::from_ref(&empty), Some("empty")).is_ok(), "it goes away");
        let with = |key: &str, value: Value| {
            let mut network = empty.clone();
            network[key] = value;
            networks(&[network, net("template", "null", "10.3.0.0/24")], None).is_ok()
        };
        assert!(with("IPAM", json!({"Driver": "null"})) && with("ConfigFrom", json!({"Network": "template"})));
        assert!(!with("ConfigFrom", json!({"Network": "elsewhere"})) && !with("IPAM", json!({"Config": [{}]})));
    }

    #[test]
    fn what_the_engine_the_resolver_and_the_contract_say() {
        let declared =
            crate::model::contract::Param::Map([("w1".to_owned(), "10.7.0.0/16, 192.0.2.3".to_owned())].into());
        let params = Params([("nodes_declared".to_owned(), declared)].into());
        assert_eq!(shown(reserved(&params)), ["10.7.0.0/16 range of node w1", "192.0.2.3/32 range of node w1"]);
        let nothing = crate::model::contract::Param::Map([("w1".to_owned(), " , ".to_owned())].into());
        let params = Params([("nodes_declared".to_owned(), nothing)].into());
        assert_eq!(reserved(&params), Err(Gap::NothingDeclared("w1".into())));
        let lines = shown(name_servers("# x\nnameserver 10.1.1.1\nnameserver fe80::1%eth0\noptions edns0\n", "file"));
        assert_eq!(lines, ["10.1.1.1/32 name server", "fe80::1/128 name server"]);
        assert!(name_servers("nameserver ten", "file").is_err());
        for (text, hides) in [
            ("", true),
            ("nameserver 127.0.0.53\nnameserver ::1", true),
            ("nameserver 127.0.0.53\nnameserver 10.1.1.1", false),
        ] {
            assert_eq!(hides_name_servers(&name_servers(text, "file").expect("servers")), hides, "{text}");
        }
        let info = json!({"DefaultAddressPools": [{"Base": "10.200.0.0/16", "Size": 24}],
                          "Swarm": {"NodeAddr": "10.9.0.1", "RemoteManagers": [{"Addr": "10.9.0.2:2377"}],
                                    "Cluster": {"DefaultAddrPool": null}}});
        let nodes = [json!({"Status": {"Addr": "fd00::5"}})];
        assert_eq!(
            shown(engine(&info, &nodes)),
            [
                "10.200.0.0/16 pool of future bridges",
                "10.0.0.0/8 swarm's default pool (exempt)",
                "10.9.0.1/32 this node's swarm address",
                "10.9.0.2/32 a manager's address",
                "fd00::5/128 a node's address"
            ]
        );
    }
}
