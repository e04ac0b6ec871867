use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64ct::Encoding as _;
use ssh_key::encoding::Encode as _;

use super::*;
use crate::process::Finished;

mod differential;

/// OpenSSH's armor around any bytes: base64 (RFC 4648), 70 columns.
fn armor(blob: &[u8]) -> String {
    wrapped(blob, 70)
}

fn wrapped(blob: &[u8], columns: usize) -> String {
    let mut room = vec![0; blob.len() * 2 + 4];
    let text = base64ct::Base64::encode(blob, &mut room).expect("room enough");
    let lines: Vec<&str> =
        text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

fn signed() -> (String, Vec<u8>) {
    let ours = sign(&Key::generate("test").expect("a key"), b"block").expect("a signature");
    let blob = SshSig::from_pem(&ours).expect("armor").encode_vec().expect("a blob");
    assert_eq!(armor(&blob), ours);
    (ours, blob)
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let (_, blob) = signed();
    for bit in 0..blob.len() * 8 {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&armor(&changed), b"block").is_err(), "bit {bit}");
    }
    for length in 0..blob.len() {
        assert!(verify(&armor(&blob[..length]), b"block").is_err(), "cut to {length} bytes");
    }
    assert!(verify(&armor(&[&blob[..], b"\0"].concat()), b"block").is_err(), "a byte more");
}

fn keygen(argv: &[&str], directory: &Path, stdin: &[u8]) -> Finished {
    let mut spec = Spec::new(std::iter::once("ssh-keygen").chain(argv.iter().copied())).in_dir(directory);
    spec.stdin = stdin.to_vec();
    process::run(&spec).expect("ssh-keygen runs")
}

#[test]
fn stock_ssh_keygen_accepts_ours_and_ours_accepts_its() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let key = Key::generate("builder").expect("a key");
    key.write_new(&at.join("key")).expect("written");
    fs::write(at.join("sig"), sign(&key, b"block\n").expect("a signature")).expect("written");
    fs::write(at.join("allowed"), format!("builder {}\n", key.public_text())).expect("written");
    let check = ["-Y", "verify", "-f", "allowed", "-I", "builder", "-n", NAMESPACE, "-s", "sig"];
    let good = keygen(&check, at, b"block\n");
    assert!(good.ok(), "{}", good.complaint());
    assert!(!keygen(&check, at, b"other\n").ok());

    fs::set_permissions(at.join("key"), fs::Permissions::from_mode(0o600)).expect("chmod");
    for (hash, namespace) in [("sha512", NAMESPACE), ("sha256", NAMESPACE), ("sha512", "file")] {
        fs::write(at.join("message"), "block\n").expect("written");
        let argument = format!("hashalg={hash}");
        let done = keygen(&["-Y", "sign", "-O", &argument, "-f", "key", "-n", namespace, "message"], at, b"");
        assert!(done.ok(), "{}", done.complaint());
        let theirs = fs::read_to_string(at.join("message.sig")).expect("read");
        fs::remove_file(at.join("message.sig")).expect("removed");
        let wanted = if namespace == NAMESPACE {
            Ok(key.public_text())
        } else {
            Err(SignError::Namespace { found: namespace.into() })
        };
        assert_eq!(verify(&theirs, b"block\n"), wanted, "{hash} {namespace}");
    }
    let printed = keygen(&["-l", "-f", "key"], at, b"").text();
    assert!(printed.contains(&public_key::fingerprint(&key.public_text())), "{printed}");
}

fn armor_of(bytes: &[u8]) -> String {
    let key = Key::generate("test").expect("a key");
    sign(&key, bytes).expect("a signature")
}

#[test]
fn a_signature_names_its_key_and_covers_its_bytes() {
    let key = Key::generate("test").expect("a key");
    let armor = sign(&key, b"block").expect("a signature");
    assert_eq!(verify(&armor, b"block"), Ok(key.public_text()));
    assert_eq!(verify(&armor, b"blocK"), Err(SignError::Mismatch));
}

#[test]
fn every_changed_character_is_refused() {
    let armor = armor_of(b"block");
    for at in 0..armor.len() {
        for other in [b'A', b'b', b'\n', b' ', b'='] {
            let mut bytes = armor.clone().into_bytes();
            if bytes[at] == other {
                continue;
            }
            bytes[at] = other;
            let text = String::from_utf8(bytes).expect("text");
            assert!(verify(&text, b"block").is_err(), "byte {at} as {other}");
        }
    }
}

#[test]
fn text_around_the_armor_is_refused() {
    let armor = armor_of(b"block");
    for wrong in [
        format!("{armor}\n"),
        format!("\n{armor}"),
        armor.trim_end().to_owned(),
        format!("{armor}x"),
        armor.replace('\n', "\r\n"),
    ] {
        assert!(verify(&wrong, b"block").is_err(), "{wrong:?}");
    }
}

/// A handle is no key: `ssh-keygen` needs the device to sign with it, and no machine of a test has that one.
#[test]
fn a_security_keys_handle_names_its_key_and_signs_nothing_without_the_device() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key");
    let point =
        ssh_key::public::Ed25519PublicKey(*ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key().as_bytes());
    for (application, usable) in [("ssh:", true), ("https://example.org", false)] {
        let public = ssh_key::public::SkEd25519::new(point, application);
        let handle = ssh_key::private::SkEd25519::new(public, USER_PRESENT, [7; 64]).expect("a handle");
        let data = ssh_key::private::KeypairData::SkEd25519(handle);
        let text = ssh_key::PrivateKey::new(data, "device").expect("a key").to_openssh(LineEnding::LF).expect("text");
        fs::write(&path, text.as_bytes()).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        let loaded = Key::load(&path);
        assert_eq!(loaded.is_ok(), usable, "{application}");
        if let Ok(key) = loaded {
            assert!(key.public_text().starts_with("sk-ssh-ed25519@openssh.com "));
            let error = sign(&key, b"block").expect_err("no device");
            assert!(matches!(&error, SignError::Signing(why) if why.starts_with("ssh-keygen: ")), "{error}");
        }
    }
}
