//! The 64 connections of the guard: who gets a slot when all are taken, and when one is free.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use auto_message_scheduler::http::Limits;

use super::{GOOD, Gate, MS, one_answer, rest, short_limits, status};
use crate::site::{SOON, until};

#[test]
fn whoever_says_nothing_makes_room_for_whoever_asks() {
    let gate = Gate::new(Limits::production(Duration::ZERO));
    let mut silent: Vec<TcpStream> = (0..300).map(|_| gate.connect()).collect();
    // Half of them begin a request and never end it.
    for stream in silent.iter_mut().skip(1).step_by(2) {
        drop(stream.write_all(b"GET / HTTP/1.1\r\n"));
    }
    for _ in 0..10 {
        let began = Instant::now();
        let mut stream = gate.connect();
        stream.write_all(GOOD).unwrap();
        assert_eq!(status(&one_answer(&mut stream)), 200);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    assert_eq!(status(&rest(&mut silent[0])), 503, "the first was pushed out, with a word");
}

#[test]
fn when_all_are_being_served_the_next_one_gets_503_and_those_served_their_answer() {
    let gate = Gate::new(Limits {
        answer_within: Duration::from_secs(10),
        ..Limits::production(Duration::ZERO)
    });
    gate.is_held.store(true, Ordering::SeqCst);
    let mut served: Vec<TcpStream> = (0..64).map(|_| gate.connect()).collect();
    for stream in &mut served {
        stream.write_all(GOOD).unwrap();
    }
    until("all are handed on", || gate.passed.lock().unwrap().len() == 64);
    let began = Instant::now();
    assert_eq!(status(&gate.say(GOOD)), 503);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(status(&gate.say(b"")), 503);
    gate.is_held.store(false, Ordering::SeqCst);
    for stream in &mut served {
        assert_eq!(status(&one_answer(stream)), 200);
    }
}

#[test]
fn beside_many_that_are_served_a_few_silent_ones_make_room_too() {
    let gate = Gate::new(Limits::production(Duration::from_secs(10)));
    let mut silent: Vec<TcpStream> = (0..10).map(|_| gate.connect()).collect();
    gate.is_held.store(true, Ordering::SeqCst);
    let mut served: Vec<TcpStream> = (0..54).map(|_| gate.connect()).collect();
    for stream in &mut served {
        stream.write_all(GOOD).unwrap();
    }
    until("all are handed on", || gate.passed.lock().unwrap().len() == 54);
    let mut newcomer = gate.connect();
    newcomer.write_all(GOOD).unwrap();
    until("the newcomer is handed on", || gate.passed.lock().unwrap().len() == 55);
    gate.is_held.store(false, Ordering::SeqCst);
    assert_eq!(status(&one_answer(&mut newcomer)), 200);
    assert_eq!(status(&rest(&mut silent[0])), 503, "the oldest of them");
}

#[test]
fn a_slot_is_free_as_soon_as_its_client_is_gone() {
    let limits = Limits { half_closed: Duration::from_mins(1), ..short_limits() };
    let gate = Gate::new(Limits { answer_within: Duration::from_mins(1), ..limits });
    gate.is_held.store(true, Ordering::SeqCst);
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let mut served: Vec<TcpStream> = (0..64).map(|_| gate.connect()).collect();
    for stream in &mut served {
        stream.write_all(head.as_bytes()).unwrap();
        stream.peek(&mut [0]).unwrap();
        stream.write_all(b"hi").unwrap();
    }
    until("all are handed on", || gate.passed.lock().unwrap().len() == 64);
    drop(served); // with an unread `100 Continue`, so that each close is a reset
    let mut stream = gate.connect();
    stream.write_all(GOOD).unwrap();
    until("another one is handed on", || gate.passed.lock().unwrap().len() == 65);
    gate.is_held.store(false, Ordering::SeqCst);
    assert_eq!(status(&one_answer(&mut stream)), 200);
}

#[test]
fn a_burst_that_is_served_soon_is_served_whole() {
    let gate = Gate::new(Limits::production(Duration::ZERO));
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let mut stream = gate.connect();
                stream.write_all(GOOD).unwrap();
                assert_eq!(status(&one_answer(&mut stream)), 200);
            });
        }
    });
}

#[test]
fn a_large_body_is_handed_on_as_it_comes_and_one_that_stops_is_408() {
    let gate = Gate::new(short_limits());
    let head = format!(
        "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        1 << 20
    );
    let body = "0123456789abcdef".repeat(1 << 16);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut stream = gate.connect();
                let (one, other) = body.split_at(300_000);
                stream.write_all((head.clone() + one).as_bytes()).unwrap();
                std::thread::sleep(20 * MS);
                stream.write_all(other.as_bytes()).unwrap();
                assert_eq!(status(&rest(&mut stream)), 200);
            });
        }
    });
    let passed = gate.passed();
    assert_eq!(passed.len(), 5);
    assert!(passed.iter().all(|request| request.ends_with(&format!("\r\n\r\n{body}"))));
    let mut stream = gate.connect();
    stream.write_all((head.clone() + "a beginning").as_bytes()).unwrap();
    assert_eq!(status(&rest(&mut stream)), 408);
    let mut stream = gate.connect();
    stream.write_all((head + "a beginning").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(status(&rest(&mut stream)), 400);
}

#[test]
fn one_network_that_holds_every_slot_makes_room_for_another_one() {
    let limits = Limits::production(Duration::from_secs(10));
    let gate = Gate::new(limits);
    gate.is_held.store(true, Ordering::SeqCst);
    let mut served: Vec<TcpStream> = (0..64).map(|_| gate.connect()).collect();
    for stream in &mut served {
        stream.write_all(GOOD).unwrap();
    }
    until("all are handed on", || gate.passed.lock().unwrap().len() == 64);
    let mut newcomer = connect_from([127, 0, 0, 2], gate.address);
    newcomer.write_all(GOOD).unwrap();
    until("the newcomer is handed on", || gate.passed.lock().unwrap().len() == 65);
    gate.is_held.store(false, Ordering::SeqCst);
    assert_eq!(status(&one_answer(&mut newcomer)), 200);
    let statuses: Vec<u16> = served.iter_mut().map(|one| status(&one_answer(one))).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 63, "{statuses:?}");
}

/// A connection from another address of this machine.
fn connect_from(address: [u8; 4], to: std::net::SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.into()
}
