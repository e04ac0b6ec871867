//! Tokens: where they are read, and to whom they are sent. Nothing of one is in any error, output or argv.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use reqwest::Url;

use super::client::address;
use crate::model::contract::Params;

/// How the name of a variable begins that may hold a token.
const PREFIX: &str = "COUNTERSIGN_TOKEN";
/// The longest token that is read.
const LONGEST: u64 = 4096;

/// Refuses an address to which a token would go unprotected. `resolve`: what is connected to instead of the URL's host.
///
/// # Errors
///
/// It is neither https nor this machine itself.
pub fn sent_to(base: &str, resolve: Option<&str>) -> Result<(), String> {
    let url: Url = base.parse().map_err(|error| format!("`{base}` is no URL: {error}"))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "[::1]")) || {
        let ip = url.host_str().and_then(|host| host.parse::<std::net::IpAddr>().ok());
        ip.is_some_and(|ip| ip.is_loopback())
    };
    if url.scheme() != "https" && !loopback {
        return Err(format!("a token is sent to `{base}`: wanted https, or an address of this machine itself"));
    }
    if let Some(resolve) = resolve.filter(|_| url.scheme() != "https")
        && !address(resolve)?.0.is_loopback()
    {
        return Err(format!(
            "a token is sent to {resolve} without TLS: wanted https, or an address of this machine itself"
        ));
    }
    Ok(())
}

/// The token that `token_file` or `token_env` names, `None` where neither is there.
///
/// # Errors
///
/// It cannot be read, or others could read it.
pub fn of(params: &Params, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    match (params.text("token_file"), params.text("token_env")) {
        (Some(file), _) => of_file(Path::new(file)).map(Some),
        // Whoever adopts a contract must not send whatever else is in the environment to an address that the contract names.
        (None, Some(name)) if !name.starts_with(PREFIX) => {
            Err(format!("variable {name} is not read: wanted a name that begins with {PREFIX}"))
        }
        (None, Some(name)) => match env(name) {
            Some(text) => one_word(&text).map(Some).ok_or_else(|| format!("variable {name}: {WANTED}")),
            None => Err(format!("there is no variable {name} with a token")),
        },
        (None, None) => Ok(None),
    }
}

const WANTED: &str = "wanted one word of printable ASCII";

fn one_word(text: &str) -> Option<String> {
    let token = text.trim();
    let right = !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic());
    right.then(|| token.to_owned())
}

/// Reads the token out of a file.
///
/// # Errors
///
/// It is no plain small file with one word, or others could read it.
pub fn of_file(path: &Path) -> Result<String, String> {
    let named = |why: &str| format!("token file {}: {why}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| named(&error.to_string()))?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(named("wanted a plain file of at most 4 KiB"));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(named(&format!("has mode {mode:04o}: others could use the token; chmod 600 it")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
    one_word(&text).ok_or_else(|| named(WANTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;

    #[test]
    fn a_token_goes_over_tls_or_stays_on_this_machine() {
        let table = [
            ("https://ci.example.org", None, true),
            ("https://ci.example.org", Some("192.0.2.2:443"), true),
            ("http://ci.example.org", None, false),
            ("http://ci.example.org", Some("127.0.0.1:80"), false),
            ("http://localhost:1", None, true),
            ("http://localhost:1", Some("127.0.0.1:80"), true),
            ("http://localhost:1", Some("[::1]:80"), true),
            ("http://localhost:1", Some("192.0.2.2:80"), false),
            ("http://localhost:1", Some("nowhere"), false),
            ("http://127.0.0.9", None, true),
        ];
        for (base, resolve, right) in table {
            assert_eq!(sent_to(base, resolve).is_ok(), right, "{base} at {resolve:?}");
        }
    }

    #[test]
    fn a_variable_is_read_only_by_its_own_name() {
        let env = |name: &str| (name != "COUNTERSIGN_TOKEN_NONE").then(|| "sesame\n".to_owned());
        let of = |name: &str| {
            let params = Params([("token_env".to_owned(), Param::Text(name.to_owned()))].into());
            super::of(&params, &env)
        };
        assert_eq!(of("COUNTERSIGN_TOKEN_DRONE"), Ok(Some("sesame".to_owned())));
        assert!(of("GITHUB_TOKEN").is_err_and(|why| why.contains("is not read") && !why.contains("sesame")));
        assert!(of("COUNTERSIGN_TOKEN_NONE").is_err_and(|why| why.contains("no variable")));
        assert_eq!(super::of(&Params::default(), &env), Ok(None));
    }
}
