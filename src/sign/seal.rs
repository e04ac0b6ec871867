//! The one shape of signature that this program writes, read without a general decoder: an SSHSIG blob (PROTOCOL.sshsig of
//! OpenSSH) by an Ed25519 key in our namespace, in armor of 70 columns. Every byte of it is either fixed or one of the three
//! values here, so what is parsed would be written again as the same bytes.

use std::cell::RefCell;
use std::collections::HashMap;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha256, Sha512};

use super::{NAMESPACE, SignError};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "\n-----END SSH SIGNATURE-----\n";
const COLUMNS: usize = 70;
const KIND: &[u8] = b"ssh-ed25519";

/// A parsed signature.
pub(super) struct Seal {
    key: [u8; 32],
    sha512: bool,
    signature: [u8; 64],
}

thread_local! {
    /// Keys that were decoded already, with their text. A phase has a handful.
    static KEYS: RefCell<HashMap<[u8; 32], Option<(VerifyingKey, String)>>> = RefCell::default();
}

impl Seal {
    /// Parses an armor; `None` when it is not exactly of this shape.
    pub(super) fn parse(armor: &str) -> Option<Self> {
        let body = armor.strip_prefix(BEGIN)?.strip_suffix(END)?;
        let mut room = [0; LONGEST];
        let mut blob = Blob(decode(body, &mut room)?);
        blob.fixed(b"SSHSIG\0\0\0\x01")?;
        let mut key = Blob(blob.string()?);
        key.expect(KIND)?;
        let public = key.string()?.try_into().ok()?;
        key.end()?;
        blob.expect(NAMESPACE.as_bytes())?;
        blob.expect(b"")?;
        let sha512 = match blob.string()? {
            b"sha512" => true,
            b"sha256" => false,
            _ => return None,
        };
        let mut made = Blob(blob.string()?);
        made.expect(KIND)?;
        let signature = made.string()?.try_into().ok()?;
        made.end()?;
        blob.end()?;
        Some(Self { key: public, sha512, signature })
    }

    /// Checks it over a block; gives the key's text.
    pub(super) fn verify(&self, block: &[u8]) -> Result<String, SignError> {
        let hash = if self.sha512 { Sha512::digest(block).to_vec() } else { Sha256::digest(block).to_vec() };
        let algorithm: &[u8] = if self.sha512 { b"sha512" } else { b"sha256" };
        let mut message = b"SSHSIG".to_vec();
        for part in [NAMESPACE.as_bytes(), b"", algorithm, &hash] {
            push_string(&mut message, part);
        }
        self.with_key(|key, text| {
            key.verify(&message, &Signature::from_bytes(&self.signature)).map_err(|_| SignError::Mismatch)?;
            Ok(text.to_owned())
        })
    }

    /// The key's text.
    pub(super) fn signer(&self) -> Result<String, SignError> {
        self.with_key(|_, text| Ok(text.to_owned()))
    }

    fn with_key<T>(&self, then: impl FnOnce(&VerifyingKey, &str) -> Result<T, SignError>) -> Result<T, SignError> {
        KEYS.with_borrow_mut(|keys| {
            let known = keys.entry(self.key).or_insert_with(|| {
                let key = VerifyingKey::from_bytes(&self.key).ok()?;
                let mut blob = Vec::new();
                push_string(&mut blob, KIND);
                push_string(&mut blob, &self.key);
                let mut room = [0; LONGEST];
                Some((key, format!("ssh-ed25519 {}", Base64::encode(&blob, &mut room).ok()?)))
            });
            // Bytes that are no point of the curve sign nothing.
            let (key, text) = known.as_ref().ok_or(SignError::Mismatch)?;
            then(key, text)
        })
    }
}

fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is pushed here is a few dozen bytes long.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// Bytes that are read from the front.
struct Blob<'a>(&'a [u8]);

impl<'a> Blob<'a> {
    fn fixed(&mut self, wanted: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(bytes)
    }

    fn expect(&mut self, wanted: &[u8]) -> Option<()> {
        (self.string()? == wanted).then_some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The longest blob that is read here, in bytes: the one of this shape has 188.
const LONGEST: usize = 192;

/// Base64 (RFC 4648 section 4) in lines of exactly 70 letters but for the last, canonical: padded, and no bit set that means
/// nothing. Gives the bytes at the front of `room`.
fn decode<'a>(body: &str, room: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let mut letters = [0; LONGEST / 3 * 4];
    let mut length = 0;
    let mut lines = body.as_bytes().split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let right = if lines.peek().is_some() { line.len() == COLUMNS } else { (1..=COLUMNS).contains(&line.len()) };
        letters.get_mut(length..length + line.len()).filter(|_| right)?.copy_from_slice(line);
        length += line.len();
    }
    Base64::decode(&letters[..length], room).ok()
}
