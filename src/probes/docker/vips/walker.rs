//! Who walks: a process of a machine since its last boot, so that whoever finds its canary can tell that it is dead.

use std::fs;

/// The machine's boot, the process, and its start: a process id is given out again.
fn name(process: &str) -> Option<String> {
    let boot = boot()?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in brackets and may hold anything; the start is the twentieth field after it (proc(5)).
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{boot}/{process}/{start}"))
}

fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// This process.
pub fn this() -> String {
    name(&std::process::id().to_string()).unwrap_or_else(|| format!("unknown/{}/0", std::process::id()))
}

/// Whether the walker of this name is known to be dead: a process of this machine and boot that is not there any more. Of
/// another machine's walker that is not known.
pub fn is_dead(walker: &str) -> bool {
    let mut parts = walker.split('/');
    match (parts.next(), parts.next()) {
        (Some(of), Some(process)) if Some(of) == boot().as_deref() && process.parse::<u32>().is_ok() => {
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
        assert!(is_dead(&format!("{this}0")), "the same number, another start");
        assert!(!is_dead("elsewhere/1/1") && !is_dead("") && !is_dead(&this.replace('/', "x")), "not known to be dead");
    }
}
