//! How fast an overlay fills: from what earlier observations of the same network, kept in a phase's documents, had counted. Pure.
//!
//! What leaked counts where every observation knows it; else only what is accounted for, and the answer says which. Two
//! observations of an hour apart are the least that tells anything.

use std::time::Duration;

use crate::model::observation::Values;
use crate::model::time::Time;

/// The shortest time that tells a rate.
const LEAST: Duration = Duration::from_secs(3600);
/// The seconds of a day.
const DAY: f64 = 86_400.0;

/// What one observation had counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub at: Time,
    /// Of which network: a recreated one begins anew.
    pub network_id: String,
    /// Addresses that somebody holds.
    pub accounted: u64,
    /// Addresses that leaked, where that was known exactly.
    pub leaked: Option<u64>,
}

impl Point {
    /// The point of an observation's readings, as [`judge`](super::judge) writes them; `None` where they are not.
    pub fn of_readings(at: Time, readings: &Values) -> Option<Self> {
        let number = |value: &toml::Value| u64::try_from(value.as_integer()?).ok();
        Some(Self {
            at,
            network_id: readings.get("network_id")?.as_str()?.to_owned(),
            accounted: number(readings.get("accounted")?)?,
            leaked: readings.get("leaked").and_then(|leaked| leaked.as_str()?.parse().ok()),
        })
    }
}

/// How fast it fills, or why that is not known.
#[derive(Debug, Clone, PartialEq)]
pub enum Trend {
    /// Not known, and why.
    Unknown(String),
    /// Known.
    Known {
        /// Addresses a day; below 0 it empties.
        per_day: f64,
        /// From when on.
        since: Time,
        /// By how many observations, this one too.
        observations: usize,
        /// Whether leaked addresses are counted.
        with_leaked: bool,
        /// In how many days nothing is left; `None` where it does not fill.
        days_left: Option<f64>,
    },
}

/// The trend of a network of this capacity, from earlier points and the present one.
pub fn trend(earlier: &[Point], now: &Point, capacity: u64) -> Trend {
    let mut points: Vec<&Point> =
        earlier.iter().filter(|point| point.network_id == now.network_id && point.at < now.at).collect();
    points.sort_by_key(|point| point.at);
    let Some(first) = points.first() else {
        return Trend::Unknown("no earlier observation of this network is in a phase's documents here".to_owned());
    };
    let (since, span) = (first.at, now.at.since(first.at).unwrap_or_default());
    if span < LEAST {
        return Trend::Unknown(format!(
            "the earliest observation is {} s old: wanted at least {} s",
            span.as_secs(),
            LEAST.as_secs()
        ));
    }
    points.push(now);
    let with_leaked = points.iter().all(|point| point.leaked.is_some());
    let used = |point: &Point| float(point.accounted + point.leaked.filter(|_| with_leaked).unwrap_or(0));
    // The straight line with the least squares through all of them.
    let of = |point: &Point| (point.at.since(since).unwrap_or_default().as_secs_f64() / DAY, used(point));
    let count = float(points.len() as u64);
    let (sum_x, sum_y) = points.iter().map(|point| of(point)).fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (above, below) = points
        .iter()
        .map(|point| of(point))
        .fold((0.0, 0.0), |sum, (x, y)| (sum.0 + (x - mean_x) * (y - mean_y), sum.1 + (x - mean_x) * (x - mean_x)));
    let per_day = above / below;
    let free = (float(capacity) - used(now)).max(0.0);
    let days_left = (per_day > 0.0).then(|| free / per_day);
    Trend::Known { per_day, since, observations: points.len(), with_leaked, days_left }
}

/// A count as a number to reckon with; counts of addresses are small.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

impl Trend {
    /// For people, one line.
    pub fn line(&self) -> String {
        match self {
            Self::Unknown(why) => format!("unknown: {why}"),
            Self::Known { per_day, since, observations, with_leaked, days_left } => {
                let what = if *with_leaked { "held and leaked" } else { "held (leaked is not known)" };
                let left = match days_left {
                    None => "it does not fill".to_owned(),
                    Some(days) => format!("none is left in {days:.1} days"),
                };
                format!("{per_day:+.1} addresses a day {what}, by {observations} observations since {since}: {left}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: &str, accounted: u64, leaked: Option<u64>) -> Point {
        Point { at: at.parse().expect("a time"), network_id: "n".into(), accounted, leaked }
    }

    #[test]
    fn nothing_is_guessed_and_two_observations_tell() {
        let now = point("2026-06-13T00:00:00Z", 120, Some(20));
        let table: [(Vec<Point>, &str); 6] = [
            (vec![], "unknown: no earlier observation"),
            (vec![Point { network_id: "old".into(), ..point("2026-06-12T00:00:00Z", 1, None) }], "unknown: no earlier"),
            (vec![point("2026-06-12T23:30:00Z", 100, None)], "unknown: the earliest observation is 1800 s old"),
            (
                vec![point("2026-06-11T00:00:00Z", 100, Some(0))],
                "+20.0 addresses a day held and leaked, by 2 observations since 2026-06-11T00:00:00Z: none is left in 5.7 days",
            ),
            (
                vec![point("2026-06-12T00:00:00Z", 110, None), point("2026-06-11T00:00:00Z", 100, Some(0))],
                "+10.0 addresses a day held (leaked is not known), by 3 observations since 2026-06-11T00:00:00Z: none is left in \
                 13.3 days",
            ),
            (vec![point("2026-06-11T00:00:00Z", 160, Some(0))], "-10.0 addresses a day held and leaked"),
        ];
        for (earlier, line) in table {
            let found = trend(&earlier, &now, 253).line();
            assert!(found.starts_with(line), "{found}");
        }
        assert!(trend(&[point("2026-06-11T00:00:00Z", 160, Some(0))], &now, 253).line().ends_with("it does not fill"));
        let full = trend(&[point("2026-06-11T00:00:00Z", 100, None)], &point("2026-06-13T00:00:00Z", 300, None), 253);
        assert!(full.line().ends_with("none is left in 0.0 days"), "{}", full.line());
    }

    #[test]
    fn a_point_is_read_out_of_an_observation_s_readings() {
        let at = "2026-06-11T00:00:00Z".parse().expect("a time");
        let readings = |leaked: &str| -> Values {
            let text = |text: &str| toml::Value::from(text.to_owned());
            let values = [("network_id", text("n")), ("accounted", toml::Value::from(7)), ("leaked", text(leaked))];
            values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        assert_eq!(Point::of_readings(at, &readings("3")).map(|point| point.leaked), Some(Some(3)));
        assert_eq!(Point::of_readings(at, &readings("unknown: below 1.52")).map(|point| point.leaked), Some(None));
        assert_eq!(Point::of_readings(at, &Values::new()), None);
    }
}
