//! A connection to the engine, and those that are kept: whoever asks it many small questions connects once.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The longest answer that is read, in bytes. The tasks of a swarm of 20,000 are about 40 MB; one that does not end would take all
/// memory, the engine's own too.
pub(super) const LONGEST: usize = 256 << 20;
/// How many connections are kept while nobody uses them.
const KEPT: usize = 8;

/// One connection.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// What moves the bytes, on the task of whoever asks: handing it to another thread costs more than the call itself on a busy
    /// machine.
    connection: Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>,
    ended: bool,
}

impl Line {
    /// The connection over a stream.
    pub(super) async fn over<S>(stream: S) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: Box::pin(connection), ended: false })
    }

    /// Sends a request and reads the answer; `None` for one that is too long.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Option<Bytes>), hyper::Error> {
        let sender = &mut self.sender;
        let exchange = async move {
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let (mut body, mut bytes) = (answer.into_body(), Vec::new());
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if bytes.len() + data.len() > LONGEST {
                    return Ok((status, None));
                }
                bytes.extend_from_slice(&data);
            }
            Ok((status, Some(Bytes::from(bytes))))
        };
        // Until the exchange is through, nothing but this may be kept of the connection.
        self.ended = true;
        match select(std::pin::pin!(exchange), self.connection.as_mut()).await {
            Either::Left((answer, _)) => {
                self.ended = !matches!(answer, Ok((_, Some(_))));
                answer
            }
            Either::Right((_, exchange)) => {
                // The engine hung up. What the connection did not take up is told so only when it is dropped.
                self.connection = Box::pin(std::future::ready(Ok(())));
                exchange.await
            }
        }
    }
}

/// Connections that wait for the next question.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<Line>>);

impl Kept {
    /// The one that was used last, if there is one.
    pub(super) fn take(&self) -> Option<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps one whose answer was read to its end.
    pub(super) fn put(&self, line: Line) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.ended && kept.len() < KEPT {
            kept.push(line);
        }
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use hyper::Method;
    use serde_json::json;

    use crate::engine::transport::Transport;

    /// An engine that answers so many questions a connection and then hangs up; gives how often it was connected to.
    fn engine(listener: UnixListener, questions: usize, connections: usize) -> std::thread::JoinHandle<usize> {
        std::thread::spawn(move || {
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().expect("a connection");
                for _ in 0..questions {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        if stream.read(&mut byte).expect("read") == 0 {
                            break;
                        }
                        head.push(byte[0]);
                    }
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[7]\n").expect("written");
                }
            }
            connections
        })
    }

    #[test]
    fn a_connection_is_kept_and_one_that_was_hung_up_is_made_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        // Six questions over three connections of two.
        let answering = engine(listener, 2, 3);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let address = format!("unix://{}", socket.display());
        let transport = Transport::new(&address, "/v1.41".into(), Duration::from_secs(10)).keeping();
        for _ in 0..6 {
            // Each from a task of its own, as they come.
            let transport = transport.clone();
            let asked = runtime.spawn(async move { transport.call(Method::GET, "/networks", None).await });
            let answer = runtime.block_on(asked).expect("a task").expect("an answer");
            assert_eq!(answer, json!([7]));
        }
        assert_eq!(answering.join().expect("ended"), 3);
    }
}
