//! Two opinions on one corpus: what this program accepts, stock `ssh-keygen` accepts; what only `ssh-keygen` accepts is named here.

use super::*;

#[path = "../../../tests/support/device.rs"]
mod device;

use device::{Device, string};
use sha2::{Digest as _, Sha512};

/// A place with a key, and what `ssh-keygen` says there.
struct Lab {
    directory: tempfile::TempDir,
    key: Key,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = Key::generate("builder").expect("a key");
        key.write_new(&directory.path().join("key")).expect("written");
        fs::write(directory.path().join("key.pub"), format!("{}\n", key.public_text())).expect("written");
        fs::write(directory.path().join("allowed"), format!("builder {}\n", key.public_text())).expect("written");
        Self { directory, key }
    }

    fn keygen(&self, argv: &[&str], stdin: &[u8]) -> Finished {
        keygen(argv, self.directory.path(), stdin)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).expect("read")
    }

    fn theirs(&self, armor: &str, block: &[u8], more: &[&str]) -> bool {
        fs::write(self.directory.path().join("sig"), armor).expect("written");
        let argv = ["-Y", "verify", "-f", "allowed", "-I", "builder", "-n", NAMESPACE, "-s", "sig"];
        self.keygen(&[&argv, more].concat(), block).ok()
    }

    /// Both opinions: ours, then theirs. Ours never stands alone.
    #[track_caller]
    fn both(&self, what: &str, armor: &str, block: &[u8]) -> (bool, bool) {
        let ours = verify(armor, block).is_ok_and(|signer| signer == self.key.public_text());
        let theirs = self.theirs(armor, block, &[]);
        assert!(theirs || !ours, "only this program accepts: {what}");
        (ours, theirs)
    }

    fn blob(&self) -> Vec<u8> {
        let ours = sign(&self.key, b"block").expect("a signature");
        SshSig::from_pem(&ours).expect("armor").encode_vec().expect("a blob")
    }
}

/// The order of the group, little-endian (RFC 8032 section 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The same signature with the group's order added to S: it says the same in other bytes.
fn malleated(blob: &[u8]) -> Vec<u8> {
    malleated_at(blob, blob.len() - 32)
}

/// The same where S begins at this byte.
fn malleated_at(blob: &[u8], s: usize) -> Vec<u8> {
    let mut changed = blob.to_vec();
    let mut carry = 0;
    for (byte, order) in changed[s..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    changed
}

/// With something in the reserved field, which stands after the namespace.
fn reserved(blob: &[u8]) -> Vec<u8> {
    let namespace = blob.windows(NAMESPACE.len()).position(|bytes| bytes == NAMESPACE.as_bytes()).expect("there");
    let at = namespace + NAMESPACE.len();
    [&blob[..at], &[0, 0, 0, 1, b'x'], &blob[at + 4..]].concat()
}

#[test]
fn whatever_is_flipped_or_stands_over_something_else_both_refuse() {
    let lab = Lab::new();
    let blob = lab.blob();
    assert_eq!(lab.both("as signed", &armor(&blob), b"block"), (true, true));
    assert_eq!(lab.both("another document", &armor(&blob), b"blocK"), (false, false));
    assert_eq!(lab.both("a newline more", &armor(&blob), b"block\n"), (false, false));
    // A process each: every eleventh bit, so that each field and each place in a byte is met. The version's last bit is one that
    // OpenSSH lets pass.
    for bit in (0..blob.len() * 8).step_by(11).chain([79]) {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (ours, theirs) = lab.both(&format!("bit {bit}"), &armor(&changed), b"block");
        assert!(!ours && (!theirs || bit / 8 == 9), "bit {bit}");
    }
    for namespace in ["file", "record@countersign.example", "Record@countersign"] {
        let made = lab.keygen(&["-Y", "sign", "-f", "key", "-n", namespace], b"block");
        assert!(made.ok(), "{}", made.complaint());
        let theirs = String::from_utf8_lossy(&made.stdout).into_owned();
        assert_eq!(lab.both(namespace, &theirs, b"block"), (false, false));
    }
}

#[test]
fn what_only_ssh_keygen_accepts_is_refused() {
    let lab = Lab::new();
    let blob = lab.blob();
    let good = armor(&blob);
    let only_theirs = [
        ("S with the order added", armor(&malleated(&blob))),
        ("wrapped at 64", wrapped(&blob, 64)),
        ("wrapped at 76", wrapped(&blob, 76)),
        ("on one line", wrapped(&blob, 4000)),
        ("a blank line after the armor", format!("{good}\n")),
        ("text after the armor", format!("{good}more\n")),
    ];
    for (what, armor) in &only_theirs {
        assert!(!lab.both(what, armor, b"block").0, "{what}");
    }
    let neither = [
        ("a reserved field", armor(&reserved(&blob))),
        ("text before the armor", format!("more\n{good}")),
        ("cut", armor(&blob[..blob.len() - 1])),
        ("nothing", String::new()),
    ];
    for (what, armor) in &neither {
        assert!(!lab.both(what, armor, b"block").0, "{what}");
    }
    assert!(lab.theirs(&only_theirs[0].1, b"block", &[]), "the malleated signature is one that ssh-keygen accepts");
}

/// A key that is revoked or has run out is not one that a signature can name: such things are said of certificates, which are
/// refused, or beside the signature, where a contract says it by listing the key no more.
#[test]
fn certificates_are_no_keys_whether_they_ran_out_or_not() {
    let lab = Lab::new();
    assert!(lab.keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "ca"], b"").ok());
    for (name, validity) in [("good", "-1d:+1d"), ("expired", "-2d:-1d")] {
        let made = lab.keygen(&["-q", "-s", "ca", "-I", name, "-n", "builder", "-V", validity, "key.pub"], b"");
        assert!(made.ok(), "{}", made.complaint());
        let signed = lab.keygen(&["-Y", "sign", "-f", "key-cert.pub", "-n", NAMESPACE], b"block");
        assert!(signed.ok(), "{}", signed.complaint());
        let armor = String::from_utf8_lossy(&signed.stdout).into_owned();
        assert!(verify(&armor, b"block").is_err(), "{name}");
        assert!(public_key::parse(&lab.read("key-cert.pub")).is_err(), "{name}");
    }
    // `ssh-keygen` knows a revoked key from a list; what the signature says is the same.
    let good = sign(&lab.key, b"block").expect("a signature");
    assert!(lab.theirs(&good, b"block", &[]));
    assert!(!lab.theirs(&good, b"block", &["-r", "key.pub"]));
    assert_eq!(verify(&good, b"block"), Ok(lab.key.public_text()));
}

/// A security key's SSHSIG over a block (PROTOCOL.sshsig), without its armor.
fn sealed(device: &Device, namespace: &str, block: &[u8], flags: u8) -> Vec<u8> {
    let names = [string(namespace.as_bytes()), string(b""), string(b"sha512")].concat();
    let data = [&b"SSHSIG"[..], &names, &string(&Sha512::digest(block))].concat();
    let version = 1_u32.to_be_bytes();
    [&b"SSHSIG"[..], &version, &string(&device.blob()), &names, &string(&device.sign(&data, flags, 7))].concat()
}

#[test]
fn security_keys_are_judged_alike_and_must_have_been_touched() {
    let lab = Lab::new();
    let device = Device::new(1, "ssh:");
    fs::write(lab.directory.path().join("allowed"), format!("builder {}\n", device.public_text())).expect("written");
    let both = |what: &str, blob: &[u8], block: &[u8]| {
        let ours = verify(&armor(blob), block).is_ok_and(|signer| signer == device.public_text());
        let theirs = lab.theirs(&armor(blob), block, &[]);
        assert!(theirs || !ours, "only this program accepts: {what}");
        (ours, theirs)
    };
    let blob = sealed(&device, NAMESPACE, b"block", device::TOUCHED);
    assert_eq!(both("as signed", &blob, b"block"), (true, true));
    assert_eq!(both("touched and verified by a PIN", &sealed(&device, NAMESPACE, b"block", 5), b"block"), (true, true));
    assert_eq!(both("another document", &blob, b"blocK"), (false, false));
    assert_eq!(both("another namespace", &sealed(&device, "file", b"block", 1), b"block"), (false, false));
    for other in [Device::new(2, "ssh:"), Device::new(1, "ssh:other")] {
        assert_eq!(both("another key", &sealed(&other, NAMESPACE, b"block", 1), b"block"), (false, false));
    }
    // The stock verifier leaves it to its caller whether the user was there.
    let absent = sealed(&device, NAMESPACE, b"block", 0);
    assert!(!both("nobody touched it", &absent, b"block").0);
    assert_eq!(verify(&armor(&absent), b"block"), Err(SignError::Absent));
    assert!(!both("verified, and not touched", &sealed(&device, NAMESPACE, b"block", 4), b"block").0);
    assert!(!both("S with the order added", &malleated_at(&blob, blob.len() - 32 - 5), b"block").0);
    assert!(!both("a byte more", &[&blob[..], b"\0"].concat(), b"block").0);
    assert!(!both("a counter that is cut", &blob[..blob.len() - 1], b"block").0);
    for bit in (0..blob.len() * 8).step_by(11).chain([79]) {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (ours, theirs) = both(&format!("bit {bit}"), &changed, b"block");
        assert!(!ours && (!theirs || bit / 8 == 9), "bit {bit}");
    }
}

#[test]
fn a_security_key_for_something_else_than_ssh_is_no_key() {
    let lab = Lab::new();
    let site = Device::new(1, "https://example.org");
    fs::write(lab.directory.path().join("allowed"), format!("builder {}\n", site.public_text())).expect("written");
    let whole = armor(&sealed(&site, NAMESPACE, b"block", device::TOUCHED));
    assert!(matches!(verify(&whole, b"block"), Err(SignError::KeyKind { .. })));
    assert!(matches!(public_key::parse(&site.public_text()), Err(public_key::KeyError::Application(_))));
    let device = Device::new(1, "ssh:builder");
    assert_eq!(public_key::parse(&format!("{} comment", device.public_text())), Ok(device.public_text()));
    // Without looking at what it signed, the key is known by its bytes alone.
    let whole = armor(&sealed(&device, NAMESPACE, b"block", device::TOUCHED));
    assert_eq!(signer(&whole), Ok(device.public_text()));
}
