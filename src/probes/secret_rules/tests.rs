//! Each form of a secret that people write, and what looks like one and is none.

use super::*;

#[test]
fn every_pattern_compiles() {
    assert_eq!(COMPILED.len(), RULES.len());
    assert!(super::blocks::BLOCK.is_some());
}

#[test]
fn what_the_field_writes_is_found_and_ordinary_code_is_not() {
    for secret in [
        "dbPassword = ''hunter2a'';",
        "dbPassword = ''\n  hunter2a\n'';",
        "SECRET_KEY_BASE = \"hunter2a\"",
        "machine git.example.org login bot password hunter2a",
        "machine git.example.org\n  login bot\n  password hunter2a",
        "login bot password hunter2a",
        "password = \"*hunter2a\"",
        "password = \"%hunter2a\"",
        "password = \"{hunter2a\"",
        "password = \"(hunter2a\"",
        "password = \"<hunter2a\"",
        "password = \"hunter2a${x}\"",
        "password = \"${x}hunter2a\"",
        "X_PASSWORD1=hunter2a",
        "PASSWORD_ADMIN=hunter2a",
        "bot_token_v2: hunter2a",
        "ENCRYPTION_KEY=hunter2a",
        "PASS=hunter2a",
        "passcode: hunter2a",
        "APP_KEY=base64:hunter2a",
        "B2_ACCOUNT_KEY=hunter2a",
        "DefaultEndpointsProtocol=https;AccountKey=hunter2a==",
        "password = \"\"\"hunter2a\"\"\"",
        "password=$'hunter2a'",
        "password => hunter2a",
        "<password>hunter2a</password>",
        "requirepass hunter2a",
        "admin:$2y$05$abcdefghijklmnopqrstuvhunter2a",
        "users=admin:$$2y$$05$$abcdefghijklmnopqrstuvhunter2a",
        "hashedPassword = \"$y$j9T$abcdefghijkl$abcdefghijklmnopqrstuvwxyzabcdefghijkhunter2a\"",
        "https://hooks.slack.com/services/T00/B00/hunter2a",
        "hvs.CAESabcdefghijklmnopqrhunter2a",
        "glsa_abcdefghijklmnopqrstuhunter2a_12345678",
        "{\"value\": \"hunter2a\", \"name\": \"DB_PASSWORD\"}",
        "{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2a\"}",
        "- name: DB_PASSWORD\n  value: hunter2a",
        "https://u:p@hunter2a@host/x",
        "password=hunter,hunter2a",
        "password=a,hunter2a",
    ] {
        let wide: String = secret.chars().flat_map(|c| [c, '\0']).collect();
        for text in [secret.to_owned(), wide] {
            let found: Vec<Found> = find(&text).into_iter().filter(|hit| !hit.is_reference(&text)).collect();
            let plain = |part: &str| part.replace('\0', "");
            assert!(found.iter().any(|hit| plain(&text[hit.range.clone()]).contains("hunter2a")), "{text:?}");
            let (clean, _) = crate::probes::redact::redact(&text);
            assert!(!plain(&clean).contains("hunter2a"), "{clean:?}");
            assert_eq!(crate::probes::redact::redact(&clean).0, clean, "twice is once");
        }
    }
    for harmless in [
        "PASSWORD=''\nUSER=''\n",
        "let password = '';\nlet user = '';",
        "password = \"\"\nuser = \"\"\n",
        "PASSWORD_FILE=/run/secrets/db1x ACCESS_TOKEN_EXPIRE_MINUTES=30 PASSWORD_MIN_LENGTH=12",
        "TOKEN_URL = \"https://auth.example.org/token2\"",
        "password: *default_password",
        "password = <password>",
        "password = \"{{ vault_db1_password }}\"",
        "password = \"{password}\" % \"%(password)s\"",
        "token = \"%d/token\"",
        "password = \"********\"",
        "password = (builtins.readFile ./x)",
        "password = \"postgres://u:${PW}@db/x\"",
        "password = \"${config.sops.placeholder.\"db\"}\";",
        "password = ''${config.sops.placeholder.db1}'';",
        "token = \"Bearer ${TOKEN}\"",
        "secret = \"/run/${name}/credentials1a\"",
        "tokens.map(token => token.value2)",
        "Secret => decode_v2x(x),",
        "account_key: &str, session_key = request.session.session_key1",
        "app_key = \"identifier\"",
        "let signing_key = ed25519_dalek::SigningKey::from_pkcs8(pkcs8);",
        "login with password authentication, and the machine accepts a password of its own",
        "<label>password</label> <password>${env.PW}</password> <Token>",
        "# requirepass is a directive, see redis.conf",
        "{\"name\":\"token_type\",\"value\":\"bearer\"}",
        "- name: db-password\n  mountPath: /run/secrets",
        "[\"http://h:80\",\"me@x\"]",
        "password=$1, user=$2",
    ] {
        let found: Vec<Found> = find(harmless).into_iter().filter(|hit| !hit.is_reference(harmless)).collect();
        assert_eq!(found, [], "{harmless}: {:?}", found.first().map(|hit| &harmless[hit.range.clone()]));
    }
}
