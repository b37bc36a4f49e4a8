//! A clean wire: what the board offers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sst_std::{CODE_PROTOCOL_UNKNOWN, CODE_SERVICE_UNKNOWN, OpenOptions, ReadError, Session};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::qemu::Board;
use crate::wire::Faults;
use crate::{dial, endpoint, with_board};

/// How deep the board's stack may ever have been: docs/BOARD.md says why so deep.
const MAX_STACK_BYTES: u32 = 10 * 1024;

/// The `sst` command, with a home of its own; what it said.
fn sst(home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sst"));
    command.args(arguments).env("XDG_CONFIG_HOME", home).current_dir(home);
    let output = command.output().unwrap();
    let [said, complaint] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{arguments:?}: {complaint} {said}");
    said
}

#[test]
fn the_command_pings_it_and_gets_its_files() {
    with_board(async {
        let board = Board::start(Faults::default());
        let home = tempfile::tempdir().unwrap();
        let said = sst(home.path(), &["ping", "-c", "5", "-i", "10", &board.url]);
        assert!(said.contains("5 sent, 0 lost"), "{said}");
        // A datagram that takes seconds counts as lost: on a busy machine there are more tries.
        let ping = ["ping", "-c", "5", "-i", "10", "-s", "900", "--datagram", &board.url];
        let is_whole = |_| sst(home.path(), &ping).contains("5 sent, 0 lost");
        assert!((0..10).any(is_whole), "datagrams are lost each time");
        let read =
            |name: &str| std::fs::read_to_string(home.path().join("copy").join(name)).unwrap();
        for _ in 0..2 {
            // The second time the log has grown, and the rest is fetched.
            sst(home.path(), &["get", &board.url, "-o", "copy"]);
            assert!(read("about.txt").starts_with("A microcontroller speaks"));
            assert!(read("log.txt").contains("started"));
        }
        assert!(read("log.txt").matches("session over").count() >= 2, "{}", read("log.txt"));
        let state = read("state.txt");
        let stack = state.strip_prefix("stack ").and_then(|rest| rest.lines().next()).unwrap();
        assert!(stack.parse::<u32>().unwrap() <= MAX_STACK_BYTES, "{state}");
    });
}

#[test]
fn it_holds_the_shared_conversations() {
    with_board(async {
        let board = Board::start(Faults::default());
        let home = tempfile::tempdir().unwrap();
        sst(home.path(), &["scenarios", "run", "--small", &board.url]);
    });
}

#[test]
fn it_lists_its_services_and_refuses_others() {
    with_board(async {
        let board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        let offers = session.list_services().await.unwrap();
        let names: Vec<&str> = offers.iter().map(|offer| offer.service.as_str()).collect();
        for name in ["control", "echo", "files", "sensor"] {
            assert!(names.contains(&name), "{names:?}");
        }
        for (name, protocol, code) in
            [("tea", "1", CODE_SERVICE_UNKNOWN), ("echo", "2", CODE_PROTOCOL_UNKNOWN)]
        {
            let mut stream = session.open_service(name, protocol).await.unwrap();
            match stream.read_record(100).await {
                Err(ReadError::Reset(answer)) => assert_eq!(answer, code),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(session.close(7, "enough").await.reason(), "enough");
    });
}

#[test]
fn long_records_and_bytes_come_back() {
    with_board(async {
        let board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        crate::faults::echo(&session, 20_000).await;
    });
}

#[test]
fn readings_pass_the_log() {
    with_board(async {
        let board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        let mut found = Vec::new();
        // The wire loses nothing, but a slow machine lets a reading grow too old: then again, with
        // readings that live longer.
        for period_millis in [10, 40, 160, 640] {
            let (readings, logs) = sense(&session, period_millis).await;
            assert_eq!(logs, 1);
            found.push(readings);
            if readings >= 15 {
                return;
            }
        }
        panic!("of 20 readings each time, {found:?} came");
    });
}

/// Asks for 20 readings, which live for two periods; how many came, and how many logs.
async fn sense(session: &Session, period_millis: u32) -> (u32, u32) {
    let mut stream = session.open_service("sensor", "1").await.unwrap();
    let wish = [period_millis.to_be_bytes(), 20_u32.to_be_bytes()].concat();
    stream.write_record(&wish).await.unwrap();
    let mut children = stream.listen(2);
    let mut found = (0, 0);
    let patience = Duration::from_millis(500 + 3 * u64::from(period_millis));
    for _ in 0..2 {
        let mut child = children.accept().await.unwrap();
        match child.read_record(100).await.unwrap().unwrap().as_slice() {
            b"readings" => {
                assert_eq!(child.priority(), Some(16));
                while let Ok(Ok(reading)) = timeout(patience, child.recv_datagram()).await {
                    let value = i32::from_be_bytes(reading[8..12].try_into().unwrap());
                    assert!((20_000..=21_000).contains(&value), "{value}");
                    found.0 += 1;
                }
            }
            b"log" => {
                let mut log = String::new();
                child.read_to_string(&mut log).await.unwrap();
                assert!(log.contains("started"), "{log}");
                found.1 += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    found
}

#[test]
fn substreams_switch_its_light_and_have_it_dial() {
    with_board(async {
        let mut board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        let control = session.open_service("control", "1").await.unwrap();
        let mut led = control.open_substream(OpenOptions::new()).await.unwrap();
        led.write_record(b"led").await.unwrap();
        for (wish, answer) in
            [("?", "off"), ("on", "on"), ("toggle", "off"), ("toggle", "on"), ("dim", "what?")]
        {
            led.write_record(wish.as_bytes()).await.unwrap();
            assert_eq!(led.read_record(10).await.unwrap().as_deref(), Some(answer.as_bytes()));
        }
        board.wait_for("led on");

        let there = endpoint().await;
        let wish = format!("10.0.2.2:{} {}", there.local_addrs()[0].port(), there.id());
        let mut dialler = control.open_substream(OpenOptions::new()).await.unwrap();
        dialler.write_record(b"dial").await.unwrap();
        dialler.write_record(wish.as_bytes()).await.unwrap();
        let session = there.accept().await.unwrap();
        let mut requests = session.offer_services(vec![sst_std::Offer::new("echo", "1", "")]);
        let mut stream = requests.accept().await.unwrap().into_stream();
        let record = stream.read_record(100).await.unwrap().unwrap();
        stream.write_record(&record).await.unwrap();
        assert_eq!(dialler.read_record(20).await.unwrap().as_deref(), Some(&b"ok"[..]));
    });
}
