//! HTTP/1.1 over the engine's socket, as raw JSON: one request a connection, unless it is kept for the next.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

use self::line::{Kept, LONGEST, Line};
use crate::engine::Engine;
use crate::engine::error::{EngineError, of_status, with_sources};
use crate::fault;

mod line;

/// The header by which the executor proves itself to an interlock.
pub const TOKEN_HEADER: &str = "X-Countersign-Token";

/// Where the engine listens, and how its API is addressed.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    address: Arc<str>,
    prefix: Arc<str>,
    timeout: Duration,
    /// What shows an interlock that the executor asks.
    token: Option<Arc<str>>,
    /// Connections between questions; `None` where each has one of its own.
    kept: Option<Arc<Kept>>,
}

impl Transport {
    pub(super) fn new(address: &str, prefix: String, timeout: Duration) -> Self {
        Self { address: address.into(), prefix: prefix.into(), timeout, token: None, kept: None }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The process that listens at a unix socket; `None` over the network.
    pub(super) async fn listener(&self) -> Result<Option<u32>, EngineError> {
        let Some(path) = self.address.strip_prefix("unix://") else { return Ok(None) };
        let lost = |why: String| EngineError::Unreachable { address: self.address.to_string(), why };
        let stream = UnixStream::connect(path).await.map_err(|error| lost(error.to_string()))?;
        let pid = stream.peer_cred().map_err(|error| lost(error.to_string()))?.pid();
        let pid = pid.and_then(|pid| u32::try_from(pid).ok());
        pid.map(Some).ok_or_else(|| lost("the kernel does not say which process listens there".to_owned()))
    }

    pub(super) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The same, whose questions share connections.
    pub(super) fn keeping(mut self) -> Self {
        self.kept = Some(Arc::default());
        self
    }

    /// Sends a request and reads the whole answer. That of an order without a body is `Value::Null`.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let changes = (method != Method::GET).then(|| change(&method, path));
        self.fault(changes.as_deref(), "before")?;
        let answer = self.timed(method.clone(), path, body).await;
        self.fault(changes.as_deref(), "after")?;
        let answer = answer?;
        // An order may be answered by nothing; a question that is, was not answered.
        if answer.is_empty() && method != Method::GET {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| malformed(&method, path, &error))
    }

    /// Reads a list straight into a narrow type, without the way over [`Value`]: what the type does not name is skipped.
    pub(super) async fn read_list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, EngineError> {
        let answer = self.timed(Method::GET, path, None).await?;
        serde_json::from_slice(&answer).map_err(|error| malformed(&Method::GET, path, &error))
    }

    async fn timed(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, EngineError> {
        let name = call_name(&method, path);
        match tokio::time::timeout(self.timeout, self.exchange(&name, method, path, body)).await {
            Ok(result) => result,
            Err(_) => Err(EngineError::Timeout { call: name, after: self.timeout }),
        }
    }

    /// A point at which a test may order a crash, or that the engine is out of reach.
    fn fault(&self, change: Option<&str>, when: &str) -> Result<(), EngineError> {
        let Some(change) = change else { return Ok(()) };
        let lost = |error: std::io::Error| EngineError::Unreachable {
            address: self.address.to_string(),
            why: error.to_string(),
        };
        fault::point(&format!("engine.{change}.{when}")).map_err(lost)
    }

    async fn exchange(
        &self,
        name: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, EngineError> {
        let malformed = |why: String| EngineError::Malformed { call: name.to_owned(), why };
        let bytes = body.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
        let request = || {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(format!("{}{path}", self.prefix))
                .header("host", "engine")
                .header("content-type", "application/json");
            if let Some(token) = &self.token {
                request = request.header(TOKEN_HEADER, &**token);
            }
            request.body(Full::new(bytes.clone())).map_err(|error| malformed(error.to_string()))
        };
        let out_of_reach = |why: String| EngineError::Unreachable { address: self.address.to_string(), why };
        // An order is never sent twice. Over a network a connection may have died without a word, and who asks it waits in vain.
        let kept = self.kept.as_ref().filter(|_| method == Method::GET && self.address.starts_with("unix://"));
        let again = match kept.and_then(|kept| Some((kept, kept.take()?))) {
            Some((kept, mut line)) => line.ask(request()?).await.ok().inspect(|_| kept.put(line)),
            None => None,
        };
        let (status, answer) = match again {
            Some(answered) => answered,
            // None was kept, or the engine hung up on it meanwhile.
            None => {
                let mut line = self.connect().await.map_err(out_of_reach)?;
                let answered = line.ask(request()?).await.map_err(|error| out_of_reach(with_sources(&error)))?;
                if let Some(kept) = kept {
                    kept.put(line);
                }
                answered
            }
        };
        let answer =
            answer.ok_or_else(|| malformed(format!("it is longer than {} MiB; wanted an end", LONGEST >> 20)))?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer);
        let message = serde_json::from_slice::<Value>(&answer)
            .ok()
            .and_then(|value| value.get("message").and_then(Value::as_str).map(str::to_owned))
            .unwrap_or_else(|| beginning(&text, 400));
        Err(of_status(name, status, &message))
    }

    async fn connect(&self) -> Result<Line, String> {
        let line = if let Some(socket) = self.address.strip_prefix("unix://") {
            Line::over(UnixStream::connect(socket).await.map_err(|error| error.to_string())?).await
        } else {
            let host = self.address.trim_start_matches("tcp://").trim_end_matches('/');
            Line::over(TcpStream::connect(host).await.map_err(|error| error.to_string())?).await
        };
        line.map_err(|error| with_sources(&error))
    }
}

impl Engine {
    /// The same engine, asked over connections that are kept: for whoever asks it one small question after the other.
    #[must_use]
    pub fn keeping_connections(mut self) -> Self {
        self.transport = self.transport.keeping();
        self
    }
}

/// What a changing call does, for the points of faults: `network.create`, `service.update` and so on.
fn change(method: &Method, path: &str) -> String {
    let mut parts = path.split('?').next().unwrap_or(path).trim_matches('/').split('/');
    let object = parts.next().unwrap_or_default().trim_end_matches('s');
    let verb = match parts.next_back() {
        _ if method == Method::DELETE => "remove",
        Some(verb) => verb,
        None => method.as_str(),
    };
    format!("{object}.{verb}")
}

fn call_name(method: &Method, path: &str) -> String {
    format!("{method} {}", path.split('?').next().unwrap_or(path))
}

/// The first words of a text, at most so many bytes: cut between words, so that no secret loses the end it is known by.
fn beginning(text: &str, bytes: usize) -> String {
    let mut end = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        if end + word.trim_end().len() > bytes {
            break;
        }
        end += word.len();
    }
    if end < text.len() { format!("{}…", text[..end].trim_end()) } else { text.to_owned() }
}

fn malformed(method: &Method, path: &str, error: &serde_json::Error) -> EngineError {
    EngineError::Malformed { call: call_name(method, path), why: error.to_string() }
}

/// Writes a query value: everything but unreserved characters is percent-encoded.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Writes the `filters` parameter: a JSON object of lists.
pub(super) fn filters(wanted: &[(&str, &str)]) -> String {
    let mut map = serde_json::Map::new();
    for (key, value) in wanted {
        if let Value::Array(values) = map.entry(*key).or_insert_with(|| Value::Array(Vec::new())) {
            values.push(Value::from(*value));
        }
    }
    if map.is_empty() { String::new() } else { format!("filters={}", encode(&Value::Object(map).to_string())) }
}

/// The answer as a list of objects, each raw and with the id that the engine gives it under `key`.
///
/// An engine writes an empty list of these as `[]`: `null`, and an object without an id, are no answer (moby
/// `daemon/cluster/{nodes,services,tasks}.go` and `daemon/list.go` make the list before they fill it).
pub(super) fn list(call: &str, answer: Value, key: &str) -> Result<Vec<Value>, EngineError> {
    let malformed = |why: &str| EngineError::Malformed { call: call.to_owned(), why: why.to_owned() };
    let Value::Array(values) = answer else { return Err(malformed("wanted a list")) };
    let has_id = |value: &Value| value.get(key).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    if values.iter().all(has_id) { Ok(values) } else { Err(malformed("it lists an object without id")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_calls_have_names() {
        for (method, path, name) in [
            (Method::POST, "/networks/create", "network.create"),
            (Method::DELETE, "/networks/abc", "network.remove"),
            (Method::POST, "/services/abc/update?version=3", "service.update"),
            (Method::DELETE, "/services/abc", "service.remove"),
        ] {
            assert_eq!(change(&method, path), name);
        }
    }

    #[test]
    fn a_long_answer_is_cut_between_words() {
        assert_eq!(beginning("bad gateway", 11), "bad gateway");
        assert_eq!(beginning("bad gateway at all", 13), "bad gateway…");
        assert_eq!(beginning(&"x".repeat(500), 400), "…");
    }

    #[test]
    fn what_is_no_list_of_objects_is_no_answer() {
        let read = |text: &str| list("nodes", serde_json::from_str(text).expect("JSON"), "ID").map(|all| all.len());
        assert_eq!(read("[]").expect("none"), 0);
        assert_eq!(read(r#"[{"ID": "a"}, {"ID": "b", "New": 1}]"#).expect("two"), 2);
        for text in ["null", "{}", r#""""#] {
            assert!(read(text).expect_err(text).to_string().contains("wanted a list"), "{text}");
        }
        for text in ["[null]", "[{}]", r#"[{"ID": ""}]"#, r#"[{"ID": 7}]"#, r#"[{"ID": "a"}, {"Id": "b"}]"#] {
            assert!(read(text).expect_err(text).to_string().contains("without id"), "{text}");
        }
    }

    #[test]
    fn filters_are_lists_of_one_key() {
        assert_eq!(filters(&[]), "");
        assert_eq!(filters(&[("a", "1"), ("a", "2")]), "filters=%7B%22a%22%3A%5B%221%22%2C%222%22%5D%7D");
    }
}
