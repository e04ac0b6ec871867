//! Which networks a prune would take, by its filters.

use super::lenient::Json;
use super::world::Network;

/// The filters of a prune, as far as they spare something. What cannot be read, or stands twice, spares nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Labels that a network must have.
    with: Vec<String>,
    /// Labels that together spare a network: it must have each.
    without: Vec<String>,
}

impl Filters {
    /// Reads the query's parameter.
    pub fn read(text: &str) -> Self {
        let Ok(filters) = Json::read(text.as_bytes()) else { return Self::default() };
        let of = |key: &str| {
            let Json::Object(entries) = &filters else { return Vec::new() };
            let mut named = entries.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
            let labels = match (named.next(), named.next()) {
                // Today's form, and that of engines before 1.22, where each label has a flag that nobody reads.
                (Some(Json::List(list)), None) => list.iter().map(worded).collect(),
                (Some(Json::Object(map)), None) => Some(map.iter().map(|(label, _)| label.clone()).collect()),
                _ => None,
            };
            labels.unwrap_or_default()
        };
        Self { with: of("label"), without: of("label!") }
    }

    /// Whether a prune with these filters would take the network, if nobody is on it: `matchLabels`, moby `daemon/prune.go`.
    pub fn take(&self, network: &Network) -> bool {
        let has = |label: &String| {
            let (key, value) = label.split_once('=').map_or((label.as_str(), None), |(key, value)| (key, Some(value)));
            network.labels.iter().any(|(name, held)| name == key && value.is_none_or(|value| value == held))
        };
        let spared = !self.without.is_empty() && self.without.iter().all(has);
        self.with.iter().all(has) && !spared
    }
}

fn worded(value: &Json) -> Option<String> {
    match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_label_spares_a_network() {
        let labels = vec![("keep".to_owned(), "yes".to_owned())];
        let network = Network { labels, ..Network::default() };
        for (filters, taken) in [
            ("", true),
            ("{", true),
            (r#"{"until": ["24h"]}"#, true),
            (r#"{"label!": ["keep"]}"#, false),
            (r#"{"label!": {"keep=yes": true}}"#, false),
            (r#"{"label!": {"keep=yes": false}}"#, false),
            (r#"{"label!": ["keep", "keep=yes"]}"#, false),
            (r#"{"label!": ["keep", "nope"]}"#, true),
            (r#"{"label!": {"keep": true, "nope": false}}"#, true),
            (r#"{"label!": ["keep", 1]}"#, true),
            (r#"{"label!": ["keep"], "label!": ["nope"]}"#, true),
            (r#"{"label": ["recipe"], "label": []}"#, true),
            (r#"{"label!": ["keep=no"]}"#, true),
            (r#"{"label": ["recipe"]}"#, false),
            (r#"{"label": ["keep"], "LABEL!": ["keep"]}"#, true),
        ] {
            assert_eq!(Filters::read(filters).take(&network), taken, "{filters}");
        }
    }
}
