//! A backend: answers every path with one status and its name.

use std::time::Duration;

use hyper::header::{HeaderValue, LOCATION};

use crate::twin::serve::{answer, serve};

/// What a backend does.
#[derive(Debug, Clone)]
pub struct Backend {
    /// The name in its answers.
    pub name: String,
    /// The status of its answers; one of 300 to 399 comes with a place to go to.
    pub status: u16,
    /// Where it listens.
    pub port: u16,
    /// Whether it stays until it is killed.
    pub ignore_term: bool,
}

/// Serves until SIGTERM. `/slow` takes a second to answer.
pub async fn run(backend: Backend) -> std::io::Result<()> {
    let (port, ignore_term) = (backend.port, backend.ignore_term);
    serve(port, ignore_term, move |request| {
        let (name, status) = (backend.name.clone(), backend.status);
        async move {
            if request.uri().path() == "/slow" {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let mut response = answer(status, format!("{name}\n"));
            if (300..400).contains(&status) {
                response.headers_mut().insert(LOCATION, HeaderValue::from_static("/welcome"));
            }
            response
        }
    })
    .await
}
