//! Routes over real TLS, with certificates made here by an authority made here.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike as _, TimeDelta};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::{OK, look};
use crate::model::contract::{Param, Params};
use crate::model::digest::Digest;
use crate::model::observation::Outcome;
use crate::model::time::Time;
use crate::probes::seen::Seen;

const HOST: &str = "app.example.org";

/// An authority, as the file that a contract names.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), issuer.pem()).expect("written");
    Authority { issuer, file }
}

/// A certificate of the host that ends so many days after a moment, at midnight.
fn certificate(authority: &Authority, now: Time, days: i64) -> (CertificateDer<'static>, KeyPair) {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).expect("names");
    let end = now.utc() + TimeDelta::days(days);
    let small = |number: u32| u8::try_from(number).expect("small");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(end.year(), small(end.month()), small(end.day()));
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, &authority.issuer).expect("signed").der().clone(), key)
}

/// A server with these certificates in turn, the last one again and again; its port.
async fn server(certificates: Vec<(CertificateDer<'static>, KeyPair)>) -> u16 {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let acceptor = |(der, key): (CertificateDer<'static>, KeyPair)| {
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![der], key.into());
        TlsAcceptor::from(Arc::new(config.expect("a certificate")))
    };
    let acceptors: Vec<TlsAcceptor> = certificates.into_iter().map(acceptor).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptors[turn.min(acceptors.len() - 1)].clone();
            turn += 1;
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(OK.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}

/// Asks the host at a port, by the name that TLS is asked for.
async fn ask(name: &str, port: u16, authority: &Authority, min_days: i64, now: Time) -> Seen {
    let mut route = super::route(&format!("https://{name}/"), &[("resolve", &format!("127.0.0.1:{port}"))]);
    route.0.insert("min_days".into(), Param::Number(min_days));
    let mut params = Params::default();
    params.0.insert("routes".into(), Param::Tables(vec![route]));
    params.0.insert("ca".into(), Param::Text(authority.file.path().to_string_lossy().into_owned()));
    params.0.insert("consecutive".into(), Param::Number(2));
    params.0.insert("interval".into(), Param::Duration(Duration::from_millis(5)));
    look(&params, Duration::from_secs(20), now).await
}

/// TLS itself goes by the machine's clock, so that the end of a certificate is told from there.
fn now() -> Time {
    let seconds = std::fs::metadata(tempfile::NamedTempFile::new().expect("a file").path()).expect("a file");
    Time::from_utc(seconds.modified().expect("a time").into())
}

#[tokio::test]
async fn the_days_that_a_certificate_has_left_are_held_failed_or_unknown() {
    let (authority, now) = (authority(), now());
    let port = server(vec![certificate(&authority, now, 30)]).await;
    let held = ask(HOST, port, &authority, 29, now).await;
    assert_eq!(held.outcome, Outcome::Held, "{}", held.says);
    let reading = held.readings["answers"]["app"].as_str().unwrap_or_default().to_owned();
    assert!(reading.contains("certificate valid for 29 days") || reading.contains("valid for 30 days"), "{reading}");
    let failed = ask(HOST, port, &authority, 45, now).await;
    assert_eq!(failed.outcome, Outcome::Failed, "{}", failed.says);
    assert!(failed.says.contains("its certificate ends more than 15 days before it may"), "{}", failed.says);
    // A later look at the same certificate: there are fewer days left.
    let later = Time::from_utc(now.utc() + TimeDelta::days(20));
    assert_eq!(ask(HOST, port, &authority, 29, later).await.outcome, Outcome::Failed);
}

#[tokio::test]
async fn the_certificate_s_digest_is_a_fact_and_the_days_are_not() {
    let (authority, now) = (authority(), now());
    let (der, key) = certificate(&authority, now, 30);
    let digest = Digest::of(&der).to_string();
    let port = server(vec![(der, key)]).await;
    let (one, two) = (ask(HOST, port, &authority, 1, now).await, ask(HOST, port, &authority, 20, now).await);
    assert_eq!(one.facts["routes"]["app"]["certificate"].as_str(), Some(digest.as_str()));
    assert_eq!(one.facts, two.facts);
    // Renewed between two answers: which of them it is cannot be said of both.
    let renewed = server(vec![certificate(&authority, now, 30), certificate(&authority, now, 90)]).await;
    let changed = ask(HOST, renewed, &authority, 1, now).await;
    assert!(changed.outcome == Outcome::Failed && changed.says.contains("the certificate changed"), "{}", changed.says);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_never_holds() {
    let (authority, other, now) = (authority(), authority(), now());
    let expired = server(vec![certificate(&authority, now, -3)]).await;
    let of_other = server(vec![certificate(&other, now, 90)]).await;
    let good = server(vec![certificate(&authority, now, 90)]).await;
    for (name, port, word) in
        [(HOST, expired, "xpired"), (HOST, of_other, "BadSignature"), ("other.example.org", good, "not valid for name")]
    {
        let seen = ask(name, port, &authority, 1, now).await;
        assert_eq!(seen.outcome, Outcome::Failed, "{}", seen.says);
        assert!(seen.says.contains("TLS failed") && seen.says.contains(word), "{}", seen.says);
    }
    // What speaks no TLS was reached, and is not what was wanted; an authority that is none lets nothing be asked.
    let plain = super::server(&[OK]).await;
    let seen = ask(HOST, plain, &authority, 1, now).await;
    assert!(seen.outcome == Outcome::Failed && seen.says.contains("TLS failed"), "{}", seen.says);
    std::fs::write(authority.file.path(), "no certificate\n").expect("written");
    let seen = ask(HOST, good, &authority, 1, now).await;
    assert!(seen.outcome == Outcome::Unknown && seen.says.contains("holds no certificate"), "{}", seen.says);
}
