//! Which networks a prune would take, by its filters.

use super::lenient::Json;
use super::world::Network;

/// The filters of a prune, as far as they spare something. What cannot be read spares nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Labels that a network must have.
    with: Vec<String>,
    /// Labels that spare a network.
    without: Vec<String>,
}

impl Filters {
    /// Reads the query's parameter.
    pub fn read(text: &str) -> Self {
        let Ok(filters) = Json::read(text.as_bytes()) else { return Self::default() };
        let of = |key: &str| {
            let Json::Object(entries) = &filters else { return Vec::new() };
            let mut found = Vec::new();
            for (_, value) in entries.iter().filter(|(name, _)| name == key) {
                match value {
                    // Today's form, and that of engines before 1.22.
                    Json::List(list) => found.extend(list.iter().filter_map(|item| match item {
                        Json::Text(text) => Some(text.clone()),
                        _ => None,
                    })),
                    Json::Object(map) => found
                        .extend(map.iter().filter(|(_, on)| *on == Json::Flag(true)).map(|(label, _)| label.clone())),
                    _ => {}
                }
            }
            found
        };
        Self { with: of("label"), without: of("label!") }
    }

    /// Whether a prune with these filters would take the network, if nobody is on it.
    pub fn take(&self, network: &Network) -> bool {
        let has = |label: &String| {
            let (key, value) = label.split_once('=').map_or((label.as_str(), None), |(key, value)| (key, Some(value)));
            network.labels.iter().any(|(name, held)| name == key && value.is_none_or(|value| value == held))
        };
        self.with.iter().all(has) && !self.without.iter().any(has)
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
            (r#"{"label!": {"keep=yes": false}}"#, true),
            (r#"{"label!": ["keep=no"]}"#, true),
            (r#"{"label": ["recipe"]}"#, false),
            (r#"{"label": ["keep"], "LABEL!": ["keep"]}"#, true),
        ] {
            assert_eq!(Filters::read(filters).take(&network), taken, "{filters}");
        }
    }
}
