//! Programs that run the command they are given.

use super::options::{Arguments, End, Known};
use super::reader::Reader;
use super::shell::{Input, Simple};
use super::shells::{evaluates, joined, shell, sourced, told};
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
    ("env", &["-u", "--unset", "-C", "--chdir", "-S", "--split-string"], Before::Variables),
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
    ("flock", &["-w", "-E", "--timeout", "-c", "--command"], Before::One),
    ("systemd-run", &["-p", "-u", "-E", "-M", "--property", "--unit", "--uid", "--slice"], Before::Nothing),
    ("systemd-inhibit", &["--what", "--who", "--why", "--mode"], Before::Nothing),
    ("dbus-run-session", &[], Before::Nothing),
    ("busybox", &[], Before::Nothing),
    ("direnv", &[], Before::One),
    ("unbuffer", &[], Before::Nothing),
    ("setpriv", &[], Before::Nothing),
];

/// Carriers that begin a shell where they are given no command: it reads its commands from their standard input.
const SHELLS: &[&str] = &["sudo", "doas", "chroot", "nsenter", "unshare", "su", "runuser", "nix-shell", "script"];

/// Options of `ssh` with a value (ssh(1), OpenSSH 9).
const SSH: &[&str] = &[
    "-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-P", "-Q", "-R",
    "-S", "-W", "-w",
];

/// Options of `xargs` and `parallel` with a value.
const MANY: &[&str] =
    &["-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s", "-j", "--jobs", "--max-args", "--max-procs", "--replace"];

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
        "su" | "runuser" | "script" => as_someone(reader, program, arguments, simple),
        "nix-shell" | "nix" => nix(reader, arguments, simple),
        "xargs" => xargs(reader, arguments),
        "parallel" => parallel(reader, arguments),
        "watch" => {
            let read = Arguments::read(arguments, Known::Valued(&["-n", "--interval"]), End::First);
            joined(reader, &read.rest);
        }
        "crontab" => {
            let Input::Text(text) = &simple.input else { return true };
            for line in text.for_a_shell().lines() {
                let words: Vec<Word> = line.split_whitespace().map(Word::plain).collect();
                reader.guess("cron runs it later", &words);
            }
        }
        "find" | "fd" => found_files(reader, arguments),
        "tmux" | "screen" => multiplexer(reader, arguments),
        "at" | "batch" => {
            match Arguments::read(arguments, Known::Valued(&["-f"]), End::Anywhere).values(&["-f"]).first() {
                Some(file) if reader.script(file, false) => {}
                Some(file) => reader.unread(format!("the script `{}` is not looked into", file.shown())),
                None => told(reader, &simple.input),
            }
        }
        _ => {
            let Some((name, valued, before)) = CARRIERS.iter().find(|(name, ..)| *name == program) else {
                return false;
            };
            let read = Arguments::read(arguments, Known::Valued(valued), End::First);
            match *name {
                // It lists what somebody may run, and runs nothing.
                "sudo" if read.has(&["-l", "--list"]) => return true,
                "env" if read.has(&["-S", "--split-string"]) => {
                    let text = read.values(&["-S", "--split-string"]);
                    joined(reader, &text.iter().chain(read.rest.iter().copied()).collect::<Vec<_>>());
                    return true;
                }
                "flock" => {
                    let own = read.values(&["-c", "--command"]);
                    // It may stand behind the lock, too.
                    let behind = match read.rest.as_slice() {
                        [_, option, text, ..] if option.is("-c") || option.is("--command") => Some(*text),
                        _ => None,
                    };
                    let text = own.first().or(behind);
                    if let Some(text) = text {
                        reader.given(text);
                        return true;
                    }
                }
                // The shell itself reads from there on.
                "exec" if read.rest.is_empty() => reader.listens(&simple.input),
                _ => {}
            }
            let skipped = match before {
                Before::Nothing => 0,
                Before::One => 1,
                Before::Variables => read.rest.iter().take_while(|word| is_variable(word)).count(),
            };
            let place = if *name == "env" { ["-C", "--chdir"] } else { ["-D", "--chdir"] };
            let place = read.values(&place).first().filter(|_| *before == Before::Variables).cloned();
            let (variables, command) = read.rest.split_at(skipped.min(read.rest.len()));
            let variables = if *before == Before::Variables { variables } else { &[] };
            reader.with(variables, |reader| match command {
                [] if SHELLS.contains(name) => told(reader, &simple.input),
                command => reader.within(place.as_ref(), |reader| carried(reader, command, simple)),
            });
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
        reader.simple(&Simple::of(words, simple.input.clone()));
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

/// `su -c TEXT`, `script -c TEXT`, `runuser -u USER COMMAND…`.
fn as_someone(reader: &mut Reader<'_>, program: &str, arguments: &[Word], simple: &Simple) {
    const TEXTS: &[&str] = &["-c", "--command", "--session-command"];
    const VALUED: &[&str] = &[
        "-c",
        "--command",
        "--session-command",
        "-u",
        "--user",
        "-g",
        "--group",
        "-G",
        "-s",
        "--shell",
        "-w",
        "-E",
        "-O",
        "-I",
        "-B",
        "-T",
        "-o",
    ];
    let read = Arguments::read(arguments, Known::Valued(VALUED), End::Anywhere);
    if let [text, ..] = read.values(TEXTS).as_slice() {
        return reader.under(&simple.input, |reader| reader.given(text));
    }
    let read = Arguments::read(arguments, Known::Valued(VALUED), End::First);
    let behind =
        arguments.iter().position(|word| word.is("--")).map(|at| arguments[at + 1..].iter().collect::<Vec<_>>());
    match behind {
        Some(words) => carried(reader, &words, simple),
        None if program == "runuser" && read.has(&["-u", "--user"]) => carried(reader, &read.rest, simple),
        None => told(reader, &simple.input),
    }
}

/// `nix-shell --run TEXT`, `nix develop -c COMMAND…`, `nix run PACKAGE -- ARGUMENT…`.
fn nix(reader: &mut Reader<'_>, arguments: &[Word], simple: &Simple) {
    let given = |word: &Word| ["-c", "--command", "--run"].iter().any(|option| word.is(option));
    let is_nix = simple.words[0].program() == Some("nix");
    if let Some(at) = arguments.iter().position(given) {
        let behind = &arguments[at + 1..];
        return reader.under(&simple.input, |reader| match behind {
            [] => {}
            _ if is_nix => carried(reader, &behind.iter().collect::<Vec<_>>(), simple),
            [text, ..] => reader.given(text),
        });
    }
    let behind = arguments.iter().position(|word| word.is("--")).map(|at| &arguments[at + 1..]).unwrap_or_default();
    match arguments.first() {
        Some(verb) if is_nix && verb.is("run") => {
            // The package is mostly named as its program.
            let name = arguments[1..].iter().find_map(|word| word.text()?.rsplit_once('#')).map(|(_, name)| name);
            let name = name.map(|name| name.rsplit('.').next().unwrap_or_default().trim_end_matches("-client"));
            let words: Vec<Word> = name.map(Word::plain).into_iter().chain(behind.iter().cloned()).collect();
            carried(reader, &words.iter().collect::<Vec<_>>(), simple);
        }
        _ if is_nix || !behind.is_empty() => carried(reader, &behind.iter().collect::<Vec<_>>(), simple),
        _ => told(reader, &simple.input),
    }
}

/// A command for each of the words behind `:::`, in a shell.
fn parallel(reader: &mut Reader<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(MANY), End::First);
    let at = read.rest.iter().position(|word| word.is(":::"));
    let (command, inputs) = read.rest.split_at(at.unwrap_or(read.rest.len()));
    if command.is_empty() || inputs.is_empty() || command.iter().all(|word| word.text().is_none()) {
        return xargs(reader, arguments);
    }
    for input in &inputs[1..] {
        let sign = |word: &Word| word.shown().contains("{}");
        let fill = |word: &Word| match word.text() {
            Some(text) => Word::plain(text.replace("{}", &input.for_a_shell())),
            None => word.clone(),
        };
        let behind = Some(*input).filter(|_| !command.iter().any(|word| sign(word)));
        let words: Vec<Word> = command.iter().map(|word| fill(word)).chain(behind.cloned()).collect();
        let shown: Vec<String> = words.iter().map(Word::for_a_shell).collect();
        reader.text(&shown.join(" "));
    }
}

/// Further words come from elsewhere: behind the command, or in place of a sign.
fn xargs(reader: &mut Reader<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(MANY), End::First);
    let sign = read.values(&["-I", "--replace"]).first().and_then(|word| word.text().map(str::to_owned));
    let mut words: Vec<Word> = read.rest.iter().map(|word| (*word).clone()).collect();
    if words.is_empty() {
        return;
    }
    match sign {
        Some(sign) => words.iter_mut().for_each(|word| *word = filled(word, &sign)),
        None => words.push(Word::open()),
    }
    reader.simple(&Simple::of(words, Input::Elsewhere));
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
    let runs = |word: &Word| {
        ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"]
            .iter()
            .any(|option| word.is(option))
    };
    let mut rest = arguments;
    while let Some(at) = rest.iter().position(runs) {
        let command = &rest[at + 1..];
        let end = command.iter().position(|word| word.is(";") || word.is("+")).unwrap_or(command.len());
        let words = command[..end].iter().map(|word| filled(word, "{}")).collect();
        reader.simple(&Simple::of(words, Input::Inherited));
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
    let words: Vec<Word> = read.rest.iter().map(|word| (*word).clone()).collect();
    reader.guess("what the terminal is told is not known", &words);
}
