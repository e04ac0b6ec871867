//! Keys and SSHSIG signatures.
//!
//! A signature is over the exact bytes of a record's block, in the namespace [`NAMESPACE`]; stock `ssh-keygen -Y verify` checks
//! it. An armor is accepted only if re-encoding what was decoded gives the same bytes, since decoders accept malleated forms.
//!
//! Two kinds of key sign: Ed25519 in a file or an agent, and Ed25519 in a security key (`sk-ssh-ed25519@openssh.com`), which must
//! have seen its user touch it. Security keys of the other kind (`sk-ecdsa-sha2-nistp256@openssh.com`) are refused as every other.

pub mod key_file;
pub mod public_key;
mod seal;

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PublicKey, SshSig};

use self::key_file::{Holder, Key};
use self::seal::Seal;
use crate::process::{self, Spec};

/// The SSHSIG namespace of records.
pub const NAMESPACE: &str = "record@countersign";
/// The bit of a security key's flags that says that its user touched it (PROTOCOL.u2f of OpenSSH; CTAP 2, authenticator data).
const USER_PRESENT: u8 = 1;
/// How long `ssh-keygen` may take: a security key waits to be touched.
const TOUCH: Duration = Duration::from_secs(60);

/// Why a signature is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Not an SSH signature in OpenSSH's armor.
    #[error("the signature is not SSHSIG armor")]
    NotArmor,
    /// Decodes, but is not written the one way in which it should be.
    #[error("the signature's armor is not the canonical one: re-encoding it gives other bytes")]
    NotCanonical,
    /// Made for something else.
    #[error("the signature is for namespace `{found}`; wanted `{NAMESPACE}`")]
    Namespace {
        /// The namespace it was made for.
        found: String,
    },
    /// Not over these bytes, or not by the key it names.
    #[error("the signature does not match the block it stands under")]
    Mismatch,
    /// Made with a kind of key that this program does not accept.
    #[error("the signature is by a key of kind `{found}`; wanted ssh-ed25519 or a security key's ed25519-sk for SSH")]
    KeyKind {
        /// The key's kind.
        found: String,
    },
    /// Made by a security key that nobody touched.
    #[error("the security key made the signature without its user: nobody touched it")]
    Absent,
    /// The key could not sign.
    #[error("the key could not sign: {0}")]
    Signing(String),
}

/// Signs a block; the result is the armor, ending in a newline.
///
/// # Errors
///
/// The key cannot sign.
pub fn sign(key: &Key, block: &[u8]) -> Result<String, SignError> {
    let failed = |error: ssh_key::Error| SignError::Signing(error.to_string());
    let private = match &key.holder {
        Holder::File(private) => private,
        Holder::Elsewhere { public, file, in_agent } => return by_keygen(public, file, *in_agent, block),
    };
    let signature = private.sign(NAMESPACE, HashAlg::Sha512, block).map_err(failed)?;
    let armor = signature.to_pem(LineEnding::LF).map_err(failed)?;
    Ok(if armor.ends_with('\n') { armor } else { armor + "\n" })
}

/// Has `ssh-keygen` ask the agent or the security key for a signature.
fn by_keygen(public: &str, file: &Path, in_agent: bool, block: &[u8]) -> Result<String, SignError> {
    let socket = std::env::var_os("SSH_AUTH_SOCK");
    if in_agent && socket.is_none() {
        let why =
            format!("{} is a public key, and SSH_AUTH_SOCK names no agent that holds the private one", file.display());
        return Err(SignError::Signing(why));
    }
    let argv = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f"].map(OsStr::new);
    let mut spec = Spec::new(argv.into_iter().chain([file.as_os_str()])).timeout(TOUCH);
    if let Some(socket) = socket {
        spec = spec.env("SSH_AUTH_SOCK", socket);
    }
    spec.stdin = block.to_vec();
    let done = process::run(&spec).map_err(|error| SignError::Signing(error.to_string()))?;
    if !done.ok() {
        return Err(SignError::Signing(format!("ssh-keygen: {}", done.complaint())));
    }
    let armor = String::from_utf8_lossy(&done.stdout).into_owned();
    match verify(&armor, block) {
        Ok(signer) if signer == public => Ok(armor),
        Ok(signer) => Err(SignError::Signing(format!("ssh-keygen signed with another key, {signer}"))),
        Err(error) => Err(SignError::Signing(format!("what ssh-keygen gave: {error}"))),
    }
}

/// Checks a signature; gives the public key that made it, in OpenSSH form without comment.
///
/// # Errors
///
/// Anything but one canonical, matching signature in our namespace by an Ed25519 key, its own or a touched security key's.
pub fn verify(armor: &str, block: &[u8]) -> Result<String, SignError> {
    match Seal::parse(armor) {
        Some(seal) => seal.verify(block),
        // Not the one shape that the program writes: the general reader says what it is instead.
        None => verify_slowly(armor, block),
    }
}

/// The key that a signature names, without checking that it made it.
///
/// # Errors
///
/// It is not a canonical signature in our namespace by an Ed25519 key.
pub fn signer(armor: &str) -> Result<String, SignError> {
    match Seal::parse(armor) {
        Some(seal) => seal.signer(),
        None => {
            let (signature, text) = general(armor)?;
            match signature.public_key() {
                KeyData::SkEd25519(_) => Ok(text),
                // An Ed25519 key's whole signature has the one shape.
                _ => Err(SignError::NotCanonical),
            }
        }
    }
}

fn verify_slowly(armor: &str, block: &[u8]) -> Result<String, SignError> {
    let (signature, text) = general(armor)?;
    let key = PublicKey::new(signature.public_key().clone(), "");
    key.verify(NAMESPACE, block, &signature).map_err(|_| SignError::Mismatch)?;
    Ok(text)
}

/// A canonical signature in our namespace by a kind of key that is accepted, and the key's text. It is not checked over anything.
fn general(armor: &str) -> Result<(SshSig, String), SignError> {
    let signature = SshSig::from_pem(armor).map_err(|_| SignError::NotArmor)?;
    let again = signature.to_pem(LineEnding::LF).map_err(|_| SignError::NotArmor)?;
    if again.trim_end_matches('\n') != armor.trim_end_matches('\n')
        || armor.trim_end_matches('\n').len() + 1 != armor.len()
    {
        return Err(SignError::NotCanonical);
    }
    if signature.namespace() != NAMESPACE {
        return Err(SignError::Namespace { found: signature.namespace().chars().take(60).collect() });
    }
    if !signature.reserved().is_empty() || signature.version() != SshSig::VERSION {
        return Err(SignError::NotCanonical);
    }
    let key = signature.public_key();
    let accepted = match key {
        KeyData::Ed25519(_) => true,
        KeyData::SkEd25519(sk) => public_key::is_for_ssh(sk),
        _ => false,
    };
    if !accepted || signature.signature().algorithm() != key.algorithm() {
        return Err(SignError::KeyKind { found: signature.algorithm().to_string() });
    }
    if matches!(key, KeyData::SkEd25519(_)) && flags(&signature).is_none_or(|flags| flags & USER_PRESENT == 0) {
        return Err(SignError::Absent);
    }
    let text = PublicKey::new(key.clone(), "").to_openssh().map_err(|_| SignError::NotArmor)?.trim().to_owned();
    Ok((signature, text))
}

/// What a security key says of a signature: one byte, before the four of its counter.
fn flags(signature: &SshSig) -> Option<u8> {
    signature.signature_bytes().iter().nth_back(4).copied()
}

#[cfg(test)]
mod tests;
