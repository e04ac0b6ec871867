//! Public keys as text.

use ssh_key::public::{KeyData, SkEd25519};
use ssh_key::{HashAlg, PublicKey};

/// Why a text is no public key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a public key.
    #[error("`{0}` is not an OpenSSH public key: wanted one line such as `ssh-ed25519 AAAA… comment`")]
    NotAKey(String),
    /// Another kind of key.
    #[error(
        "the key is of kind {0}: wanted ssh-ed25519, as `countersign key new ROLE` makes, or a security key's ed25519-sk"
    )]
    Kind(String),
    /// A security key's, made for something else than SSH.
    #[error("the security key's key is for `{0}`: wanted one for SSH (`ssh:`), as `ssh-keygen -t ed25519-sk` makes")]
    Application(String),
}

/// Reads one public key line; gives it in OpenSSH form without its comment.
///
/// # Errors
///
/// Not exactly one key, or not an Ed25519 key, in a file or a security key.
pub fn parse(line: &str) -> Result<String, KeyError> {
    let line = line.trim();
    // Not a character of a private key is shown.
    let shown = if line.contains("PRIVATE KEY") { "a private key".into() } else { line.chars().take(60).collect() };
    let wrong = || KeyError::NotAKey(String::clone(&shown));
    let mut key = PublicKey::from_openssh(line).map_err(|_| wrong())?;
    match key.key_data() {
        KeyData::Ed25519(_) => {}
        KeyData::SkEd25519(sk) if is_for_ssh(sk) => {}
        KeyData::SkEd25519(sk) => return Err(KeyError::Application(sk.application().chars().take(60).collect())),
        _ => return Err(KeyError::Kind(key.algorithm().to_string())),
    }
    key.set_comment("");
    Ok(key.to_openssh().map_err(|_| wrong())?.trim().to_owned())
}

/// Whether a security key made it for SSH: for a web site it would be asked to sign other things.
pub(super) fn is_for_ssh(key: &SkEd25519) -> bool {
    key.application().starts_with("ssh:")
}

/// The fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
pub fn fingerprint(key: &str) -> String {
    PublicKey::from_openssh(key).map_or_else(|_| "not a key".into(), |key| key.fingerprint(HashAlg::Sha256).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_character_of_a_private_key_is_shown() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";
        let said = parse(private).unwrap_err().to_string();
        assert!(said.starts_with("`a private key` is not an OpenSSH public key") && !said.contains("b3Bl"), "{said}");
        assert!(parse("ssh-ed25519 nonsense").unwrap_err().to_string().contains("`ssh-ed25519 nonsense`"));
    }
}
