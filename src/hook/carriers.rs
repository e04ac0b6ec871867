//! Programs that run the command they are given.

use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::shell::{Input, Simple};
use super::word::{Piece, Word};

/// What stands between a carrier's options and the command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing.
    Nothing,
    /// Variables that are set, as `env` takes them.
    Variables,
    /// One word: a time, a lock, a directory.
    One,
}

/// Name, options with a value, what stands before the command.
const CARRIERS: &[(&str, &[&str], Before)] = &[
    (
        "sudo",
        &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group", "--host",
            "--prompt", "--chdir",
        ],
        Before::Variables,
    ),
    ("doas", &["-u", "-C"], Before::Nothing),
    ("env", &["-u", "--unset", "-C", "--chdir"], Before::Variables),
    ("nohup", &[], Before::Nothing),
    ("setsid", &[], Before::Nothing),
    ("exec", &["-a"], Before::Nothing),
    ("builtin", &[], Before::Nothing),
    ("noglob", &[], Before::Nothing),
    ("time", &["-f", "-o", "--format", "--output"], Before::Nothing),
    ("nice", &["-n", "--adjustment"], Before::Nothing),
    ("ionice", &["-c", "-n", "-p", "--class", "--classdata"], Before::Nothing),
    ("chrt", &["-T", "-P", "-D"], Before::One),
    ("taskset", &[], Before::One),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], Before::One),
    ("stdbuf", &["-i", "-o", "-e"], Before::Nothing),
    ("strace", &["-e", "-o", "-p", "-s", "-u"], Before::Nothing),
    ("unshare", &[], Before::Nothing),
    ("nsenter", &["-t", "--target", "-S", "-G"], Before::Nothing),
    ("chroot", &[], Before::One),
    ("flock", &["-w", "-E", "--timeout", "-c"], Before::One),
    ("systemd-run", &["-p", "-u", "-t", "-E", "-M", "--property", "--unit", "--uid", "--slice"], Before::Nothing),
    ("systemd-inhibit", &["--what", "--who", "--why", "--mode"], Before::Nothing),
    ("dbus-run-session", &[], Before::Nothing),
    ("busybox", &[], Before::Nothing),
    ("direnv", &[], Before::One),
    ("unbuffer", &[], Before::Nothing),
    ("setpriv", &[], Before::Nothing),
];

/// Carriers that begin a shell where they are given no command: it reads its commands from their standard input.
const SHELLS: &[&str] = &["sudo", "doas", "chroot", "nsenter", "unshare", "su", "runuser", "nix-shell", "script"];

/// Files that set a shell up, by how their names end: what people source day by day.
const SETUPS: &[&str] = &[
    "activate",
    "rc",
    "profile",
    ".env",
    "/env",
    "env.sh",
    "nvm.sh",
    "conda.sh",
    "set-environment",
    "/nix.sh",
    "nix-daemon.sh",
    "completion.bash",
];

/// Options of `ssh` with a value (ssh(1), OpenSSH 9).
const SSH: &[&str] = &[
    "-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-P", "-Q", "-R",
    "-S", "-W", "-w",
];

/// Programs that show what they are given, and run none of it.
const SHOWS: &[&str] = &[
    "echo",
    "printf",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "ag",
    "cat",
    "bat",
    "less",
    "more",
    "head",
    "tail",
    "man",
    "tldr",
    "which",
    "type",
    "whereis",
    "whatis",
    "apropos",
    "ls",
    "stat",
    "file",
    "test",
    "[",
    "wc",
    "sed",
    "sort",
    "cut",
    "tr",
    "jq",
    "diff",
    "export",
    "alias",
    "countersign",
    "true",
    "false",
    ":",
];

/// Whether a program runs nothing of what it is given.
pub fn only_shows(program: &str) -> bool {
    SHOWS.contains(&program)
}

/// Whether a program carries another command.
pub fn is_one(program: &str) -> bool {
    const OTHERS: [&str; 6] = ["ssh", "su", "eval", "xargs", "watch", "nix"];
    OTHERS.contains(&program) || CARRIERS.iter().any(|(name, ..)| *name == program)
}

/// Reads what a carrier carries; says whether this was one.
pub fn read(reader: &mut Reader<'_>, program: &str, simple: &Simple) -> bool {
    let arguments = &simple.words[1..];
    match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" => shell(reader, simple),
        "eval" | "trap" => evaluates(reader, program, arguments),
        "." | "source" => sourced(reader, arguments),
        "command" => {
            let read = Arguments::read(arguments, Known::Valued(&[]), End::First);
            if !read.has(&["-v", "-V"]) {
                carried(reader, &read.rest, simple);
            }
        }
        "ssh" | "autossh" | "mosh" => ssh(reader, simple),
        "su" | "runuser" | "script" | "nix-shell" | "nix" => told_by_option(reader, arguments, simple),
        "xargs" | "parallel" => xargs(reader, arguments),
        "watch" => {
            let read = Arguments::read(arguments, Known::Valued(&["-n", "--interval", "-d"]), End::First);
            joined(reader, &read.rest);
        }
        "find" | "fd" => found_files(reader, arguments),
        "tmux" | "screen" => multiplexer(reader, arguments),
        "at" | "batch" => told(reader, &simple.input),
        _ => {
            let Some((name, valued, before)) = CARRIERS.iter().find(|(name, ..)| *name == program) else {
                return false;
            };
            let read = Arguments::read(arguments, Known::Valued(valued), End::First);
            let split = read.options.iter().find(|(option, _)| matches!(option.as_str(), "-S" | "--split-string"));
            if let Some((_, value)) = split.filter(|_| *name == "env") {
                // Without a value of its own, the text is the next word.
                let text = value.clone().into_iter().chain(read.rest.iter().map(|word| (*word).clone()));
                joined(reader, &text.collect::<Vec<_>>().iter().collect::<Vec<_>>());
                return true;
            }
            if let Some(text) = read.values(&["-c"]).first().filter(|_| *name == "flock") {
                reader.given(text);
                return true;
            }
            let skipped = match before {
                Before::Nothing => 0,
                Before::One => 1,
                Before::Variables => read.rest.iter().take_while(|word| is_variable(word)).count(),
            };
            match read.rest.get(skipped..).unwrap_or_default() {
                [] if SHELLS.contains(name) => told(reader, &simple.input),
                command => carried(reader, command, simple),
            }
        }
    }
    true
}

/// Whether a word sets a variable.
fn is_variable(word: &Word) -> bool {
    word.start()
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// The command that is carried.
pub fn carried(reader: &mut Reader<'_>, words: &[&Word], simple: &Simple) {
    if !words.is_empty() {
        let words = words.iter().map(|word| (*word).clone()).collect();
        reader.simple(&Simple { words, input: simple.input.clone() });
    }
}

/// Words that a shell is given as one text.
fn joined(reader: &mut Reader<'_>, words: &[&Word]) {
    if let [only] = words {
        return reader.given(only);
    }
    let mut text = Word::default();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            text.push(Piece::Plain(" ".into()));
        }
        text.push(Piece::Plain(word.for_a_shell()));
    }
    reader.given(&text);
}

fn shell(reader: &mut Reader<'_>, simple: &Simple) {
    let arguments = &simple.words[1..];
    let read =
        Arguments::read(arguments, Known::Valued(&["-O", "+O", "-o", "+o", "--rcfile", "--init-file"]), End::First);
    if read.only_helps() || read.has(&["--version", "-n"]) {
        return;
    }
    match (read.rest.first(), read.has(&["-c"])) {
        (Some(text), true) => reader.under(&simple.input, |reader| reader.given(text)),
        (Some(script), false) if !read.has(&["-s"]) => {
            if !reader.script(script, false) {
                reader.unread(format!("the script `{}` is not looked into", script.shown()));
            }
        }
        _ => told(reader, &simple.input),
    }
}

/// What a shell reads from its standard input.
fn told(reader: &mut Reader<'_>, input: &Input) {
    match input {
        Input::Inherited => {}
        Input::Text(text) => reader.given(text),
        Input::Elsewhere => reader.unread("a shell reads its commands from another program or a file".into()),
    }
}

fn evaluates(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let words: Vec<&Word> = arguments.iter().filter(|word| !word.is("--")).collect();
    match (program, words.as_slice()) {
        (_, []) => {}
        ("trap", [text, ..]) => {
            if !text.start().starts_with('-') {
                reader.given(text);
            }
        }
        (_, words) => joined(reader, words),
    }
}

fn sourced(reader: &mut Reader<'_>, arguments: &[Word]) {
    let Some(file) = arguments.first() else { return };
    if !reader.script(file, false) && !SETUPS.iter().any(|end| file.shown().ends_with(end)) {
        reader.unread(format!("the script `{}` is not looked into", file.shown()));
    }
}

fn ssh(reader: &mut Reader<'_>, simple: &Simple) {
    let read = Arguments::read(&simple.words[1..], Known::Valued(SSH), End::First);
    let Some((_, command)) = read.rest.split_first() else { return };
    // Options may stand behind the host too.
    let owned: Vec<Word> = command.iter().map(|word| (*word).clone()).collect();
    let behind = Arguments::read(&owned, Known::Valued(SSH), End::First);
    reader.elsewhere(|reader| match behind.rest.as_slice() {
        [] => told(reader, &simple.input),
        words => reader.under(&simple.input, |reader| joined(reader, words)),
    });
}

/// `su -c TEXT`, `script -c TEXT`, `nix-shell --run TEXT`, `nix develop -c COMMAND…`.
fn told_by_option(reader: &mut Reader<'_>, arguments: &[Word], simple: &Simple) {
    let given = |word: &Word| {
        ["-c", "--command", "--run", "-lc"].iter().any(|option| word.is(option))
            || word.start().starts_with("--command=")
    };
    let program = simple.words[0].program();
    let Some(at) = arguments.iter().position(given) else {
        let after = arguments.iter().position(|word| word.is("--")).map(|at| &arguments[at + 1..]);
        return match after {
            Some(after) => carried(reader, &after.iter().collect::<Vec<_>>(), simple),
            None if program.is_some_and(|program| SHELLS.contains(&program)) => told(reader, &simple.input),
            None => {}
        };
    };
    reader.under(&simple.input, |reader| match (arguments[at].without("--command="), arguments.get(at + 1)) {
        (Some(text), _) => reader.given(&text),
        (None, Some(_)) if program == Some("nix") => {
            carried(reader, &arguments[at + 1..].iter().collect::<Vec<_>>(), simple);
        }
        (None, Some(text)) => reader.given(text),
        (None, None) => {}
    });
}

/// Further words come from elsewhere: behind the command, or in place of a sign.
fn xargs(reader: &mut Reader<'_>, arguments: &[Word]) {
    const VALUED: &[&str] =
        &["-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s", "-j", "--max-args", "--max-procs", "--replace"];
    let read = Arguments::read(arguments, Known::Valued(VALUED), End::First);
    let sign = read.values(&["-I", "--replace"]).first().and_then(|word| word.text().map(str::to_owned));
    let mut words: Vec<Word> = read.rest.iter().map(|word| (*word).clone()).collect();
    if words.is_empty() {
        return;
    }
    match sign {
        Some(sign) => words.iter_mut().for_each(|word| *word = filled(word, &sign)),
        None => words.push(Word::open()),
    }
    reader.simple(&Simple { words, input: Input::Elsewhere });
}

/// The word with every sign open.
fn filled(word: &Word, sign: &str) -> Word {
    let Some(text) = word.text().filter(|text| !sign.is_empty() && text.contains(sign)) else { return word.clone() };
    let mut filled = Word::default();
    for (at, part) in text.split(sign).enumerate() {
        if at > 0 {
            filled.push(Piece::Open);
        }
        if !part.is_empty() {
            filled.push(Piece::Plain(part.to_owned()));
        }
    }
    filled
}

/// The commands of `find … -exec … ;`.
fn found_files(reader: &mut Reader<'_>, arguments: &[Word]) {
    let runs = |word: &Word| ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X"].iter().any(|option| word.is(option));
    let mut rest = arguments;
    while let Some(at) = rest.iter().position(runs) {
        let command = &rest[at + 1..];
        let end = command.iter().position(|word| word.is(";") || word.is("+")).unwrap_or(command.len());
        let words = command[..end].iter().map(|word| filled(word, "{}")).collect();
        reader.simple(&Simple { words, input: Input::Inherited });
        rest = &command[end..];
    }
}

/// What a terminal's keeper is told to run: its last words, as one text or many.
fn multiplexer(reader: &mut Reader<'_>, arguments: &[Word]) {
    const VALUED: &[&str] = &["-s", "-t", "-n", "-c", "-S", "-L", "-f", "-x", "-y", "-F", "-e", "-l", "-p"];
    let read = Arguments::read(arguments, Known::Valued(VALUED), End::Anywhere);
    for word in read.rest.iter().filter(|word| word.shown().contains(' ')) {
        reader.given(word);
    }
    let command: Vec<&Word> = read.rest.iter().copied().skip_while(|word| word.start().contains("-")).collect();
    for skipped in 0..command.len().min(3) {
        let words: Vec<Word> = command[skipped..].iter().map(|word| (*word).clone()).collect();
        if matches!(words[0].program(), Some("docker" | "sudo" | "git" | "systemctl" | "nixos-rebuild" | "sh" | "bash"))
        {
            return reader.simple(&Simple { words, input: Input::Inherited });
        }
    }
}
