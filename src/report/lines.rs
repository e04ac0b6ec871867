//! Lines for whoever watches, which never hold the work up.
//!
//! A terminal can stop taking text without going away: Ctrl-S, a pager that is not read, a connection that broke without a word. A
//! write would then wait for it, in the middle of a step, with the services down. So a thread of its own writes; whoever says
//! something waits for it a moment only, and not at all while the terminal takes nothing.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long a line is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long what was said is waited for at the end.
const LAST: Duration = Duration::from_secs(1);
/// How many lines wait for a terminal that takes none; later ones are counted and not shown.
const WAITING: usize = 10_000;

static STDERR: LazyLock<Option<Lines>> = LazyLock::new(|| Lines::new(io::stderr()).ok());

/// Says a line on standard error.
pub fn say(line: &str) {
    match &*STDERR {
        Some(lines) => lines.say(line),
        // No thread could be had.
        None => drop(writeln!(io::stderr().lock(), "{line}")),
    }
}

/// Gives what was said a moment to be shown, before something else is printed.
pub fn settle() {
    if let Some(lines) = &*STDERR {
        lines.settle();
    }
}

/// Lines on their way to one place.
struct Lines {
    to: Sender<(String, SyncSender<()>)>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The place takes nothing now.
    stuck: AtomicBool,
    waiting: AtomicUsize,
    lost: AtomicUsize,
}

impl Lines {
    fn new(mut place: impl Write + Send + 'static) -> io::Result<Self> {
        let (to, from) = channel::<(String, SyncSender<()>)>();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            for (text, written) in from {
                // A reader that went away is no error.
                place.write_all(text.as_bytes()).and_then(|()| place.flush()).ok();
                own.stuck.store(false, Ordering::SeqCst);
                // After all that waited: that is where they are missing.
                let is_last = own.waiting.load(Ordering::SeqCst) == 1;
                let lost = if is_last { own.lost.swap(0, Ordering::SeqCst) } else { 0 };
                if lost > 0 {
                    writeln!(place, "! {lost} lines are not shown: nothing was taken here for a while").ok();
                }
                own.waiting.fetch_sub(1, Ordering::SeqCst);
                // Whoever said it may have stopped waiting.
                written.send(()).ok();
            }
        })?;
        Ok(Self { to, shared })
    }

    fn say(&self, line: &str) {
        self.send(format!("{line}\n"), PATIENCE);
    }

    fn settle(&self) {
        if self.shared.waiting.load(Ordering::SeqCst) > 0 {
            self.shared.stuck.store(false, Ordering::SeqCst);
            self.send(String::new(), LAST);
        }
    }

    fn send(&self, text: String, patience: Duration) {
        if !text.is_empty() && self.shared.waiting.load(Ordering::SeqCst) >= WAITING {
            self.shared.lost.fetch_add(1, Ordering::SeqCst);
            return;
        }
        self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        let (written, wait) = sync_channel(1);
        let sent = self.to.send((text, written)).is_ok();
        if sent && !self.shared.stuck.load(Ordering::SeqCst) && wait.recv_timeout(patience).is_err() {
            self.shared.stuck.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Takes nothing while somebody else holds its text.
    #[derive(Clone, Default)]
    struct Place(Arc<Mutex<Vec<u8>>>);

    impl Write for Place {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text(place: &Place) -> String {
        String::from_utf8(place.0.lock().expect("held").clone()).expect("UTF-8")
    }

    #[test]
    fn what_is_taken_is_shown_at_once_and_in_order() {
        let place = Place::default();
        let lines = Lines::new(place.clone()).expect("a thread");
        for number in 0..100 {
            lines.say(&format!("line {number}"));
            assert!(text(&place).ends_with(&format!("line {number}\n")));
        }
    }

    #[test]
    fn a_place_that_takes_nothing_holds_nobody_up_and_gets_all_of_it_later() {
        let place = Place::default();
        let lines = Lines::new(place.clone()).expect("a thread");
        let held = place.0.lock().expect("held");
        for number in 0..WAITING + 7 {
            lines.say(&format!("line {number}"));
        }
        lines.settle();
        drop(held);
        while lines.shared.waiting.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        lines.say("the end");
        let text = text(&place);
        assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("\nthe end\n"), "{} bytes", text.len());
        assert!(text.contains("lines are not shown") && text.contains(&format!("line {}\n", WAITING - 1)));
    }
}
