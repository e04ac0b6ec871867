//! A stand-in for a security key, since no machine of a test has one. What it signs is what a real one signs, by OpenSSH's
//! PROTOCOL.u2f; stock `ssh-keygen` judges it as it would judge the device's.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

/// The kind of its keys.
pub const KIND: &str = "sk-ssh-ed25519@openssh.com";
/// The flag of a signature whose user touched it.
pub const TOUCHED: u8 = 1;

/// One key in a security key.
pub struct Device {
    key: SigningKey,
    application: String,
}

impl Device {
    /// A key for an application, always the same for the same seed.
    pub fn new(seed: u8, application: &str) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), application: application.to_owned() }
    }

    /// The public key as OpenSSH writes it in binary.
    pub fn blob(&self) -> Vec<u8> {
        [string(KIND.as_bytes()), string(self.key.verifying_key().as_bytes()), string(self.application.as_bytes())]
            .concat()
    }

    /// The public key on one line, without a comment.
    pub fn public_text(&self) -> String {
        format!("{KIND} {}", Base64::encode_string(&self.blob()))
    }

    /// What it answers when it is to sign some data: the signature as the agent's protocol has it.
    pub fn sign(&self, data: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let message = [
            Sha256::digest(self.application.as_bytes()).as_slice(),
            &[flags],
            &counter.to_be_bytes(),
            Sha256::digest(data).as_slice(),
        ]
        .concat();
        let made = self.key.sign(&message).to_bytes();
        [string(KIND.as_bytes()), string(&made), vec![flags], counter.to_be_bytes().to_vec()].concat()
    }
}

/// Bytes with their length before them.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}
