//! What the words behind a secret's name, in capitals, tell of what the variable holds.

use crate::probes::secret_reference::looks_random;

/// A variable whose last word is one of these holds something about a secret.
const ABOUT: &str = "FILE FILES PATH DIR DIRECTORY URL URI ENDPOINT HOST PORT NAME NAMES TYPE KIND LENGTH LEN MIN MAX SIZE COUNT LIMIT \
    TTL EXPIRY EXPIRE EXPIRES EXPIRATION LIFETIME TIMEOUT SECONDS MINUTES HOURS DAYS VALIDITY AGE POLICY REGEX PATTERN FIELD HEADER \
    PARAM PROMPT HINT LABEL MESSAGE RESET CHANGE REQUIRED ENABLED DISABLED STORE COMMAND CMD PROVIDER SCOPE SCOPES AUDIENCE ISSUER \
    ALGORITHM ALG ID IDS REF VERSION MODE FORMAT PREFIX SUFFIX VAR ENV KEYS CLASS BACKEND MANAGER SERVICE INDEX ROTATION";

/// And with one of these a place, where it is written as one.
const PLACES: &str = "FILE FILES PATH DIR DIRECTORY URL URI ENDPOINT HOST";

/// A variable whose last word is one of these holds a secret, whatever stands before it.
const SECRETS: &str = "PASSWORD PASSWD PASSPHRASE PASS SECRET TOKEN KEY CREDENTIAL CREDENTIALS";

/// Whether what a variable of these words holds is no secret. Its last word decides, and what looks drawn at random is one all the same.
pub(super) fn is_none(words: &str, value: &str) -> bool {
    let last = words.rsplit('_').next().unwrap_or_default();
    let is = |list: &str| list.split(' ').any(|word| word == last);
    let digits = value.chars().all(|c| c.is_ascii_digit());
    if matches!(value, "true" | "false" | "yes" | "no" | "null") || digits && !is(SECRETS) {
        return true;
    }
    let place = ["/", "./", "../", "~"].iter().any(|begin| value.starts_with(begin)) || value.contains("://");
    is(ABOUT) && (!looks_random(value) || place && is(PLACES))
}
