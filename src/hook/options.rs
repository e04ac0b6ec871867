//! Options and arguments, as most programs take them.

use super::word::Word;

/// Arguments, parted into options and what is none.
#[derive(Debug, Default)]
pub struct Arguments<'a> {
    /// Options with their values, as typed: `--network` and `x` of `--network x` and of `--network=x`, `-f` and no value.
    pub options: Vec<(String, Option<Word>)>,
    /// What is no option, in order.
    pub rest: Vec<&'a Word>,
    /// Among the options stood a word of which nothing is known.
    pub open: bool,
}

/// Which options a program has.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// These take a value, all others none.
    Valued(&'static [&'static str]),
    /// These take none, all others a value.
    Flags(&'static [&'static str]),
}

/// Where options end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the first word that is none: what follows is another command, or its name.
    First,
    /// At `--`: they may stand between the others.
    Anywhere,
}

impl Known {
    fn takes_value(self, name: &str) -> bool {
        match self {
            Self::Valued(names) => names.contains(&name),
            Self::Flags(names) => !names.contains(&name),
        }
    }

    /// Of a cluster like `-xvf`, whether its last letter takes the next word; letters after one that takes a value are its value.
    fn cluster(self, letters: &str) -> (Vec<String>, bool) {
        let mut names = Vec::new();
        for (at, letter) in letters.char_indices() {
            let name = format!("-{letter}");
            let takes = self.takes_value(&name);
            names.push(name);
            if takes {
                return (names, at + letter.len_utf8() == letters.len());
            }
        }
        (names, false)
    }
}

impl<'a> Arguments<'a> {
    /// Parts them.
    pub fn read(words: &'a [Word], known: Known, end: End) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            at += 1;
            let start = word.start();
            if word.is("--") {
                found.rest.extend(&words[at..]);
                break;
            } else if let Some((name, _)) = start.split_once('=').filter(|(name, _)| name.starts_with("--")) {
                found.options.push((name.to_owned(), word.without(&format!("{name}="))));
            } else if start.len() > 2 && start.starts_with("--") {
                // An option that is not known takes no other option.
                let is_option = |word: &Word| word.start().len() > 1 && word.start().starts_with('-');
                let certain = matches!(known, Known::Valued(_));
                let takes = known.takes_value(start) && (certain || !words.get(at).is_some_and(is_option));
                found.options.push((start.to_owned(), words.get(at).filter(|_| takes).cloned()));
                at += usize::from(takes);
            } else if start.len() > 1 && start.starts_with('-') {
                let (names, takes) = known.cluster(&start[1..]);
                let value = words.get(at).filter(|_| takes).cloned();
                let last = names.len().saturating_sub(1);
                let attached = names.last().filter(|name| !takes && known.takes_value(name)).cloned();
                for (place, name) in names.into_iter().enumerate() {
                    let own = match (place == last, &attached) {
                        (true, Some(_)) => {
                            let before: usize = 1 + place + 1;
                            start.get(..before).and_then(|before| word.without(before))
                        }
                        (true, None) => value.clone(),
                        _ => None,
                    };
                    found.options.push((name, own));
                }
                at += usize::from(takes);
            } else {
                found.open |= word.is_open();
                found.rest.push(word);
                if end == End::First {
                    found.rest.extend(&words[at..]);
                    break;
                }
            }
        }
        found
    }

    /// Whether one of these options was given.
    pub fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    /// Every value of these options.
    pub fn values(&self, names: &[&str]) -> Vec<Word> {
        self.options.iter().filter(|(name, _)| names.contains(&name.as_str())).filter_map(|(_, v)| v.clone()).collect()
    }

    /// Whether only help was asked for.
    pub fn only_helps(&self) -> bool {
        let asked = |(name, value): &(String, Option<Word>)| {
            name == "--help" && !value.as_ref().is_some_and(|value| ["false", "0", "f"].iter().any(|no| value.is(no)))
        };
        self.options.iter().any(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(line: &str, known: Known, end: End) -> (String, String) {
        let words: Vec<Word> = line.split(' ').map(Word::plain).collect();
        let read = Arguments::read(&words, known, end);
        let option = |(name, value): &(String, Option<Word>)| match value {
            Some(value) => format!("{name} {}", value.shown()),
            None => name.clone(),
        };
        let options: Vec<String> = read.options.iter().map(option).collect();
        (options.join(", "), read.rest.iter().map(|word| word.shown()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn options_are_told_from_what_they_are_given() {
        let valued = Known::Valued(&["-c", "-p", "--user", "--port"]);
        for (line, end, options, rest) in [
            ("-u --user x run -c y", End::First, "-u, --user x", "run -c y"),
            ("-u run -c y", End::Anywhere, "-u, -c y", "run"),
            ("--user=x -p22 host", End::First, "--user x, -p 22", "host"),
            ("-lc cmd a", End::First, "-l, -c cmd", "a"),
            ("a -- -c y", End::Anywhere, "", "a -c y"),
            ("- a", End::Anywhere, "", "- a"),
        ] {
            assert_eq!(parted(line, valued, end), (options.into(), rest.into()), "{line}");
        }
        let flags = Known::Flags(&["-d", "-i", "-t", "--rm"]);
        assert_eq!(
            parted("-dit --rm --network n -v a:b img cmd -x", flags, End::First),
            ("-d, -i, -t, --rm, --network n, -v a:b".into(), "img cmd -x".into())
        );
        assert_eq!(parted("--odd -t a", flags, End::Anywhere), ("--odd, -t".into(), "a".into()));
    }
}
