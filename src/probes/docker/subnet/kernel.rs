//! What the engine's kernel routes and is addressed by: all tables, both families, over netlink, in the engine's network namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use futures_util::TryStreamExt as _;
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use rtnetlink::{Handle, RouteMessageBuilder};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Handle as Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Taken;

const ROUTES: &str = "kernel: routes";
const ADDRESSES: &str = "kernel: addresses";

/// Names of the interfaces by their index; of a tunnel or bridge with its kind, as in `wg0 (wireguard)`.
type Names = BTreeMap<u32, String>;

/// Every range that the kernel routes or is addressed by, in a network namespace; `None`: in this process's own.
///
/// # Errors
///
/// The namespace cannot be entered, or the kernel does not answer, or lists no address at all, not even a loopback.
pub async fn ranges(namespace: Option<File>) -> Result<Vec<Taken>, String> {
    let (driver, handle) = match namespace {
        None => connect(),
        Some(namespace) => connect_in(namespace).await,
    }
    .map_err(|error| format!("netlink: {error}"))?;
    let asked = ask(&handle).await.map_err(|error| format!("netlink: {error}"));
    driver.abort();
    let (links, addresses, routes) = asked?;
    if addresses.is_empty() {
        return Err("netlink: the kernel lists no address, not even a loopback".to_owned());
    }
    let names = names(&links);
    let of_addresses = addresses.iter().map(|message| address(message, &names));
    of_addresses.chain(routes.iter().filter_map(|message| route(message, &names).transpose())).collect()
}

/// A netlink socket of the calling thread's network namespace, with the task that serves it.
fn connect() -> io::Result<(JoinHandle<()>, Handle)> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    Ok((tokio::spawn(connection), handle))
}

/// A netlink socket of another namespace. It stays that namespace's, so only the thread that makes it goes there, and ends.
async fn connect_in(namespace: File) -> io::Result<(JoinHandle<()>, Handle)> {
    let runtime = Runtime::current();
    let (answer, made) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        let _entered = runtime.enter();
        let moved = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        // Nobody waits any more: the probe's time is over.
        answer.send(moved.map_err(io::Error::from).and_then(|()| connect())).ok();
    })?;
    made.await.unwrap_or_else(|_| Err(io::Error::other("the thread that enters the engine's network namespace ended")))
}

type Asked = (Vec<LinkMessage>, Vec<AddressMessage>, Vec<RouteMessage>);

async fn ask(handle: &Handle) -> Result<Asked, rtnetlink::Error> {
    let links = handle.link().get().execute().try_collect().await?;
    let addresses = handle.address().get().execute().try_collect().await?;
    let four = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let mut routes: Vec<RouteMessage> = handle.route().get(four).execute().try_collect().await?;
    let six = RouteMessageBuilder::<Ipv6Addr>::new().build();
    routes.extend(handle.route().get(six).execute().try_collect::<Vec<_>>().await?);
    Ok((links, addresses, routes))
}

fn names(links: &[LinkMessage]) -> Names {
    let name = |link: &LinkMessage| {
        let mut name = String::new();
        let mut kind = String::new();
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::IfName(text) => name.clone_from(text),
                LinkAttribute::LinkInfo(infos) => {
                    let of = |info: &LinkInfo| match info {
                        LinkInfo::Kind(kind) => Some(format!(" ({kind})")),
                        _ => None,
                    };
                    kind = infos.iter().find_map(of).unwrap_or_default();
                }
                _ => {}
            }
        }
        (link.header.index, name + &kind)
    };
    links.iter().map(name).collect()
}

fn address(message: &AddressMessage, names: &Names) -> Result<Taken, String> {
    let mut local = None;
    for attribute in &message.attributes {
        match attribute {
            // Of a tunnel, `Address` is the other end; `Local` is this one.
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => local = local.or(Some(*address)),
            _ => {}
        }
    }
    let device = names.get(&message.header.index).map_or("?", String::as_str);
    let net = local.and_then(|address| IpNet::new(address, message.header.prefix_len).ok());
    let net = net.ok_or_else(|| format!("netlink: an address on {device} cannot be read"))?;
    Ok(Taken::new(format!("address on {device}"), net.trunc(), ADDRESSES))
}

/// A route's range; `None` for a default route, which is no range of its own.
fn route(message: &RouteMessage, names: &Names) -> Result<Option<Taken>, String> {
    let header = &message.header;
    let (mut to, mut table, mut device) = (None, u32::from(header.table), None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = Some(IpAddr::V4(*address)),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => to = Some(IpAddr::V6(*address)),
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Oif(index) => device = names.get(index),
            _ => {}
        }
    }
    let Some(to) = to else {
        return match header.destination_prefix_length {
            0 => Ok(None),
            bits => Err(format!("netlink: a route of {bits} bits in table {table} names no destination")),
        };
    };
    let net = IpNet::new(to, header.destination_prefix_length)
        .map_err(|_| format!("netlink: the route to {to} in table {table} cannot be read"))?;
    let kind = format!("{:?}", header.kind).to_lowercase();
    let device = device.map_or("none", String::as_str);
    Ok(Some(Taken::new(format!("{kind} route, table {table}, dev {device}"), net.trunc(), ROUTES)))
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::AddressFamily;
    use rtnetlink::packet_route::link::InfoKind;
    use rtnetlink::packet_route::route::RouteType;

    use super::*;

    fn routed(bits: u8, attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.destination_prefix_length = bits;
        message.header.kind = RouteType::BlackHole;
        message.attributes = attributes;
        message
    }

    #[test]
    fn routes_and_addresses_are_read_with_table_and_device() {
        let mut link = LinkMessage::default();
        link.header.index = 7;
        link.attributes = vec![
            LinkAttribute::IfName("wg0".into()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Wireguard)]),
        ];
        let names = names(&[link]);
        let to = || RouteAttribute::Destination(RouteAddress::Inet(Ipv4Addr::new(10, 8, 0, 0)));
        let seen = route(&routed(24, vec![to(), RouteAttribute::Table(520), RouteAttribute::Oif(7)]), &names);
        let seen = seen.expect("read").expect("a range");
        assert_eq!((seen.net.to_string().as_str(), seen.from), ("10.8.0.0/24", ROUTES));
        assert_eq!(seen.what, "blackhole route, table 520, dev wg0 (wireguard)");
        assert_eq!(route(&routed(0, vec![RouteAttribute::Oif(7)]), &names), Ok(None), "a default route");
        assert!(route(&routed(24, vec![]), &names).is_err(), "what cannot be read is no clear range");

        let mut message = AddressMessage::default();
        message.header.index = 7;
        message.header.prefix_len = 22;
        let (near, far) = (IpAddr::from([10, 4, 0, 9]), IpAddr::from([172, 20, 0, 1]));
        message.attributes = vec![AddressAttribute::Address(far), AddressAttribute::Local(near)];
        let seen = address(&message, &names).expect("read");
        assert_eq!((seen.net.to_string().as_str(), seen.what.as_str()), ("10.4.0.0/22", "address on wg0 (wireguard)"));
        message.attributes.clear();
        assert!(address(&message, &names).is_err());
    }

    #[tokio::test]
    async fn this_machine_has_a_loopback() {
        let ranges = ranges(None).await.expect("the kernel answers");
        let loopback =
            |from: &str| ranges.iter().any(|one| one.net.to_string().starts_with("127.") && one.from == from);
        assert!(loopback(ADDRESSES) && loopback(ROUTES), "{ranges:?}");
    }
}
