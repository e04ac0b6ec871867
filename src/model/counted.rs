//! Things with their number, as people say it.

/// `1 record`, `2 records`: for a noun whose plural ends in s.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The verb that goes with it: `is` or `are`.
pub fn is_or_are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        let say = |number| format!("{} {} here", counted(number, "record"), is_or_are(number));
        assert_eq!([0, 1, 2].map(say), ["0 records are here", "1 record is here", "2 records are here"]);
    }
}
