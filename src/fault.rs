//! Faults that a test orders: a process that dies, stops or cannot write at a named point. Only with the feature `test-hooks`,
//! which no release build has; without it a point is nothing.
//!
//! `COUNTERSIGN_FAULT=ACT NAME[#N]` orders one act at the Nth pass of a point (the first if `#N` is left out): `kill` (SIGKILL),
//! `stop` (SIGSTOP, so that a test can meddle and then continue it), `int` (SIGINT, as Ctrl-C sends it; the point is passed once it is heard), `fail` (the write fails as on a full disk). `NAME#*` means
//! every pass. `COUNTERSIGN_FAULT_LOG=FILE` appends `NAME#N` for each pass, so that a test can first list the points of a run.

use std::io;

/// Passes a point.
///
/// # Errors
///
/// A test ordered this point to fail; never without the feature `test-hooks`.
#[cfg(not(feature = "test-hooks"))]
#[inline]
pub fn point(_: &str) -> io::Result<()> {
    Ok(())
}

/// Passes a point.
///
/// # Errors
///
/// A test ordered this point to fail.
#[cfg(feature = "test-hooks")]
pub fn point(name: &str) -> io::Result<()> {
    let pass = hooks::count(name);
    hooks::log(name, pass)?;
    match hooks::ordered(name, pass) {
        None => Ok(()),
        Some(hooks::Act::Fail) => Err(io::ErrorKind::StorageFull.into()),
        Some(act) => hooks::signal_self(act),
    }
}

#[cfg(feature = "test-hooks")]
mod hooks {
    use std::collections::HashMap;
    use std::env;
    use std::fs::OpenOptions;
    use std::io::{self, Write as _};
    use std::sync::{LazyLock, Mutex, PoisonError};

    use rustix::process::{Signal, getpid, kill_process};

    static PASSES: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Act {
        Kill,
        Stop,
        Interrupt,
        Fail,
    }

    pub(super) fn count(name: &str) -> u64 {
        let mut passes = PASSES.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passes.entry(name.to_owned()).or_default();
        *pass += 1;
        *pass
    }

    pub(super) fn log(name: &str, pass: u64) -> io::Result<()> {
        let Some(file) = env::var_os("COUNTERSIGN_FAULT_LOG") else { return Ok(()) };
        // One write a line: several processes may log to one file.
        OpenOptions::new().append(true).create(true).open(file)?.write_all(format!("{name}#{pass}\n").as_bytes())
    }

    pub(super) fn ordered(name: &str, pass: u64) -> Option<Act> {
        parse(&env::var("COUNTERSIGN_FAULT").ok()?, name, pass)
    }

    pub(super) fn parse(order: &str, name: &str, pass: u64) -> Option<Act> {
        let (act, at) = order.split_once(' ')?;
        let (wanted, number) = at.split_once('#').unwrap_or((at, "1"));
        let meant = wanted == name && (number == "*" || number.parse() == Ok(pass));
        match act {
            _ if !meant => None,
            "kill" => Some(Act::Kill),
            "stop" => Some(Act::Stop),
            "int" => Some(Act::Interrupt),
            "fail" => Some(Act::Fail),
            _ => None,
        }
    }

    pub(super) fn signal_self(act: Act) -> io::Result<()> {
        let signal = match act {
            Act::Stop => Signal::STOP,
            Act::Interrupt => Signal::INT,
            _ => Signal::KILL,
        };
        kill_process(getpid(), signal)?;
        while act == Act::Interrupt && !crate::interrupt::requested() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_order_names_one_pass_of_one_point() {
            assert_eq!(parse("kill a.b", "a.b", 1), Some(Act::Kill));
            assert_eq!(parse("kill a.b", "a.b", 2), None);
            assert_eq!(parse("stop a.b#2", "a.b", 2), Some(Act::Stop));
            assert_eq!(parse("fail a.b#*", "a.b", 7), Some(Act::Fail));
            assert_eq!(parse("fail a.b#*", "a", 7), None);
            assert_eq!(parse("burn a.b", "a.b", 1), None);
        }
    }
}
