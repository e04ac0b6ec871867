//! Who walks: a process of a machine since its last boot, so that whoever finds its canary can tell that it is dead.

use std::fs;

/// The machine's boot, the process, its start and its pid namespace: a process id is given out again, and means another process in
/// another namespace. None for a process that has ended, also one that nobody has asked about since.
fn name(process: &str) -> Option<String> {
    let boot = boot()?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in brackets and may hold anything; the start is the twentieth field after it (proc(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, start) = (fields.next()?, fields.nth(18)?);
    (!matches!(state, "Z" | "X" | "x")).then(|| format!("{boot}/{process}/{start}/{}", namespace()))
}

/// This process's pid namespace, as in `4026531836`.
fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// This process.
pub fn this() -> String {
    name(&std::process::id().to_string()).unwrap_or_else(|| format!("unknown/{}/0/0", std::process::id()))
}

/// Whether the walker of this name is known to be dead: a process of this machine, boot and pid namespace that is not there
/// any more. Of another machine's or namespace's walker that is not known.
pub fn is_dead(walker: &str) -> bool {
    let mut parts = walker.split('/');
    match (parts.next(), parts.next(), parts.nth(1)) {
        (Some(of), Some(process), Some(seen_from))
            if Some(of) == boot().as_deref() && process.parse::<u32>().is_ok() && seen_from == namespace() =>
        {
            name(process).as_deref() != Some(walker)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_earlier_one_of_its_number_does_not() {
        let this = this();
        assert!(!is_dead(&this), "{this}");
        let mut parts: Vec<String> = this.split('/').map(str::to_owned).collect();
        parts[2] += "0";
        assert!(is_dead(&parts.join("/")), "the same number, another start");
        parts[3] += "0";
        assert!(!is_dead(&parts.join("/")), "what its number means there is not known here");
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        let of_child = || name(&child.id().to_string());
        while of_child().is_some() {
            std::thread::yield_now();
        }
        child.wait().expect("a zombie until now");
        assert!(!is_dead("elsewhere/1/1") && !is_dead("") && !is_dead(&this.replace('/', "x")), "not known to be dead");
    }
}
