//! Where a module sets an option, by a real parser. Pure.
//!
//! Only what is plainly there is found: behind a condition, a merge or a dynamic name the value is the evaluator's to tell, and
//! the answer is that it is not known.

use rnix::ast::{self, Attr, Attrpath, Entry, Expr, HasEntry as _, InterpolPart};
use rowan::ast::AstNode as _;

use crate::probes::redact::excerpt;

/// What a module says about an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Set, once.
    Set {
        /// The value: a string's content, its interpolations as they are written; anything else as it is written.
        value: String,
        /// What a shell gets, where the value is one string, `mkForce` and `mkDefault` taken off: `${}` in the place of each
        /// interpolation, whose text is no part of it, and `${}/` where it is a program's path by `getExe`.
        script: Option<String>,
        /// The line of the file on which the value begins, 1 for the first.
        line: usize,
    },
    /// Not set.
    Absent,
    /// Cannot be told from the source alone, and why.
    Unknown(String),
    /// The source is no Nix, and why.
    NotNix(String),
}

/// Splits an attribute path, as in `systemd.services."a.b".script`.
///
/// # Errors
///
/// It is none.
pub fn path(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match (c, quoted) {
            ('"', _) => quoted = !quoted,
            ('.', false) => parts.push(String::new()),
            (c, _) => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    let whole = !quoted && parts.iter().all(|part| !part.is_empty());
    whole.then_some(parts).ok_or_else(|| format!("`{text}` is no attribute path, as in virtualisation.docker.enable"))
}

/// Looks for an option in a module's source.
pub fn find(source: &str, wanted: &[String]) -> Found {
    let parsed = rnix::Root::parse(source);
    if let Some(error) = parsed.errors().first() {
        return Found::NotNix(error.to_string());
    }
    let Some(body) = parsed.tree().expr() else { return Found::NotNix("the file is empty".to_owned()) };
    let mut search = Search::default();
    search.expression(body, wanted, true);
    match (search.values.as_slice(), search.doubts.first()) {
        ([], None) => Found::Absent,
        ([], Some(doubt)) => Found::Unknown(doubt.clone()),
        ([one], None) => {
            let begin = usize::from(one.syntax().text_range().start());
            let line = source.get(..begin).map_or(0, |before| before.matches('\n').count()) + 1;
            Found::Set { value: shown(one), script: script(one), line }
        }
        ([_], Some(doubt)) => Found::Unknown(doubt.clone()),
        (several, _) => Found::Unknown(format!("it is set in {} places", several.len())),
    }
}

#[derive(Default)]
struct Search {
    values: Vec<Expr>,
    doubts: Vec<String>,
}

impl Search {
    /// Looks in an expression for what is left of the path. `top`: it is the module itself.
    fn expression(&mut self, expression: Expr, left: &[String], top: bool) {
        match expression {
            // What a module is wrapped in without a change of what it sets.
            Expr::Lambda(lambda) if top => self.within(lambda.body(), left, true),
            Expr::LetIn(inner) => self.within(inner.body(), left, top),
            Expr::With(with) => self.within(with.body(), left, top),
            Expr::Assert(assert) => self.within(assert.body(), left, top),
            Expr::Paren(paren) => self.within(paren.expr(), left, top),
            Expr::AttrSet(set) => {
                for entry in set.entries() {
                    self.entry(entry, left, top);
                }
            }
            other => {
                let text = squeezed(&other.syntax().text().to_string());
                let head = excerpt(&text, 60);
                self.doubts.push(format!("only an evaluation tells what `{head}` sets"));
            }
        }
    }

    fn within(&mut self, expression: Option<Expr>, left: &[String], top: bool) {
        if let Some(expression) = expression {
            self.expression(expression, left, top);
        }
    }

    fn entry(&mut self, entry: Entry, left: &[String], top: bool) {
        match entry {
            Entry::Inherit(inherit) => {
                let names = inherit.attrs().filter_map(|attr| plain(&attr));
                if names.into_iter().any(|name| left.first() == Some(&name)) {
                    self.doubts.push(format!("`{}` is inherited from elsewhere", left[0]));
                }
            }
            Entry::AttrpathValue(pair) => {
                let (Some(path), Some(value)) = (pair.attrpath(), pair.value()) else { return };
                let names = match names(&path) {
                    Ok(names) => names,
                    Err(fixed) if left.starts_with(&fixed) => {
                        self.doubts.push(format!("only an evaluation tells what `{}` sets", path.syntax().text()));
                        return;
                    }
                    Err(_) => return,
                };
                // A module may set its options below `config`.
                let names = match names.as_slice() {
                    [first, rest @ ..]
                        if top && first == "config" && left.first().is_some_and(|name| name != "config") =>
                    {
                        if rest.is_empty() {
                            return self.expression(value, left, false);
                        }
                        rest
                    }
                    all => all,
                };
                if top && names == ["imports"] && left.len() > 1 {
                    self.imported(&value, left);
                }
                if names == left {
                    self.values.push(value);
                } else if let Some(rest) = left.strip_prefix(names) {
                    self.expression(value, rest, false);
                }
            }
        }
    }
}

impl Search {
    /// Looks into the modules that stand in this very file beside it: in `imports`, or bound to a name and perhaps imported by it.
    /// What is in another file is another file's.
    fn imported(&mut self, imports: &Expr, wanted: &[String]) {
        let sets = |node: &rnix::SyntaxNode| node.descendants().filter_map(ast::AttrSet::cast).collect::<Vec<_>>();
        let look = |set: ast::AttrSet| {
            let mut inner = Self::default();
            inner.expression(Expr::AttrSet(set), wanted, true);
            inner
        };
        let inside = sets(imports.syntax())
            .into_iter()
            .map(look)
            .any(|found| !(found.values.is_empty() && found.doubts.is_empty()));
        let bound = imports.syntax().ancestors().filter_map(ast::LetIn::cast).flat_map(|inner| {
            inner
                .attrpath_values()
                .flat_map(|pair| pair.value())
                .flat_map(|value| sets(value.syntax()))
                .collect::<Vec<_>>()
        });
        let bound = bound.map(look).any(|found| !found.values.is_empty());
        if inside || bound {
            self.doubts.push("a module that is imported, and stands in the same file, sets it too or may".to_owned());
        }
    }
}

/// The names of a path; when one is dynamic, those before it.
fn names(path: &Attrpath) -> Result<Vec<String>, Vec<String>> {
    let mut names = Vec::new();
    for attr in path.attrs() {
        match plain(&attr) {
            Some(name) => names.push(name),
            None => return Err(names),
        }
    }
    Ok(names)
}

fn plain(attr: &Attr) -> Option<String> {
    match attr {
        Attr::Ident(ident) => Some(ident.syntax().text().to_string()),
        Attr::Str(text) => match text.normalized_parts().as_slice() {
            [] => Some(String::new()),
            [InterpolPart::Literal(text)] => Some(text.clone()),
            _ => None,
        },
        Attr::Dynamic(_) => None,
    }
}

fn shown(value: &Expr) -> String {
    let Expr::Str(text) = value else { return squeezed(&value.syntax().text().to_string()) };
    parts(text, |inner| inner.syntax().text().to_string())
}

fn parts(text: &ast::Str, interpolation: impl Fn(&ast::Interpol) -> String) -> String {
    let part = |part: InterpolPart<String>| match part {
        InterpolPart::Literal(text) => text,
        InterpolPart::Interpolation(inner) => interpolation(&inner),
    };
    ast::Str::normalized_parts(text).into_iter().map(part).collect()
}

/// A value that is one string, whatever its priority. What a condition or a concatenation makes of one only an evaluation tells.
fn script(value: &Expr) -> Option<String> {
    match value {
        Expr::Str(text) => {
            let program = |inner: &ast::Interpol| inner.expr().is_some_and(|expr| is_program(&expr));
            Some(parts(text, |inner| if program(inner) { "${}/" } else { "${}" }.to_owned()))
        }
        Expr::Paren(paren) => script(&paren.expr()?),
        Expr::Apply(apply) => {
            let function = squeezed(&apply.lambda()?.syntax().text().to_string());
            let only_a_priority = matches!(function.trim_start_matches("lib."), "mkForce" | "mkDefault");
            only_a_priority.then(|| script(&apply.argument()?)).flatten()
        }
        _ => None,
    }
}

/// Whether an expression is a call of nixpkgs' `getExe` or `getExe'`, which give the path of a package's program.
fn is_program(value: &Expr) -> bool {
    let Expr::Apply(apply) = value else { return false };
    let Some(function) = apply.lambda() else { return false };
    let name = squeezed(&function.syntax().text().to_string());
    let called = |name: &str, wanted| name.trim_start_matches("lib.") == wanted;
    match function {
        Expr::Apply(inner) => inner.lambda().is_some_and(|inner| called(&inner.syntax().text().to_string(), "getExe'")),
        _ => called(&name, "getExe"),
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of the module of the first run.
    const MODULE: &str = r#"{ config, pkgs, lib, ... }:
let name = "proxy"; in
{
  virtualisation.docker = {
    enable = true;
    daemon.settings = { log-level = "info"; };
  };
  systemd.services."swarm-init" = {
    serviceConfig.Type = "oneshot";
    script = ''
      # docker network create --subnet 10.99.0.0/16 proxy
      ${pkgs.docker}/bin/docker network inspect ${name} >/dev/null 2>&1 || \
        ${pkgs.docker}/bin/docker network create --driver overlay --attachable --subnet 10.10.0.0/16 ${name}
      echo ''${not-nix} $HOME
    '';
  };
  networking = lib.mkIf config.x.enable { hostName = "h"; };
  services.${name}.enable = true;
  inherit (config) imports;
}
"#;

    fn found(source: &str, option: &str) -> Found {
        find(source, &path(option).expect("a path"))
    }

    fn set(value: &str, line: usize) -> Found {
        let text = !value.chars().all(|c| c.is_ascii_digit()) && !["true", "[ 1 2 ]"].contains(&value);
        Found::Set { value: value.to_owned(), script: text.then(|| value.to_owned()), line }
    }

    #[test]
    fn options_are_found_where_they_are_set() {
        assert_eq!(found(MODULE, "virtualisation.docker.enable"), set("true", 5));
        assert_eq!(found(MODULE, "virtualisation.docker.daemon.settings.log-level"), set("info", 6));
        assert_eq!(found(MODULE, "systemd.services.swarm-init.serviceConfig.Type"), set("oneshot", 9));
        let Found::Set { value, script, line } = found(MODULE, "systemd.services.\"swarm-init\".script") else {
            panic!("not found")
        };
        assert!(
            script.is_some_and(|script| script.contains("--subnet 10.10.0.0/16 ${}\n")),
            "no text of an interpolation"
        );
        assert_eq!(line, 10);
        let lines: Vec<&str> = value.lines().collect();
        assert_eq!(lines[0], "# docker network create --subnet 10.99.0.0/16 proxy");
        assert!(lines[2].ends_with("--subnet 10.10.0.0/16 ${name}"), "{value}");
        assert_eq!(lines[3], "echo ${not-nix} $HOME", "an escaped interpolation is text");
        assert_eq!(found("{ config = { a.b = [ 1\n 2 ]; }; }", "a.b"), set("[ 1 2 ]", 1));
        assert_eq!(found("{ config.a.b = 1; }", "a.b"), set("1", 1));
    }

    #[test]
    fn what_the_source_does_not_tell_is_unknown_and_never_absent() {
        for (source, option, why) in [
            (MODULE, "networking.hostName", "mkIf"),
            (MODULE, "services.proxy.enable", "only an evaluation tells"),
            (MODULE, "imports", "inherited"),
            ("{ a = 1; config.a = 2; }", "a", "in 2 places"),
            ("{ a = { b = 1; } // x; }", "a.b", "only an evaluation"),
            ("import ./other.nix", "a", "only an evaluation"),
            ("{ a.b = 1; imports = [ { a.b = lib.mkForce 2; } ]; }", "a.b", "is imported"),
            ("{ a.b = 1; imports = [ ./x ({ lib, ... }: { config.a = { b = 2; }; }) ]; }", "a.b", "is imported"),
            ("{ a.b = 1; imports = [ ] ++ lib.optional c { a = x; }; }", "a.b", "is imported"),
            ("let m = { a.b = 2; }; in { a.b = 1; imports = [ m ]; }", "a.b", "is imported"),
        ] {
            match found(source, option) {
                Found::Unknown(text) => assert!(text.contains(why), "{option}: {text}"),
                other => panic!("{source} {option}: {other:?}"),
            }
        }
        assert_eq!(found("{ a = 1; }", "b"), Found::Absent);
        let others =
            "let m = { c.d = 2; }; in { a.b = 1; imports = [ ./x m { c.d = 1; } (import ./y { inherit lib; }) ]; }";
        assert_eq!(found(others, "a.b"), set("1", 1), "what others set is theirs");
        assert!(matches!(found("{ a = ; }", "a"), Found::NotNix(_)));
        assert!(matches!(found("", "a"), Found::NotNix(_)));
        assert!(path("a..b").is_err() && path("").is_err() && path("a.\"b").is_err());
    }
}
