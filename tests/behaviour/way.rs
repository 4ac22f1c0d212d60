//! The way to WAHA: a CA of one's own, a proxy, and how much of an answer is read.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::content::Content;
use auto_message_scheduler::delivery::Outcome;
use auto_message_scheduler::files::Files;
use auto_message_scheduler::http_client::{HttpClient, Transport, TransportError};
use auto_message_scheduler::waha::{Outgoing, SessionState, Waha};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::site::{Site, stderr};

const WORKING: &str = r#"{"name":"default","status":"WORKING"}"#;
const TIMEOUT: Duration = Duration::from_secs(5);

/// A CA, and a server whose certificate it signed; it says WORKING to everybody.
struct PrivateWaha {
    directory: tempfile::TempDir,
    url: String,
}

impl PrivateWaha {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
        fs::write(directory.path().join("key.pem"), ca_key.serialize_pem()).unwrap();
        fs::write(directory.path().join("ca.der"), ca.der()).unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let issuer = Issuer::from_params(&params, &ca_key);
        let leaf = CertificateParams::new(names).unwrap().signed_by(&leaf_key, &issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut tls =
                    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
                // Who does not trust us hangs up here.
                if read_head(&mut tls).is_some() {
                    let _ = tls.write_all(answer(WORKING).as_bytes());
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                }
            }
        });
        Self { directory, url }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn session(&self, ca_file: Option<&str>) -> SessionState {
        let path = ca_file.map(|name| self.path(name));
        let way = Transport { ca_file: path.as_deref(), proxy: None };
        let client = HttpClient::with_transport(TIMEOUT, &way).unwrap();
        Waha::with_client(&self.url, None, client).session("default")
    }
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn read_head(stream: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

#[test]
fn a_certificate_of_ones_own_ca_is_trusted_with_its_file_and_only_then() {
    let waha = PrivateWaha::start();
    assert!(matches!(waha.session(Some("ca.pem")), SessionState::Working { .. }));
    for ca_file in [None, Some("other.pem")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(waha.path("other.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let SessionState::Held(hold) = waha.session(ca_file) else { panic!("{ca_file:?}") };
        assert!(hold.reason.to_string().contains("cannot be reached"), "{}", hold.reason);
    }
    // A bundle, with text between the certificates and a key beside them, as openssl writes it.
    let bundle = ["other.pem", "key.pem", "ca.pem"].map(|name| {
        format!("subject=CN = {name}\n{}", fs::read_to_string(waha.path(name)).unwrap())
    });
    fs::write(waha.path("bundle.pem"), bundle.concat()).unwrap();
    assert!(matches!(waha.session(Some("bundle.pem")), SessionState::Working { .. }));
}

#[test]
fn a_ca_file_that_is_none_stops_the_start_and_says_what_it_should_be() {
    let waha = PrivateWaha::start();
    fs::write(waha.path("empty.pem"), "").unwrap();
    fs::write(waha.path("cut.pem"), "-----BEGIN CERTIFICATE-----\nMIIB\n").unwrap();
    for name in ["ca.der", "key.pem", "empty.pem", "cut.pem"] {
        let path = waha.path(name);
        let way = Transport { ca_file: Some(&path), proxy: None };
        assert!(
            matches!(HttpClient::with_transport(TIMEOUT, &way), Err(TransportError::NoPem(_))),
            "{name}"
        );
    }
    let site = Site::new();
    for (name, part) in [("ca.der", "openssl x509 -inform der"), ("missing.pem", "No such file")] {
        site.write_settings(&format!("WAHA_CA_FILE={}\n", waha.path(name).display()));
        for command in ["serve", "run"] {
            let output = site.run(&[command]);
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains("WAHA_CA_FILE `") && error.contains(part), "{error}");
        }
    }
}

/// A proxy that notes what it is asked for and relays, or says no with `refusal`.
fn proxy(refusal: Option<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&asked);
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let Some(head) = read_head(&mut client) else { continue };
            notes.lock().unwrap().push(head.clone());
            if let Some(refusal) = refusal {
                let _ = client.write_all(refusal.as_bytes());
                continue;
            }
            let target = head.split(' ').nth(1).unwrap();
            let server = TcpStream::connect(target).unwrap();
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            relay(client.try_clone().unwrap(), server.try_clone().unwrap());
            relay(server, client);
        }
    });
    (address, asked)
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn a_proxy_is_used_when_it_is_set_with_its_password_and_no_other_one() {
    let site = Site::new();
    let (set, asked) = proxy(None);
    let (other, other_asked) = proxy(None);
    site.write_settings(&format!("WAHA_PROXY=http://toko:rah%40sia@{set}\n"));
    site.message("081200007001");
    let mut run = site.command(&["run"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        run.env(name, format!("http://{other}"));
    }
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((site.status().as_str(), site.waha.received().len()), ("sent", 1));
    let asked = asked.lock().unwrap();
    let waha = site.waha.base_url().replace("http://", "");
    assert!(
        !asked.is_empty()
            && asked.iter().all(|head| {
                // Base64 of `toko:rah@sia`.
                head.starts_with(&format!("CONNECT {waha} "))
                    && head.contains("Basic dG9rbzpyYWhAc2lh")
            }),
        "{asked:?}"
    );
    assert!(other_asked.lock().unwrap().is_empty());
}

#[test]
fn every_command_that_asks_waha_asks_through_the_proxy_of_the_settings() {
    let site = Site::new();
    let (set, asked) = proxy(None);
    site.write_settings(&format!("WAHA_PROXY=http://{set}\n"));
    assert!(site.run(&["run"]).status.success());
    let picture = r#"{"kind":"image","url":"https://toko.example/promo.jpg"}"#;
    for command in [
        &["doctor"][..],
        &["message", "add", "Halo", "--to", "081200007001", "--at", "now", "--content", picture],
        &["message", "test-send", "081200007001", "Halo"],
        &["channel", "show", "1"],
    ] {
        asked.lock().unwrap().clear();
        let output = site.run(command);
        assert!(!asked.lock().unwrap().is_empty(), "{command:?}: {}", stderr(&output));
    }
}

#[test]
fn a_doctor_believes_the_ca_of_the_settings_and_names_one_that_is_none() {
    let waha = PrivateWaha::start();
    let site = Site::new();
    let doctor = |ca_file: &str| {
        let ca_file = waha.path(ca_file);
        let (url, ca_file) = (&waha.url, ca_file.display());
        site.write_settings(&format!("WAHA_BASE_URL={url}\nWAHA_CA_FILE={ca_file}\n"));
        String::from_utf8(site.run(&["doctor"]).stdout).unwrap()
    };
    let (good, none) = (doctor("ca.pem"), doctor("missing.pem"));
    // It was heard: that it is no WAHA, who answers WORKING to everything.
    let heard = "what answers there is no WAHA";
    assert!(good.contains(heard), "{good}");
    assert!(none.contains("WAHA_CA_FILE `") && !none.contains(heard), "{none}");
}

#[test]
fn a_proxy_that_lets_nobody_through_makes_nothing_unknown() {
    for refusal in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        "garbage\r\n\r\n",
        "",
    ] {
        let (address, asked) = proxy(Some(refusal));
        let url = format!("http://toko:geheim@{address}");
        let way = Transport { ca_file: None, proxy: Some(&url) };
        let client = HttpClient::with_transport(TIMEOUT, &way).unwrap();
        let waha = Waha::with_client("http://waha:3000", Some("kunci-rahasia".into()), client);
        let outcome = waha.send(&Outgoing {
            session: "default",
            chat_id: "6281200007001@c.us",
            text: "Halo",
            content: &Content::default(),
            files: &Files::beside(Path::new("none.db")),
            config: &Config::default(),
            reserved_id: None,
            auto_message_id: 1,
            delivery_id: 1,
            metadata: None,
        });
        let Outcome::Deferred(hold) = outcome else { panic!("{refusal}: {outcome:?}") };
        assert!(!hold.reason.to_string().contains("geheim"), "{}", hold.reason);
        let asked = asked.lock().unwrap();
        assert!(asked.iter().all(|head| head.starts_with("CONNECT waha:3000 ")), "{asked:?}");
        assert!(asked.iter().all(|head| !head.contains("kunci")), "the key went to the proxy");
    }
}

#[test]
fn of_an_answer_no_more_than_a_mebibyte_is_read_and_the_client_says_so() {
    const MIB: usize = 1024 * 1024;
    for (length, is_whole) in [(MIB - 1, true), (MIB, true), (MIB + 1, false), (64 * MIB, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let flood = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let chunk = vec![b'x'; 64 * 1024];
            let mut left = length;
            while left > 0 {
                let Ok(written) = stream.write(&chunk[..left.min(chunk.len())]) else { break };
                left -= written;
            }
            length - left
        });
        let reply = HttpClient::new(TIMEOUT).get(&url, &[]).unwrap();
        assert_eq!((reply.body.len(), reply.is_whole), (length.min(MIB), is_whole), "{length}");
        // The rest is neither read nor waited for; what was on its way fits into socket buffers.
        assert!(flood.join().unwrap() <= 16 * MIB, "{length}");
    }
}
