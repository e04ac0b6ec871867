//! The remote: whether it answers, and whether it does so through the network that a step takes away.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::engine::Seen;
use super::line::Line;
use super::recreated;
use crate::commands::open::Session;
use crate::commands::target::runtime;
use crate::error::Exit;
use crate::git::GitError;

/// How long the remote may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks.
pub fn look(session: &Session, seen: &Seen, lines: &mut Vec<Line>) {
    let repository = &session.repository;
    let Some(url) = repository.remote_url("origin") else {
        let found = "there is no remote `origin`";
        lines.push(Line::wrong(
            Exit::Usage,
            "remote",
            found,
            "one that both parties push to",
            "git remote add origin URL",
        ));
        return;
    };
    lines.push(match repository.branch() {
        None => {
            Line::wrong(Exit::Usage, "branch", "HEAD is detached", "a branch, which `sync` pushes", "git switch BRANCH")
        }
        Some(branch) => match repository.ask("origin", &branch, PATIENCE) {
            Ok(tip) if tip.forced => Line::wrong(
                Exit::Invalid,
                "remote",
                format!("{url} answers; branch {branch} does not come after what it was ({})", tip.known),
                "a branch that only grows",
                "countersign sync, which publishes what this clone holds there",
            ),
            Ok(_) => Line::ok("remote", format!("{url} answers; branch {branch} is there")),
            Err(GitError::NoBranch { .. }) => {
                Line::ok("remote", format!("{url} answers; it has no branch {branch} yet"))
            }
            Err(error) => Line::unknown("remote", format!("{url}: {error}"), "git fetch origin"),
        },
    });
    let networks = recreated(session);
    if !networks.is_empty() {
        lines.push(place(session, &url, &networks.join(", "), seen));
    }
}

/// Whether the remote may sit behind the network: then it is dark while the step runs.
fn place(session: &Session, url: &str, networks: &str, seen: &Seen) -> Line {
    let what = "remote's place";
    let Some(host) = host_of(url) else { return Line::ok(what, format!("{url} is a path: not behind {networks}")) };
    let behind = |how: String| {
        let found = format!("{host} {how}: it may answer through {networks}, and be dark during the step");
        let wanted = "everything pushed before the run; the run itself goes on without the remote";
        Line::advice(what, found, wanted, "countersign sync, right before countersign builder run")
    };
    if routes(session).iter().any(|route| host_of(route).as_deref() == Some(host.as_str())) {
        return behind("is one of the contract's routes".into());
    }
    let addresses = match resolve(&host) {
        Ok(addresses) => addresses,
        Err(why) => return Line::unknown(what, format!("{host}: {why}"), format!("getent hosts {host}")),
    };
    if let Some(own) = addresses.iter().find(|address| is_ours(**address)) {
        return behind(format!("is {own}, an address of this machine"));
    }
    if let Some(node) = addresses.iter().find(|address| seen.node_addresses.contains(&address.to_string())) {
        return behind(format!("is {node}, a node of the swarm"));
    }
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let looked = if seen.nodes_known { "nor of a node" } else { "(the swarm's nodes could not be looked at)" };
    Line::ok(what, format!("{host} is {}, no address of this machine {looked}", shown.join(", ")))
}

fn routes(session: &Session) -> Vec<&str> {
    let tables = session.contract.steps.iter().flat_map(|step| step.params.tables("routes"));
    tables.filter_map(|route| route.text("url")).collect()
}

/// The host of a URL or of git's short form `user@host:path`; none for a path.
fn host_of(url: &str) -> Option<String> {
    let rest = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split('/').next()?,
        None => {
            let (before, _) = url.split_once(':')?;
            (!before.contains('/')).then_some(before)?
        }
    };
    let host = rest.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_lowercase())
}

fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let runtime = runtime().map_err(|error| error.message)?;
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 443))).await });
    // A resolver that hangs must not hold the command up at its end.
    runtime.shutdown_background();
    match found {
        Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the resolver gave no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether an address is this machine's: only then can a socket be bound to it.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remotes_host() {
        let table = [
            ("https://forge.example.org/x.git", Some("forge.example.org")),
            ("ssh://git@Forge.example.org:2222/x.git", Some("forge.example.org")),
            ("git@forge.example.org:x/y.git", Some("forge.example.org")),
            ("https://[fd00::1]:3000/x", Some("fd00::1")),
            ("/srv/x.git", None),
            ("../x.git", None),
            ("file:///srv/x.git", None),
        ];
        for (url, host) in table {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }

    #[test]
    fn an_address_of_this_machine() {
        assert!(is_ours("127.0.0.1".parse().expect("an address")));
        assert!(!is_ours("192.0.2.1".parse().expect("an address")));
    }
}
