//! Public keys as text: kind and base64, OpenSSH's form without its comment. Two kinds are accepted, no others.

/// The kind of a key in a file or an agent.
pub const PLAIN: &str = "ssh-ed25519";
/// The kind of a key that a security key holds and gives to nobody (PROTOCOL.u2f of OpenSSH).
pub const HARDWARE: &str = "sk-ssh-ed25519@openssh.com";
/// How the base64 of one begins: its kind, with the length before it.
const HARDWARE_BODY: &str = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAI";

/// Whether a security key holds it.
pub fn is_hardware(key: &str) -> bool {
    key.split(' ').next() == Some(HARDWARE)
}

/// The key of a line, without its comment; `None` where it does not look like a key of either kind.
pub fn of_line(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (kind, body) = (words.next()?, words.next()?);
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let right = match kind {
        PLAIN => body.len() == 68 && body.starts_with("AAAA"),
        HARDWARE => (96..1024).contains(&body.len()) && body.starts_with(HARDWARE_BODY),
        _ => false,
    };
    (right && body.bytes().all(base64)).then(|| format!("{kind} {body}"))
}
