//! Until when a certificate is valid, read out of its bytes: the one field that is needed of it, whose chain TLS has verified.

use chrono::{NaiveDate, NaiveDateTime};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of the version, which a certificate of version 1 does not have.
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity in seconds since 1970; `None` where the bytes are not as RFC 5280 (4.1) has them.
pub fn valid_until(der: &[u8]) -> Option<i64> {
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, mut rest, _) = element(certificate)? else { return None };
    if let Some((VERSION, _, after)) = element(rest) {
        rest = after;
    }
    // Serial number, algorithm of the signature, issuer.
    for wanted in [INTEGER, SEQUENCE, SEQUENCE] {
        let (tag, _, after) = element(rest)?;
        if tag != wanted {
            return None;
        }
        rest = after;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (_, _, after) = element(validity)?;
    let (tag, end, _) = element(after)?;
    moment(tag, std::str::from_utf8(end).ok()?)
}

/// The first element: its tag, its content, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

fn moment(tag: u8, text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (year, rest) = match tag {
        // Two digits of the year: 50 to 99 are of the last century.
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<u32>().ok();
    if rest.len() != 10 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year, part(0)?, part(2)?)?;
    let whole: NaiveDateTime = date.and_hms_opt(part(4)?, part(6)?, part(8)?)?;
    Some(whole.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            short @ 0..=127 => out.push(u8::try_from(short).expect("short")),
            long => out.extend([0x82, u8::try_from(long >> 8).expect("fits"), u8::try_from(long & 255).expect("fits")]),
        }
        out.extend(content);
        out
    }

    fn certificate(version: bool, tag: u8, end: &str) -> Vec<u8> {
        let validity = [der(UTC_TIME, b"240101000000Z"), der(tag, end.as_bytes())].concat();
        let mut inner = if version { der(VERSION, &der(INTEGER, &[2])) } else { Vec::new() };
        inner.extend(der(INTEGER, &[1; 20]));
        inner.extend(der(SEQUENCE, &[]));
        inner.extend(der(SEQUENCE, &[0; 200]));
        inner.extend(der(SEQUENCE, &validity));
        der(SEQUENCE, &der(SEQUENCE, &inner))
    }

    #[test]
    fn the_end_is_read_in_both_forms_and_what_cannot_be_read_is_not_known() {
        assert_eq!(valid_until(&certificate(true, UTC_TIME, "260613053413Z")), Some(1_781_328_853));
        assert_eq!(valid_until(&certificate(false, UTC_TIME, "990101000000Z")), Some(915_148_800));
        assert_eq!(valid_until(&certificate(true, GENERALIZED_TIME, "20500101000000Z")), Some(2_524_608_000));
        for wrong in ["260613053413", "26061305341Z", "261313053413Z", "tomorrow morZ", "2606130534\u{e9}Z"] {
            assert_eq!(valid_until(&certificate(true, UTC_TIME, wrong)), None, "{wrong}");
        }
        let whole = certificate(true, UTC_TIME, "260613053413Z");
        for end in 0..whole.len() {
            assert_eq!(valid_until(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(valid_until(&[0xff; 64]), None);
    }
}
