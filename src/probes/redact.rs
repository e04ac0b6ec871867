//! Takes secrets out of what probes saw, before it is written anywhere.

use super::secret_rules;
use crate::model::observation::Values;

/// The text with every secret replaced by `[redacted: kind]`, and how many there were. Doing it twice changes nothing more.
pub fn redact(text: &str) -> (String, u32) {
    let found = secret_rules::find(text);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for hit in &found {
        out.push_str(&text[from..hit.range.start]);
        out.push_str("[redacted: ");
        out.push_str(hit.kind);
        out.push(']');
        from = hit.range.end;
    }
    out.push_str(&text[from..]);
    (out, u32::try_from(found.len()).unwrap_or(u32::MAX))
}

/// How much of what was shown before is looked at with what comes: more than a private key is long, in bytes.
const BEFORE: usize = 8 << 10;

/// What is shown while it comes, piece by piece: a secret may stand on many lines, of which most do not look like one.
#[derive(Debug, Default)]
pub struct Shown {
    before: String,
}

impl Shown {
    /// The next lines with every secret replaced, also the rest of one that began before them.
    pub fn next(&mut self, lines: &str) -> String {
        let start = self.before.len();
        self.before.push_str(lines);
        let (text, mut out, mut from) = (&self.before, String::with_capacity(lines.len()), start);
        for hit in secret_rules::find(text).into_iter().filter(|hit| hit.range.end > start) {
            out.push_str(&text[from..hit.range.start.max(from)]);
            // Of one that began before it was said then that it is there.
            if hit.range.start >= start {
                out.push_str(&format!("[redacted: {}]", hit.kind));
            }
            from = hit.range.end;
        }
        out.push_str(&text[from..]);
        let cut = self.before.floor_char_boundary(self.before.len().saturating_sub(BEFORE));
        self.before.drain(..cut);
        out
    }
}

/// The beginning of a text for a sentence: its secrets are taken out before it is cut, since half of one is not recognised any more.
pub fn excerpt(text: &str, characters: usize) -> String {
    let (clean, _) = redact(text);
    match clean.char_indices().nth(characters) {
        Some((cut, _)) => format!("{}…", &clean[..cut]),
        None => clean,
    }
}

/// Values with every text in them redacted, keys of inner tables too, and how many secrets there were.
pub fn redact_values(values: Values) -> (Values, u32) {
    let mut count = 0;
    let clean = values.into_iter().map(|(name, value)| (name, redact_value(value, &mut count))).collect();
    (clean, count)
}

fn redact_value(value: toml::Value, count: &mut u32) -> toml::Value {
    let mut text = |text: &str| {
        let (clean, found) = redact(text);
        *count = count.saturating_add(found);
        clean
    };
    match value {
        toml::Value::String(old) => toml::Value::String(text(&old)),
        toml::Value::Array(list) => {
            toml::Value::Array(list.into_iter().map(|inner| redact_value(inner, count)).collect())
        }
        toml::Value::Table(table) => {
            let keys: Vec<_> = table.into_iter().map(|(key, inner)| (text(&key), inner)).collect();
            toml::Value::Table(keys.into_iter().map(|(key, inner)| (key, redact_value(inner, count))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_before_a_text_is_cut() {
        let token = format!("ghp_{}", "a1".repeat(18));
        assert_eq!(excerpt("short", 10), "short");
        assert_eq!(excerpt("äöü and more", 3), "äöü…");
        let cut = excerpt(&format!("{} {token}", "x".repeat(50)), 70);
        assert!(cut.ends_with('…') && !cut.contains("ghp_"), "{cut}");
    }

    #[test]
    fn a_secret_of_many_lines_is_not_shown_line_by_line() {
        let body: String = (0..60).map(|number| format!("{number:02}{}\n", "b3BlbnNzaC1r".repeat(5))).collect();
        let text =
            format!("before\n-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\nafter\n");
        let mut shown = Shown::default();
        let out: String = text.split_inclusive('\n').map(|line| shown.next(line)).collect();
        assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["before", "[redacted:", "private-key]", "after"]);
        let mut shown = Shown::default();
        let yaml: String =
            "a: 1\npassword: |\n  hunter2\nb: 2\n".split_inclusive('\n').map(|l| shown.next(l)).collect();
        assert!(!yaml.contains("hunter2") && yaml.ends_with("b: 2\n"), "{yaml}");
        assert_eq!(Shown::default().next("plain\n"), "plain\n");
    }

    #[test]
    fn each_kind_of_secret_goes_and_the_rest_stays() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----";
        let cut_key = "x -----BEGIN PRIVATE KEY-----\nb3Blbn";
        let age = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let github = format!("ghp_{}", "a1".repeat(18));
        let jwt = "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK";
        let hex40 = "0123456789abcdef0123456789abcdef01234567";
        let table: &[(&str, String)] = &[
            (key, "[redacted: private-key]".into()),
            (cut_key, "x [redacted: private-key]".into()),
            (&age, "[redacted: age-key]".into()),
            (
                "docker swarm join --token SWMTKN-1-0a1b-2c3d h:2377",
                "docker swarm join --token [redacted: swarm-token] h:2377".into(),
            ),
            ("Authorization: Bearer abc.def-ghi", "Authorization: [redacted: authorization]".into()),
            ("authorization: Basic dXNlcjpwYXNz", "authorization: [redacted: authorization]".into()),
            (
                "clone https://me:s3cret@git.example.org/x.git",
                "clone https://[redacted: url-password]@git.example.org/x.git".into(),
            ),
            ("id AKIAIOSFODNN7EXAMPLE ok", "id [redacted: aws-key] ok".into()),
            (&github, "[redacted: github-token]".into()),
            ("glpat-abcdefghijklmnopqrst", "[redacted: gitlab-token]".into()),
            (jwt, "[redacted: jwt]".into()),
            ("DB_PASSWORD=hunter2 next", "DB_PASSWORD=[redacted: assignment] next".into()),
            (r#"{"token": "a b c", "n": 1}"#, r#"{"token": "[redacted: assignment]", "n": 1}"#.into()),
            ("secret = 'abc';", "secret = '[redacted: assignment]';".into()),
            (
                r#"{"auths":{"r":{"auth":"dXNlcjpwYXNz"}}}"#,
                r#"{"auths":{"r":{"auth":"[redacted: registry-auth]"}}}"#.into(),
            ),
            ("tool --api-key abcdef run", "tool --api-key [redacted: argument] run".into()),
        ];
        for (text, wanted) in table {
            let (clean, count) = redact(text);
            assert_eq!((&clean, count), (wanted, 1), "{text}");
            assert_eq!(redact(&clean), (clean.clone(), 0), "twice is once");
        }
        let (clean, count) = redact(&format!("DRONE_ADMIN {hex40}"));
        assert_eq!((clean.as_str(), count), ("DRONE_ADMIN [redacted: forge-token]", 1));
    }

    #[test]
    fn what_programs_headers_sentences_blocks_and_urls_hold_goes() {
        for (text, wanted) in [
            (r#"DB_PASSWORD="hunter[2]aa""#, r#"DB_PASSWORD="[redacted: assignment]""#),
            (r#"msg="{\"password\":\"hunter2\"}""#, r#"msg="{\"password\":\"[redacted: assignment]\"}""#),
            (r#"password = "ab\"rest""#, r#"password = "[redacted: assignment]""#),
            (r#"{"password":["hunter2"]}"#, r#"{"password":["[redacted: assignment]"]}"#),
            ("DB_PASS=hunter2", "DB_PASS=[redacted: assignment]"),
            ("PGPASS=hunter2", "PGPASS=[redacted: assignment]"),
            ("MYSQL_PWD=hunter2", "MYSQL_PWD=[redacted: assignment]"),
            ("pwd: hunter2", "pwd: [redacted: assignment]"),
            ("smtp_pass: 'hunter2'", "smtp_pass: '[redacted: assignment]'"),
            ("PresharedKey = aGVsbG8=", "PresharedKey = [redacted: assignment]"),
            ("https://0123456789abcdef0123456789abcdef01234567@git.x/y", "https://[redacted: url-password]@git.x/y"),
            ("https://u:pa/ss@h", "https://[redacted: url-password]@h"),
            ("docker login -u me -p hunter2 r", "docker login -u me -p [redacted: argument] r"),
            ("dckr_pat_abcdefghij0123456789xyz", "[redacted: registry-token]"),
            ("npm_abcdefghij0123456789abcdefghij012345", "[redacted: registry-token]"),
            ("sk-proj-abcdefghij0123456789", "[redacted: api-token]"),
            ("/cb?code=4/0AbCdEfGh&state=x", "/cb?code=[redacted: url-query]&state=x"),
            ("data: LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEU=", "data: [redacted: private-key]"),
            ("curl -u me:hunter2 https://x", "curl -u me:[redacted: argument] https://x"),
            ("curl -fsSu me:hunter2 x", "curl -fsSu me:[redacted: argument] x"),
            ("curl --user 'me:hunter2' x", "curl --user 'me:[redacted: argument]' x"),
            (r#"["curl", "-u", "me:hunter2", "x"]"#, r#"["curl", "-u", "me:[redacted: argument]", "x"]"#),
            ("mysql -uroot -phunter2 db", "mysql -uroot -p[redacted: argument] db"),
            ("docker exec db mysqldump -p'hunter2' db", "docker exec db mysqldump -p'[redacted: argument]' db"),
            ("mariadb-dump -phunter2", "mariadb-dump -p[redacted: argument]"),
            ("mysql -p123456 db", "mysql -p[redacted: argument] db"),
            ("sshpass -p hunter2 ssh x", "sshpass -p [redacted: argument] ssh x"),
            ("< Set-Cookie: sid=hunter2; Path=/", "< Set-Cookie: [redacted: cookie]"),
            ("Cookie: a=\"hunter2\"; b=c\nHost: x", "Cookie: [redacted: cookie]\nHost: x"),
            ("curl -H 'Cookie: sid=hunter2' x", "curl -H 'Cookie: [redacted: cookie]' x"),
            (r#"{"Set-Cookie": ["sid=hunter2"], "n": 1}"#, r#"{"Set-Cookie": ["[redacted: cookie]"], "n": 1}"#),
            ("curl --cookie sid=hunter2 x", "curl --cookie [redacted: cookie]"),
            ("the password is hunter2, I think", "the password is [redacted: sentence], I think"),
            ("the token is now: \"abcdefgh\"", "the token is now: \"[redacted: sentence]\""),
            ("password: |\n  hunter2\n  more\nuser: me", "password: |\n  [redacted: block-value]\nuser: me"),
            (
                "a:\n  - db_password: >-\n      hunter2\n\n    user: me",
                "a:\n  - db_password: >-\n      [redacted: block-value]\n\n    user: me",
            ),
            ("-  token: |\n-    hunter2\n-  user: me", "-  token: |\n-    [redacted: block-value]\n-  user: me"),
            ("https://x/y?a=b&access_token=hunter2&c=d", "https://x/y?a=b&access_token=[redacted: assignment]&c=d"),
            ("GET /y?key=hunter2 HTTP/1.1", "GET /y?key=[redacted: url-query] HTTP/1.1"),
            ("https://x/y?sig=ab%2Fcd", "https://x/y?sig=[redacted: url-query]"),
        ] {
            let (clean, count) = redact(text);
            assert_eq!((clean.as_str(), count), (wanted, 1), "{text}");
            assert_eq!(redact(&clean), (clean.clone(), 0), "twice is once");
        }
    }

    #[test]
    fn ordinary_text_stays_byte_for_byte() {
        for plain in [
            "network proxy 10.10.0.0/16 overlay",
            "http://127.0.0.1:8080/path?q=1@x",
            "passwordFile = config.sops.x",
            "commit 0123456789abcdef0123456789abcdef01234567",
            "AKIA",
            "docker run -p 80:80 -u 1000:1000 --user 1000:1000 nginx",
            "docker run --name mysql -p3306:3306 -p 80:80 mysql:8",
            "mysql -P3306 -uroot --port=3306 -p db",
            "curl -fsS -o /dev/null http://127.0.0.1:8080/",
            "the token is expired, the password is required, the secret is mounted",
            "the cookie: a banner",
            "PWD=/srv/x OLDPWD=/ compass: north, bypass = true, pass: 12 of 12",
            "http://127.0.0.1:8080/path/x@y and https://git.example.org/a/b@c, HTTP code=200&x=1",
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
            "description: |\n  no secret\nsecrets:\n  - name: x",
            "http://x/list?sort=key&monkey=tree&page=12",
            "é — ✓\n\ttabs",
            "",
        ] {
            assert_eq!(redact(plain), (plain.to_owned(), 0));
        }
    }

    #[test]
    fn values_are_redacted_at_every_depth() {
        let inner = toml::Value::Array(vec![toml::Value::String("password=hunter2".into()), toml::Value::Integer(1)]);
        let table = toml::Table::from_iter([("list".to_owned(), inner)]);
        let (clean, count) = redact_values(Values::from([("a".to_owned(), toml::Value::Table(table))]));
        assert_eq!(count, 1);
        assert_eq!(clean["a"]["list"][0].as_str(), Some("password=[redacted: assignment]"));
    }
}
