//! A request as the engine shows it to an authorization plugin, and its address as the engine reads it.

/// A request. Headers that carry passwords are not shown, the body only where it is JSON of a length that the client named.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The address, as sent: not decoded, not cleaned.
    pub uri: String,
    /// The headers, the last of each name.
    pub headers: Vec<(String, String)>,
    /// The body; absent where the engine passed none on, which does not mean that there is none.
    pub body: Option<Vec<u8>>,
}

/// An address, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The API version as the path has it, without its `v`; `None` where it has none and the engine takes its newest.
    pub version: Option<String>,
    /// The path's parts, decoded once, without version, empty ones and dots.
    pub parts: Vec<String>,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, whatever the case of its name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Whether the engine would read parameters from the body too, which is not shown.
    pub fn has_form(&self) -> bool {
        let kind = self.header("Content-Type").trim_start().to_ascii_lowercase();
        kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("multipart/")
    }
}

impl Address {
    /// Reads an address as the engine's router does: decoded once, cleaned, with or without an API version before it.
    /// `None` where it is none.
    pub fn read(uri: &str) -> Option<Self> {
        let (before, query) = uri.split_once('?').unwrap_or((uri, ""));
        let path = match before.split_once("://") {
            // A proxy's form: the host before the path.
            Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("/", |at| &rest[at..]),
            _ => before,
        };
        let path = decode(path, false)?;
        let mut parts: Vec<String> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part.to_owned()),
            }
        }
        let version = parts.first().and_then(|first| version(first)).map(str::to_owned);
        if version.is_some() {
            parts.remove(0);
        }
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        };
        // A semicolon parts pairs for some readers and not for others.
        let query = query.split(['&', ';']).filter(|text| !text.is_empty()).map(pair).collect::<Option<Vec<_>>>()?;
        Some(Self { version, parts, query })
    }

    /// Whether the path names a version below this one of `1.`, or one that cannot be told.
    pub fn is_below(&self, minor: u32) -> bool {
        let named = |version: &String| match version.split_once('.') {
            Some(("1", named)) => named.parse::<u32>().is_ok_and(|named| named >= minor),
            _ => false,
        };
        self.version.as_ref().is_some_and(|version| !named(version))
    }

    /// Every value of a query's key.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// What a part has after its `v`, where it is a version as the router knows one.
fn version(part: &str) -> Option<&str> {
    let digits = part.strip_prefix('v').filter(|rest| !rest.is_empty())?;
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then_some(digits)
}

/// Decodes percent signs once; `None` where one stands alone or the result is no text.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            }
            b'+' if plus => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one_path() {
        let wanted = Some(vec!["networks".to_owned(), "proxy".to_owned()]);
        for uri in [
            "/networks/proxy",
            "/v1.41/networks/proxy",
            "/v1.12/networks/proxy/",
            "/v1/networks/proxy",
            "/v1.41.0/networks/proxy",
            "//v1.41//networks///proxy//",
            "/v1.41/networks/%70roxy",
            "/v1.41/networks%2Fproxy",
            "/v1.41/%6eetworks/pro%78y?force=1",
            "/v1.41/./images/../networks/proxy",
            "/v1.41/images/%2e%2e/networks/proxy",
            "/../../networks/proxy",
            "http://localhost/v1.41/networks/proxy",
            "http://[::1]:2375/networks/proxy?a=b;c=d",
        ] {
            assert_eq!(Address::read(uri).map(|address| address.parts), wanted, "{uri}");
        }
        for other in ["/Networks/proxy", "/v1.41/networks/%2570roxy", "/x1.41/networks/proxy", "/v/networks/proxy"] {
            assert_ne!(Address::read(other).map(|address| address.parts), wanted, "{other}");
        }
        for broken in ["/networks/%", "/networks/%zz", "/networks/%ff%fe", "/networks?a=%"] {
            assert_eq!(Address::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn versions_are_numbers() {
        for (uri, below) in [
            ("/v1.23/containers/x/start", true),
            ("/v1/containers/x/start", true),
            ("/v1.41.0/containers/x/start", true),
            ("/v1.24/containers/x/start", false),
            ("/v1.55/containers/x/start", false),
            ("/containers/x/start", false),
        ] {
            assert_eq!(Address::read(uri).map(|address| address.is_below(24)), Some(below), "{uri}");
        }
    }
}
