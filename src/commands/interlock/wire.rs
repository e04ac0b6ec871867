//! What the engine sends its plugin and what it is answered: the authorization plugin's API, version 1.

use std::collections::HashMap;

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::interlock::request::Request;

/// The longest question that is read, in bytes: a body of 1 MiB in base64, and headers.
pub const LONGEST: usize = 4 << 20;

/// The question whether a request may be carried out.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Question {
    #[serde(rename = "User")]
    user: String,
    #[serde(rename = "RequestMethod")]
    method: String,
    #[serde(rename = "RequestUri")]
    uri: String,
    #[serde(rename = "RequestBody")]
    body: Option<String>,
    #[serde(rename = "RequestHeaders")]
    headers: Option<HashMap<String, String>>,
}

/// A request, and who the engine says that sent it.
pub struct Asked {
    /// The request.
    pub request: Request,
    /// The name in the client's certificate; empty where it showed none.
    pub user: String,
}

/// Reads a question.
///
/// # Errors
///
/// It is none.
pub fn question(bytes: &[u8]) -> Result<Asked, String> {
    let question: Question = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let body = question.body.filter(|body| !body.is_empty());
    let body = body.map(|body| Base64::decode_vec(&body)).transpose().map_err(|error| error.to_string())?;
    let headers = question.headers.unwrap_or_default().into_iter().collect();
    let request = Request { method: question.method, uri: question.uri, headers, body };
    Ok(Asked { request, user: question.user })
}

/// What this plugin can do.
pub fn activation() -> Value {
    json!({ "Implements": ["authz"] })
}

/// Yes.
pub fn allowed() -> Value {
    json!({ "Allow": true })
}

/// No, with the words that the client prints.
pub fn refused(words: &str) -> Value {
    json!({ "Allow": false, "Msg": words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_engines_write_it() {
        let text = r#"{"User":"","RequestMethod":"POST","RequestUri":"/v1.41/networks/create","RequestBody":"eyJOYW1lIjoicHJveHkifQ==",
            "RequestHeaders":{"Content-Type":"application/json"},"RequestPeerCertificates":null,"Later":1}"#;
        let asked = question(text.as_bytes()).expect("a question");
        assert_eq!(asked.request.body.as_deref(), Some(&br#"{"Name":"proxy"}"#[..]));
        assert_eq!(asked.request.header("content-type"), "application/json");
        let without = question(br#"{"RequestMethod":"GET","RequestUri":"/info","RequestBody":null}"#).expect("one");
        assert_eq!((without.request.body, without.request.method.as_str()), (None, "GET"));
        assert!(question(b"7").is_err() && question(br#"{"RequestBody":"%"}"#).is_err());
    }
}
