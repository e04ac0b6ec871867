//! One HTTP client for one route: its own resolved address, no redirects, no proxy, bounded in time and size.

use std::error::Error;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{HOST, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Method, Url, redirect};

use super::certificate::valid_until;
use crate::model::digest::Digest;
use crate::probes::file::read_host;
use crate::probes::redact::excerpt;

/// The most bytes of a body that are read.
const BODY_LIMIT: usize = 64 << 10;

/// One route, ready to be asked.
pub struct Client {
    http: reqwest::Client,
    url: Url,
    /// What the `Host` header says when the URL had to be changed to reach another port.
    host: Option<HeaderValue>,
    body_limit: usize,
}

/// An answer.
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// The beginning of its body (64 KiB, if not told otherwise); bytes that are not UTF-8 are replaced.
    pub body: String,
    /// Its headers, with names in lower case; a value that is no text is left out.
    pub headers: Vec<(String, String)>,
    /// Until when the server's certificate is valid, in seconds since 1970.
    pub(super) valid_until: Option<i64>,
    /// SHA-256 of the server's certificate, for https.
    pub(super) certificate: Option<String>,
    /// Where a redirect points.
    location: Option<String>,
}

impl Answer {
    /// The status for people, as in `502 Bad Gateway`.
    pub(super) fn named(&self) -> String {
        let reason = reqwest::StatusCode::from_u16(self.status).ok().and_then(|code| code.canonical_reason());
        let plain = format!("{} {}", self.status, reason.unwrap_or("")).trim_end().to_owned();
        match &self.location {
            Some(location) => format!("{plain} to {location}"),
            None => plain,
        }
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Someone was reached, or is known not to be there.
    Looked(String),
    /// Nothing is known about the route.
    CouldNotLook(String),
}

impl Client {
    /// Prepares to ask `url`, at `resolve` (an address with or without port) instead of what DNS says.
    ///
    /// # Errors
    ///
    /// The URL or the address is none, in one line.
    pub fn new(url: &str, resolve: Option<&str>, ca: Option<&str>, limit: Duration) -> Result<Self, String> {
        let mut url: Url = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{} URLs are not asked: wanted http or https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds credentials: take them out of the contract".to_owned());
        }
        install_provider();
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(limit)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .tls_info(true);
        if url.scheme() == "http" {
            // Without TLS no store of authorities is opened: a host without one can still ask plain routes.
            builder = builder.tls_certs_only([]);
        } else if let Some(path) = ca {
            let pem = read_host(path).map_err(|error| format!("the authority's file: {error}"))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| format!("`{path}`: {error}"))?;
            if authorities.is_empty() {
                return Err(format!("`{path}` holds no certificate"));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        let mut host = None;
        if let Some(resolve) = resolve {
            let (ip, port) = address(resolve)?;
            let Some(name) = url.domain().map(str::to_owned) else {
                return Err(format!("`resolve` is {resolve}, but the URL names an address already"));
            };
            if let (Some(port), Some(old)) = (port, url.port()) {
                // The port of an override counts only when the URL has none of its own.
                let value = format!("{name}:{old}");
                host = Some(HeaderValue::from_str(&value).map_err(|_| format!("`{value}` is no host"))?);
                url.set_port(Some(port)).map_err(|()| format!("`{url}` takes no port"))?;
            }
            builder = builder.resolve(&name, SocketAddr::new(ip, port.unwrap_or(0)));
        }
        let http = builder.build().map_err(|error| format!("no TLS client: {}", chain(&error)))?;
        Ok(Self { http, url, host, body_limit: BODY_LIMIT })
    }

    /// Reads up to so many bytes of a body.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Asks once.
    ///
    /// # Errors
    ///
    /// There was no answer.
    pub async fn get(&self) -> Result<Answer, NoAnswer> {
        self.ask(Method::GET, None).await
    }

    /// Asks once, by any method, with a bearer token where one is given. No error tells the token.
    ///
    /// # Errors
    ///
    /// There was no answer.
    pub async fn ask(&self, method: Method, bearer: Option<&str>) -> Result<Answer, NoAnswer> {
        let mut request = self.http.request(method, self.url.clone());
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if let Some(host) = &self.host {
            request = request.header(HOST, host.clone());
        }
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        let valid_until = certificate.and_then(valid_until);
        let certificate = certificate.map(|der| Digest::of(der).to_string());
        if self.url.scheme() == "https" && certificate.is_none() {
            return Err(NoAnswer::CouldNotLook("the certificate of an https answer is not known".to_owned()));
        }
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.map(|text| excerpt(text, 120));
        let text = |(name, value): (&reqwest::header::HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = response.headers().iter().filter_map(text).collect();
        let mut body = Vec::new();
        while body.len() < self.body_limit {
            match response.chunk().await.map_err(no_answer)? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        body.truncate(self.body_limit);
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body, headers, valid_until, certificate, location })
    }
}

/// Chooses ring for TLS, once in the process.
fn install_provider() {
    static ONCE: Once = Once::new();
    // Another part of the process may have chosen already; its choice is as good.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// The address, with or without a port, that `resolve` names.
///
/// # Errors
///
/// It is none.
pub(super) fn address(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, None));
    }
    let both: SocketAddr = text.parse().map_err(|_| format!("`resolve` is `{text}`: wanted IP or IP:port"))?;
    Ok((both.ip(), Some(both.port())))
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::CouldNotLook("no answer in time".to_owned());
    }
    let error = error.without_url();
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return NoAnswer::Looked(format!("TLS failed: {tls}"));
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::ConnectionRefused => return NoAnswer::Looked("connection refused".to_owned()),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                    return NoAnswer::Looked("connection closed without an answer".to_owned());
                }
                ErrorKind::TimedOut => return NoAnswer::CouldNotLook("no answer in time".to_owned()),
                _ => {}
            }
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>()
            && (http.is_incomplete_message() || http.is_parse())
        {
            return NoAnswer::Looked("the answer was not whole HTTP".to_owned());
        }
        source = beneath(cause);
    }
    NoAnswer::CouldNotLook(format!("could not be asked: {}", chain(&error)))
}

/// What caused an error. An I/O error that holds another one names only that one's cause, and TLS fails as one inside another.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
