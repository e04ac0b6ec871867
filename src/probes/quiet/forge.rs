//! What a CI server and a forge say: Drone's queue and builds, and comments on Gitea that start a run.
//!
//! A token goes only over https or to this machine itself, and is in no output. A list that is not whole tells nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::Found;
use crate::model::contract::Params;
use crate::model::time::Time;
use crate::probes::docker::fields::{at, text};
use crate::probes::http::client::{Client, NoAnswer};
use crate::probes::http::token;

/// The most bytes of one answer.
const LONGEST: usize = 8 << 20;
/// The most pages of comments that are read.
const PAGES: u32 = 40;
/// The longest that one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How the environment is asked for a variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One server as the contract names it.
struct Server<'a> {
    base: &'a str,
    params: &'a Params,
    token: Option<String>,
    limit: Duration,
}

impl<'a> Server<'a> {
    fn new(params: &'a Params, env: Env<'_>, timeout: Duration) -> Result<Self, String> {
        let base = params.text("url").unwrap_or_default().trim_end_matches('/');
        let token = token::of(params, env)?;
        if token.is_some() {
            token::sent_to(base, params.text("resolve"))?;
        }
        Ok(Self { base, params, token, limit: ANSWER.min(timeout.mul_f32(0.4)) })
    }

    /// The list at a path; anything but a whole one is an error. `empty`: what the server writes, besides `[]`, where there is nothing.
    async fn list(&self, path: &str, empty: Option<Value>) -> Result<Vec<Value>, String> {
        let url = format!("{}{path}", self.base);
        let bare = path.split('?').next().unwrap_or(path);
        let client = Client::new(&url, self.params.text("resolve"), self.params.text("ca"), self.limit)?;
        let answer = client.body_limit(LONGEST).ask(Method::GET, self.token.as_deref()).await;
        let answer = answer.map_err(|none| match none {
            NoAnswer::Looked(why) | NoAnswer::CouldNotLook(why) => format!("{}: {why}", self.base),
        })?;
        let from = format!("{} answered {} to GET {bare}", self.base, answer.status);
        match answer.status {
            200 => {}
            401 | 403 if self.token.is_none() => {
                return Err(format!("{from}: name a token by token_file or token_env"));
            }
            401 | 403 => return Err(format!("{from}: the token does not open it")),
            _ => return Err(format!("{from}; wanted 200")),
        }
        match serde_json::from_str(&answer.body) {
            Ok(Value::Array(list)) => Ok(list),
            Ok(answer) if Some(&answer) == empty.as_ref() => Ok(Vec::new()),
            _ => Err(format!("{from}, and that is no whole list")),
        }
    }
}

/// Builds that wait or run by Drone's own word.
///
/// # Errors
///
/// Drone cannot be asked.
pub async fn drone(params: &Params, env: Env<'_>, timeout: Duration, found: &mut Found) -> Result<(), String> {
    let server = Server::new(params, env, timeout)?;
    for (path, what) in [("/api/queue", "stage"), ("/api/builds/incomplete", "build")] {
        // Drone writes an empty list so.
        let list = server.list(path, Some(Value::Null)).await?;
        found.raw.push_str(&format!("{}{path}: {} {what}s\n", server.base, list.len()));
        if let Some(first) = list.first() {
            let number = |path: &[&str]| at(first, path).and_then(Value::as_i64);
            let named = match (text(first, &["slug"]), number(&["build", "number"]).or(number(&["build_id"]))) {
                ("", None) => String::new(),
                (slug, number) => {
                    format!(", first {slug} #{}", number.map_or("?".to_owned(), |number| number.to_string()))
                }
            };
            let status = text(first, &["status"]);
            let status = if status.is_empty() { text(first, &["build", "status"]) } else { status };
            found.busy.push(format!("{} has {} {what}s that wait or run{named} {status}", server.base, list.len()));
        }
    }
    Ok(())
}

/// Comments since a moment whose whole text is the one that starts a run.
///
/// # Errors
///
/// The forge cannot be asked, or not about everything since then.
pub async fn comments(
    params: &Params,
    env: Env<'_>,
    now: Time,
    timeout: Duration,
    found: &mut Found,
) -> Result<(), String> {
    let server = Server::new(params, env, timeout)?;
    let since = match (params.text("since"), params.duration("within")) {
        (Some(moment), None) => moment.parse::<Time>().map_err(|error| format!("since: {error}"))?,
        (None, Some(within)) => now.minus(within),
        _ => return Err("comments: wanted either `since` or `within`".to_owned()),
    };
    let wanted = params.text("text").unwrap_or("!testme");
    let repos = params.list("repos");
    if repos.is_empty() {
        return Err("comments: wanted at least one repository in `repos`".to_owned());
    }
    for repo in repos {
        let path = path(repo).ok_or_else(|| format!("`{repo}` is no repository, as in owner/name"))?;
        let mut seen = 0;
        let mut page = 1;
        loop {
            // A server may give fewer a page than were asked for: only an empty page is the last.
            let list = server.list(&format!("{path}?since={since}&limit=50&page={page}"), None).await?;
            if list.is_empty() {
                break;
            }
            for comment in &list {
                let body = at(comment, &["body"]).and_then(Value::as_str);
                let body =
                    body.ok_or_else(|| format!("{}: a comment on {repo} has no text that can be read", server.base))?;
                if body.trim() == wanted {
                    let (who, place) = (text(comment, &["user", "login"]), text(comment, &["html_url"]));
                    found.busy.push(format!("`{wanted}` by {who} since {since} on {repo} ({place})"));
                }
            }
            seen += list.len();
            page += 1;
            if page > PAGES {
                return Err(format!("{repo} has more than {seen} comments since {since}: ask about a later moment"));
            }
        }
        found.raw.push_str(&format!("{}: {seen} comments on {repo} since {since}\n", server.base));
    }
    Ok(())
}

/// The path of a repository's comments; `None` for what is no `owner/name`.
fn path(repo: &str) -> Option<String> {
    let plain = |part: &str| {
        let right = part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        right && !part.is_empty() && part != "." && part != ".."
    };
    let (owner, name) = repo.split_once('/')?;
    (plain(owner) && plain(name)).then(|| format!("/api/v1/repos/{owner}/{name}/issues/comments"))
}

#[cfg(test)]
mod tests;
