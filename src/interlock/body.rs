//! What the bodies of judged requests say, read as the engine reads them.

use super::lenient::{Json, Unclear};

/// A service's spec, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// Its stack, by its label.
    pub stack: Option<String>,
    /// Names, ids or beginnings of ids of the networks that its tasks join.
    pub networks: Vec<String>,
    /// Whether it has tasks at all.
    pub has_tasks: bool,
    /// Directories and files of the host that its tasks see.
    pub mounts: Vec<String>,
}

/// A container's configuration, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSpec {
    /// Names, ids or beginnings of ids of the networks that it joins.
    pub networks: Vec<String>,
    /// Directories and files of the host that it sees.
    pub mounts: Vec<String>,
}

/// The label that says which stack a service or network belongs to.
pub const STACK: &str = "com.docker.stack.namespace";

/// A service's spec.
///
/// # Errors
///
/// It cannot be read in one way only.
pub fn service(body: &Json) -> Result<ServiceSpec, Unclear> {
    let template = body.get("TaskTemplate")?;
    // The engine takes the second place only where the first is empty: `populateNetworkID`, moby `daemon/cluster/services.go`.
    let listed = match template.list("Networks")? {
        [] => body.list("Networks")?,
        listed => listed,
    };
    let networks = listed.iter().map(|entry| entry.text("Target").map(str::to_owned)).collect::<Result<_, _>>()?;
    let container = template.get("ContainerSpec")?;
    let mut mounts = Vec::new();
    for mount in container.list("Mounts")? {
        mounts.extend(host_places(mount)?);
    }
    Ok(ServiceSpec {
        name: body.text("Name")?.to_owned(),
        stack: stack(body)?,
        networks,
        has_tasks: has_tasks(body.get("Mode")?)?,
        mounts,
    })
}

fn stack(body: &Json) -> Result<Option<String>, Unclear> {
    // Labels are data: their names differ by case.
    let found = body.entries("Labels")?.iter().rfind(|(key, _)| key == STACK);
    Ok(match found {
        Some((_, Json::Text(stack))) => Some(stack.clone()),
        _ => None,
    })
}

fn has_tasks(mode: &Json) -> Result<bool, Unclear> {
    Ok(match mode.at(&["Replicated", "Replicas"])? {
        Json::Number(number) => *number > 0.0,
        _ => true,
    })
}

/// A container's configuration, with what older engines also take outside `HostConfig`.
///
/// # Errors
///
/// It cannot be read in one way only.
pub fn container(body: &Json) -> Result<ContainerSpec, Unclear> {
    let mut found = ContainerSpec::default();
    for host in [body, body.get("HostConfig")?] {
        let mode = host.text("NetworkMode")?;
        if !mode.is_empty() {
            found.networks.push(mode.to_owned());
        }
        for bind in host.list("Binds")? {
            let Json::Text(bind) = bind else {
                return Err(Unclear::Kind { key: "Binds".into(), wanted: "list of texts" });
            };
            found.mounts.extend(bind.split(':').next().map(str::to_owned));
        }
    }
    for mount in body.get("HostConfig")?.list("Mounts")?.iter().chain(body.list("Mounts")?) {
        // `Mounts` of an inspected container have another form, with the same two keys.
        found.mounts.extend(host_places(mount)?);
    }
    for (name, endpoint) in body.get("NetworkingConfig")?.entries("EndpointsConfig")? {
        found.networks.push(name.clone());
        let id = endpoint.text("NetworkID")?;
        if !id.is_empty() {
            found.networks.push(id.to_owned());
        }
    }
    Ok(found)
}

/// A volume's places of the host: its driver's options name them, as `device` or in `o`.
///
/// # Errors
///
/// It cannot be read in one way only.
pub fn volume(body: &Json) -> Result<Vec<String>, Unclear> {
    Ok(body.entries("DriverOpts")?.iter().flat_map(|(_, option)| places(option)).collect())
}

/// The places of the host that a plugin is granted or set to see, wherever they stand in the body.
pub fn plugin(body: &Json) -> Vec<String> {
    places(body).collect()
}

/// The most parts between colons that are taken for one path: an engine's id, by which its state is called, has twelve.
const PARTS: usize = 16;

/// Every absolute path that a text may name: itself, and whatever stands in a list of options (`lowerdir=/a:/b,upperdir=/c`), where a
/// colon may part two paths or be a letter of one, with a backslash before it or without.
fn paths(text: &str) -> Vec<String> {
    let mut found: Vec<String> = [text].into_iter().filter(|text| text.starts_with('/')).map(str::to_owned).collect();
    for option in text.split([',', '=']) {
        let parts: Vec<&str> = option.split(':').map(|part| part.trim_end_matches('\\')).collect();
        for from in (0..parts.len()).filter(|from| parts[*from].starts_with('/')) {
            found.extend((from..parts.len().min(from + PARTS)).map(|to| parts[from..=to].join(":")));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Every absolute path in the texts of a value.
fn places(value: &Json) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        Json::Text(text) => Box::new(paths(text).into_iter()),
        Json::List(list) => Box::new(list.iter().flat_map(places)),
        Json::Object(entries) => Box::new(entries.iter().flat_map(|(_, value)| places(value))),
        Json::Null | Json::Flag(_) | Json::Number(_) => Box::new(std::iter::empty()),
    }
}

fn host_places(mount: &Json) -> Result<Vec<String>, Unclear> {
    let source = mount.text("Source")?.to_owned();
    let options = mount.at(&["VolumeOptions", "DriverConfig"])?.entries("Options")?;
    let named = options.iter().flat_map(|(_, option)| places(option));
    Ok([source].into_iter().filter(|path| path.starts_with('/')).chain(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_wherever_it_stands_also_one_with_colons() {
        let place = "/s/RTK7:I7UU:XZXP";
        for text in [
            place.to_owned(),
            format!("device={place}"),
            format!("lowerdir=/a:{place},upperdir=/u"),
            format!("lowerdir=/a:{},upperdir=/u", place.replace(':', "\\:")),
            format!("{place}/token"),
        ] {
            assert!(paths(&text).iter().any(|path| path.starts_with(place)), "{text}: {:?}", paths(&text));
        }
        assert_eq!(paths("lowerdir=/a:/b,upperdir=c"), ["/a", "/a:/b", "/b"]);
        assert_eq!(paths("rw,noatime"), Vec::<String>::new());
        assert!(paths(&"/x:".repeat(1000)).len() < 20_000, "it stays small");
    }
}
