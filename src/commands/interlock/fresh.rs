//! One look for all who wait for one: whoever asks gets what was looked at after they asked, and a thousand at once cost one look.

use std::time::Instant;

use tokio::sync::Mutex;

/// The newest look.
pub struct Fresh<T> {
    newest: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Fresh<T> {
    /// Nothing was looked at yet.
    pub fn new() -> Self {
        Self { newest: Mutex::new(None) }
    }

    /// What was looked at after `asked`.
    pub async fn since<F: Future<Output = T>>(&self, asked: Instant, look: impl FnOnce() -> F) -> T {
        let mut newest = self.newest.lock().await;
        if let Some((_, seen)) = newest.as_ref().filter(|(begun, _)| *begun >= asked) {
            return seen.clone();
        }
        let begun = Instant::now();
        let seen = look().await;
        *newest = Some((begun, seen.clone()));
        seen
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thousand_at_once_cost_two_looks_at_most() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (fresh, looks) = (Arc::new(Fresh::new()), Arc::new(AtomicUsize::new(0)));
            let ask = || {
                let (fresh, looks) = (Arc::clone(&fresh), Arc::clone(&looks));
                let asked = Instant::now();
                tokio::spawn(async move {
                    let look = || async {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        looks.fetch_add(1, Ordering::Relaxed) + 1
                    };
                    fresh.since(asked, look).await
                })
            };
            let all: Vec<_> = (0..1000).map(|_| ask()).collect();
            for one in all {
                assert!(one.await.expect("looked") >= 1);
            }
            let looked = looks.load(Ordering::Relaxed);
            assert!(looked <= 2, "{looked} looks");
            // Whoever comes later gets a later one.
            assert_eq!(ask().await.expect("looked"), looked + 1);
        });
    }
}
