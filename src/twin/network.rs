//! A twin's network: a bridge in a namespace of its own, with one link to the host and one to each node's namespace. On the host
//! there is one link and nothing else: no bridge, no rule, no route but the link's own.

use std::path::Path;

use crate::process::{Spec, run};
use crate::twin::address::{PREFIX, Range};
use crate::twin::error::TwinError;
use crate::twin::lifecycle::point;
use crate::twin::place::{Node, Place};

/// Makes bridge and links for these nodes.
pub fn make(place: &Place, range: Range, nodes: &[Node]) -> Result<(), TwinError> {
    let (switch, outer) = (place.switch(), place.host_link());
    let host = format!("{}/{PREFIX}", range.host());
    ip(&["netns", "add", &switch])?;
    point("twin.switch")?;
    ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
    ip(&["-n", &switch, "link", "set", "br0", "up"])?;
    ip(&["link", "add", &outer, "type", "veth", "peer", "name", "p0", "netns", &switch])?;
    ip(&["address", "add", &host, "dev", &outer])?;
    ip(&["link", "set", &outer, "up"])?;
    point("twin.link")?;
    plug(&switch, "p0")?;
    for node in nodes {
        let (netns, port) = (node.netns(), format!("p{}", node.number()));
        let address = format!("{}/{PREFIX}", range.node(node.number()));
        ip(&["netns", "add", &netns])?;
        ip(&["-n", &switch, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &netns])?;
        plug(&switch, &port)?;
        ip(&["-n", &netns, "address", "add", &address, "dev", "eth0"])?;
        ip(&["-n", &netns, "link", "set", "lo", "up"])?;
        // No default route: nothing here asks the outside, and a pull of the image fails at once instead of timing out.
        ip(&["-n", &netns, "link", "set", "eth0", "up"])?;
    }
    Ok(())
}

fn plug(switch: &str, port: &str) -> Result<(), TwinError> {
    ip(&["-n", switch, "link", "set", port, "master", "br0", "up"])
}

/// Removes all namespaces and the host's link. It is no error if some are gone already.
pub fn remove(place: &Place) -> Result<(), TwinError> {
    for name in place.namespaces() {
        ip(&["netns", "delete", &name])?;
    }
    if Path::new("/sys/class/net").join(place.host_link()).exists() {
        // The kernel removes it with the namespace, in its own time.
        ip(&["link", "delete", &place.host_link()]).ok();
    }
    Ok(())
}

fn ip(args: &[&str]) -> Result<(), TwinError> {
    let done = run(&Spec::new(std::iter::once("ip").chain(args.iter().copied())))?;
    let command = || format!("ip {}", args.join(" "));
    if done.ok() { Ok(()) } else { Err(TwinError::Command { command: command(), why: done.complaint() }) }
}
