//! One plain HTTP/1.1 request, for the front and for waiting on routes.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Gets `path` from `address` (`ip:port`) for the host name `host`; `None` when there was no whole answer in time.
pub async fn get(address: &str, host: &str, path: &str, timeout: Duration) -> Option<Answer> {
    tokio::time::timeout(timeout, exchange(address, host, path)).await.ok()?
}

async fn exchange(address: &str, host: &str, path: &str) -> Option<Answer> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path).header("host", host).body(Full::new(Bytes::new())).ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    driver.abort();
    Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}
