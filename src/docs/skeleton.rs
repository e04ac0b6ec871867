//! The first text of each document of a phase, and the attributes that git needs for them. Compiled in from `templates/`.

use crate::model::ids::PhaseName;

use super::store::DIRECTORY;

const DOCUMENTS: [(&str, &str); 4] = [
    ("STATUS", include_str!("../../templates/documents/STATUS.md")),
    ("REVIEW", include_str!("../../templates/documents/REVIEW.md")),
    ("JOURNAL", include_str!("../../templates/documents/JOURNAL.md")),
    ("BACKLOG", include_str!("../../templates/documents/BACKLOG.md")),
];

/// The text of `machine-docs/.gitattributes`.
pub const GITATTRIBUTES: &str = include_str!("../../templates/documents/gitattributes");

/// Every file that a new phase begins with: its name relative to the repository's root, and its text. The contract is not
/// among them.
pub fn files(phase: &PhaseName) -> Vec<(String, String)> {
    let documents = DOCUMENTS.iter().map(|(name, template)| {
        (format!("{DIRECTORY}/{name}-{phase}.md"), template.replace("{phase}", phase.as_str()))
    });
    let attributes = (format!("{DIRECTORY}/.gitattributes"), GITATTRIBUTES.to_owned());
    std::iter::once(attributes).chain(documents).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::unsigned;

    #[test]
    fn a_new_document_is_plain_and_claims_nothing() {
        for (name, text) in files(&"pvfix".parse().expect("a phase")) {
            assert!(!text.contains('{'), "{name}");
            assert!(text.ends_with('\n') && text.is_ascii(), "{name}");
            assert_eq!(unsigned::find(&text, &[]), [], "{name}");
        }
    }
}
