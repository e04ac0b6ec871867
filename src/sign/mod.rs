//! Keys and SSHSIG signatures.
//!
//! A signature is over the exact bytes of a record's block, in the namespace [`NAMESPACE`]; stock `ssh-keygen -Y verify` checks
//! it. An armor is accepted only if re-encoding what was decoded gives the same bytes, since decoders accept malleated forms.

pub mod key_file;
pub mod public_key;
mod seal;

use std::ffi::OsStr;
use std::path::Path;

use ssh_key::{HashAlg, LineEnding, PublicKey, SshSig};

use self::key_file::{Holder, Key};
use self::seal::Seal;
use crate::process::{self, Spec};

/// The SSHSIG namespace of records.
pub const NAMESPACE: &str = "record@countersign";

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
    #[error("the signature is by a key of kind `{found}`; wanted ssh-ed25519")]
    KeyKind {
        /// The key's kind.
        found: String,
    },
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
        Holder::Agent { public, file } => return by_agent(public, file, block),
    };
    let signature = private.sign(NAMESPACE, HashAlg::Sha512, block).map_err(failed)?;
    let armor = signature.to_pem(LineEnding::LF).map_err(failed)?;
    Ok(if armor.ends_with('\n') { armor } else { armor + "\n" })
}

/// Has `ssh-keygen` ask the agent for a signature.
fn by_agent(public: &str, file: &Path, block: &[u8]) -> Result<String, SignError> {
    let Some(socket) = std::env::var_os("SSH_AUTH_SOCK") else {
        let why =
            format!("{} is a public key, and SSH_AUTH_SOCK names no agent that holds the private one", file.display());
        return Err(SignError::Signing(why));
    };
    let argv = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f"].map(OsStr::new);
    let mut spec = Spec::new(argv.into_iter().chain([file.as_os_str()])).env("SSH_AUTH_SOCK", socket);
    spec.stdin = block.to_vec();
    let done = process::run(&spec).map_err(|error| SignError::Signing(error.to_string()))?;
    if !done.ok() {
        return Err(SignError::Signing(format!("ssh-keygen: {}", done.complaint())));
    }
    let armor = String::from_utf8_lossy(&done.stdout).into_owned();
    match verify(&armor, block) {
        Ok(signer) if signer == public => Ok(armor),
        Ok(signer) => Err(SignError::Signing(format!("the agent signed with another key, {signer}"))),
        Err(error) => Err(SignError::Signing(format!("what the agent gave: {error}"))),
    }
}

/// Checks a signature; gives the public key that made it, in OpenSSH form without comment.
///
/// # Errors
///
/// Anything but one canonical, matching signature in our namespace by an Ed25519 key.
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
        None => verify_slowly(armor, b""),
    }
}

fn verify_slowly(armor: &str, block: &[u8]) -> Result<String, SignError> {
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
    if signature.algorithm() != ssh_key::Algorithm::Ed25519 {
        return Err(SignError::KeyKind { found: signature.algorithm().to_string() });
    }
    let key = PublicKey::new(signature.public_key().clone(), "");
    key.verify(NAMESPACE, block, &signature).map_err(|_| SignError::Mismatch)?;
    let text = key.to_openssh().map_err(|_| SignError::NotArmor)?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests;
