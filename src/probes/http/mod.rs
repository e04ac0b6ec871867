//! `http.route`: URLs answer as expected, so many times in a row.
//!
//! No redirect is followed and no proxy used. What counts as having looked: an answer of any status, a refused or reset
//! connection and a certificate that does not verify are looks, and `failed` when they are not what was wanted; a timeout, a
//! name that does not resolve and a network out of reach are no looks and stay `unknown`. Neither ever holds.

pub mod client;

use std::time::Duration;

use futures_util::future::join_all;
use regex::Regex;

use self::client::{Answer, Client, NoAnswer};
use super::seen::Seen;
use crate::model::contract::Params;
use crate::model::observation::Outcome;

/// The longest that one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// One route as the contract declares it.
struct Route {
    name: String,
    url: String,
    status: Vec<u16>,
    body: Option<Regex>,
    client: Client,
}

/// What was seen of one route.
struct Verdict {
    outcome: Outcome,
    /// What was seen, for people.
    found: String,
    /// How many right answers there were in a row.
    right: i64,
    /// SHA-256 of the certificate of the last answer.
    certificate: Option<String>,
    /// One line an attempt.
    raw: String,
}

/// Looks at all routes at once.
pub async fn look(params: &Params, timeout: Duration) -> Seen {
    let consecutive = params.number("consecutive").unwrap_or(3);
    let interval = params.duration("interval").unwrap_or(Duration::from_secs(1));
    let tables = params.tables("routes");
    if tables.is_empty() || consecutive < 1 {
        return Seen::unknown(
            "http.route was given nothing to look at: wanted at least one route and `consecutive` of 1",
        );
    }
    let limit = REQUEST_LIMIT.min(timeout.mul_f32(0.75));
    let mut routes = Vec::new();
    for table in tables {
        match route(table, params.text("ca"), limit) {
            Ok(route) => routes.push(route),
            Err(problem) => return Seen::unknown(format!("http.route cannot look: {problem}")),
        }
    }
    let verdicts = join_all(routes.iter().map(|route| watch(route, consecutive, interval))).await;
    judge(&routes, &verdicts, consecutive)
}

fn route(table: &Params, ca: Option<&str>, limit: Duration) -> Result<Route, String> {
    let name = table.text("name").unwrap_or_default().to_owned();
    let url = table.text("url").unwrap_or_default().to_owned();
    let status: Vec<u16> = table.list("status").iter().filter_map(|code| code.parse().ok()).collect();
    if name.is_empty() || status.is_empty() || status.len() != table.list("status").len() {
        return Err(format!("route `{name}` lacks a name or a status that would hold"));
    }
    let body = table.text("body").map(Regex::new).transpose().map_err(|error| format!("route {name}: {error}"))?;
    let client = Client::new(&url, table.text("resolve"), ca, limit).map_err(|why| format!("route {name}: {why}"))?;
    Ok(Route { name, url, status, body, client })
}

/// Asks until so many right answers came in a row, or one was not right.
async fn watch(route: &Route, consecutive: i64, interval: Duration) -> Verdict {
    let mut verdict =
        Verdict { outcome: Outcome::Held, found: String::new(), right: 0, certificate: None, raw: String::new() };
    while verdict.right < consecutive {
        if verdict.right > 0 {
            tokio::time::sleep(interval).await;
        }
        let answer = route.client.get().await;
        let (outcome, found) = match &answer {
            Ok(answer) => fits(route, answer),
            Err(NoAnswer::Looked(what)) => (Outcome::Failed, what.clone()),
            Err(NoAnswer::CouldNotLook(what)) => (Outcome::Unknown, what.clone()),
        };
        verdict.raw.push_str(&format!("{}  GET {}  {found}\n", route.name, route.url));
        let certificate = answer.ok().and_then(|answer| answer.certificate);
        if outcome == Outcome::Held && verdict.right > 0 && certificate != verdict.certificate {
            verdict.outcome = Outcome::Failed;
            verdict.found = "the certificate changed between two answers".to_owned();
            return verdict;
        }
        verdict.certificate = certificate;
        verdict.found = found;
        if outcome != Outcome::Held {
            verdict.outcome = outcome;
            return verdict;
        }
        verdict.right += 1;
    }
    verdict
}

fn fits(route: &Route, answer: &Answer) -> (Outcome, String) {
    if !route.status.contains(&answer.status) {
        return (Outcome::Failed, answer.named());
    }
    match &route.body {
        Some(body) if !body.is_match(&answer.body) => {
            (Outcome::Failed, format!("{}, its body does not match /{body}/", answer.named()))
        }
        _ => (Outcome::Held, answer.named()),
    }
}

fn judge(routes: &[Route], verdicts: &[Verdict], consecutive: i64) -> Seen {
    let mut facts = toml::Table::new();
    let mut readings = toml::Table::new();
    let mut wrong = Vec::new();
    let mut outcome = Outcome::Held;
    let mut raw = String::new();
    for (route, verdict) in routes.iter().zip(verdicts) {
        let codes = route.status.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        raw.push_str(&verdict.raw);
        let mut fact = toml::Table::new();
        fact.insert("url".into(), route.url.clone().into());
        fact.insert("status_in".into(), codes.clone().into());
        fact.insert("in_set".into(), (verdict.outcome == Outcome::Held).into());
        if let Some(certificate) = &verdict.certificate {
            fact.insert("certificate".into(), certificate.clone().into());
        }
        facts.insert(route.name.clone(), fact.into());
        readings.insert(route.name.clone(), format!("{} ({} in a row)", verdict.found, verdict.right).into());
        if verdict.outcome != Outcome::Held {
            wrong.push(format!("{} ({}): {}, wanted {codes}", route.name, route.url, verdict.found));
        }
        outcome = match (outcome, verdict.outcome) {
            (Outcome::Failed, _) | (_, Outcome::Failed) => Outcome::Failed,
            (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
            _ => Outcome::Held,
        };
    }
    let count = routes.len();
    let says = match wrong.len() {
        0 => format!("{count} of {count} routes answered as wanted {consecutive} times in a row"),
        bad => format!(
            "{bad} of {count} routes did not answer as wanted: {}; look at the front proxy and that service",
            wrong.join("; ")
        ),
    };
    Seen::new(outcome, says).fact("routes", facts).reading("answers", readings).raw(raw)
}

#[cfg(test)]
mod tests;
