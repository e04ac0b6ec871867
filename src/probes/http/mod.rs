//! `http.route`: URLs answer as expected, so many times in a row.
//!
//! No redirect is followed and no proxy used. What counts as having looked: an answer of any status, a refused or reset
//! connection and a certificate that does not verify are looks, and `failed` when they are not what was wanted; a timeout, a
//! name that does not resolve and a network out of reach are no looks and stay `unknown`. Neither ever holds.
//!
//! A front that polls may answer rightly for a while by what it knew before: with `poll` the right answers must go on for longer
//! than that.

mod certificate;
pub mod client;
pub mod token;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use regex::Regex;
use reqwest::Method;

use self::client::{Answer, Client, NoAnswer};
use super::seen::Seen;
use crate::model::contract::Params;
use crate::model::observation::Outcome;
use crate::model::time::{Time, show_duration};

/// The longest that one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// One route as the contract declares it.
struct Route {
    name: String,
    url: String,
    method: Method,
    status: Vec<u16>,
    headers: Vec<(String, Regex)>,
    body: Option<Regex>,
    /// Until when the certificate must be valid at least, in seconds since 1970.
    valid_until: Option<i64>,
    client: Client,
}

/// How long right answers must go on.
struct Span {
    consecutive: i64,
    interval: Duration,
    longer_than: Duration,
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
    /// Until when it is valid, in seconds since 1970.
    valid_until: Option<i64>,
    /// One line an attempt.
    raw: String,
}

/// Looks at all routes at once.
pub async fn look(params: &Params, timeout: Duration, now: Time) -> Seen {
    let span = Span {
        consecutive: params.number("consecutive").unwrap_or(3),
        interval: params.duration("interval").unwrap_or(Duration::from_secs(1)),
        longer_than: params.duration("poll").unwrap_or_default(),
    };
    let tables = params.tables("routes");
    if tables.is_empty() || span.consecutive < 1 {
        return Seen::unknown(
            "http.route was given nothing to look at: wanted at least one route and `consecutive` of 1",
        );
    }
    if span.longer_than + span.interval >= timeout {
        let (poll, timeout) = (show_duration(span.longer_than), show_duration(timeout));
        return Seen::unknown(format!(
            "http.route cannot look for longer than `poll` {poll} in a timeout of {timeout}"
        ));
    }
    let limit = REQUEST_LIMIT.min(timeout.mul_f32(0.75));
    let mut routes = Vec::new();
    for table in tables {
        match route(table, params.text("ca"), limit, now) {
            Ok(route) => routes.push(route),
            Err(problem) => return Seen::unknown(format!("http.route cannot look: {problem}")),
        }
    }
    let verdicts = join_all(routes.iter().map(|route| watch(route, &span))).await;
    judge(&routes, &verdicts, &span, now)
}

fn route(table: &Params, ca: Option<&str>, limit: Duration, now: Time) -> Result<Route, String> {
    let name = table.text("name").unwrap_or_default().to_owned();
    let url = table.text("url").unwrap_or_default().to_owned();
    let status: Vec<u16> = table.list("status").iter().filter_map(|code| code.parse().ok()).collect();
    if name.is_empty() || status.is_empty() || status.len() != table.list("status").len() {
        return Err(format!("route `{name}` lacks a name or a status that would hold"));
    }
    let regex = |text: &str| Regex::new(text).map_err(|error| format!("route {name}: {error}"));
    let body = table.text("body").map(regex).transpose()?;
    let wanted = table.map("headers").into_iter().flatten();
    let headers = wanted.map(|(header, text)| Ok::<_, String>((header.to_lowercase(), regex(text)?)));
    let headers = headers.collect::<Result<Vec<_>, _>>()?;
    let method = match table.text("method") {
        None | Some("GET") => Method::GET,
        Some("HEAD") if body.is_none() => Method::HEAD,
        Some(other) => return Err(format!("route {name}: method {other}: wanted GET, or HEAD without `body`")),
    };
    let valid_until = table.number("min_days").map(|days| now.utc().timestamp().saturating_add(days * DAY));
    if valid_until.is_some() && !url.starts_with("https:") {
        return Err(format!("route {name}: `min_days` is of a certificate, and {url} has none"));
    }
    let client = Client::new(&url, table.text("resolve"), ca, limit).map_err(|why| format!("route {name}: {why}"))?;
    Ok(Route { name, url, method, status, headers, body, valid_until, client })
}

/// The seconds of a day.
const DAY: i64 = 86_400;

/// Asks until so many right answers came in a row for so long, or one was not right.
async fn watch(route: &Route, span: &Span) -> Verdict {
    let mut verdict = Verdict {
        outcome: Outcome::Held,
        found: String::new(),
        right: 0,
        certificate: None,
        valid_until: None,
        raw: String::new(),
    };
    // A front may answer by what it knew before for as long as it does not look again: from the first right answer on.
    let mut begin = None::<Instant>;
    while verdict.right < span.consecutive
        || begin.is_none_or(|begin| !span.longer_than.is_zero() && begin.elapsed() <= span.longer_than)
    {
        if verdict.right > 0 {
            tokio::time::sleep(span.interval).await;
        }
        let answer = route.client.ask(route.method.clone(), None).await;
        let (outcome, found) = match &answer {
            Ok(answer) => fits(route, answer),
            Err(NoAnswer::Looked(what)) => (Outcome::Failed, what.clone()),
            Err(NoAnswer::CouldNotLook(what)) => (Outcome::Unknown, what.clone()),
        };
        verdict.raw.push_str(&format!("{}  {} {}  {found}\n", route.name, route.method, route.url));
        let (certificate, valid_until) = answer.map_or((None, None), |answer| (answer.certificate, answer.valid_until));
        if outcome == Outcome::Held && verdict.right > 0 && certificate != verdict.certificate {
            verdict.outcome = Outcome::Failed;
            verdict.found = "the certificate changed between two answers".to_owned();
            return verdict;
        }
        (verdict.certificate, verdict.valid_until) = (certificate, valid_until);
        verdict.found = found;
        if outcome != Outcome::Held {
            verdict.outcome = outcome;
            return verdict;
        }
        verdict.right += 1;
        begin.get_or_insert_with(Instant::now);
    }
    verdict
}

fn fits(route: &Route, answer: &Answer) -> (Outcome, String) {
    let named = answer.named();
    if !route.status.contains(&answer.status) {
        return (Outcome::Failed, named);
    }
    for (header, wanted) in &route.headers {
        let mut values = answer.headers.iter().filter(|(name, _)| name == header).peekable();
        if values.peek().is_none() {
            return (
                Outcome::Failed,
                format!("{named}, it has no header {header}, wanted one that matches /{wanted}/"),
            );
        }
        if !values.any(|(_, value)| wanted.is_match(value)) {
            return (Outcome::Failed, format!("{named}, its header {header} does not match /{wanted}/"));
        }
    }
    if let Some(body) = route.body.as_ref().filter(|body| !body.is_match(&answer.body)) {
        return (Outcome::Failed, format!("{named}, its body does not match /{body}/"));
    }
    match (route.valid_until, answer.valid_until) {
        (Some(_), None) => (Outcome::Unknown, format!("{named}, until when its certificate is valid cannot be read")),
        (Some(wanted), Some(end)) if end < wanted => {
            let missing = (wanted - end) / DAY;
            (Outcome::Failed, format!("{named}, its certificate ends more than {missing} days before it may"))
        }
        _ => (Outcome::Held, named),
    }
}

fn judge(routes: &[Route], verdicts: &[Verdict], span: &Span, now: Time) -> Seen {
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
        let days = verdict.valid_until.map(|end| (end - now.utc().timestamp()).div_euclid(DAY));
        let days = days.map_or(String::new(), |days| format!(", certificate valid for {days} days"));
        readings.insert(route.name.clone(), format!("{} ({} in a row{days})", verdict.found, verdict.right).into());
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
    let lasted = match span.longer_than {
        Duration::ZERO => String::new(),
        long => format!(", for longer than {}", show_duration(long)),
    };
    let says = match wrong.len() {
        0 => format!("{count} of {count} routes answered as wanted {} times in a row{lasted}", span.consecutive),
        bad => format!(
            "{bad} of {count} routes did not answer as wanted: {}; look at the front proxy and that service",
            wrong.join("; ")
        ),
    };
    Seen::new(outcome, says).fact("routes", facts).reading("answers", readings).raw(raw)
}

#[cfg(test)]
mod tests;
