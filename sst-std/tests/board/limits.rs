//! Full tables, and floods of garbage: the board says no, and goes on.

use std::time::Duration;

use sst_std::{
    By, CODE_NO_CAPACITY, Code, ConnectError, ReadError, Session, SessionClosed, Stream,
};

use crate::qemu::Board;
use crate::wire::{self, Faults};
use crate::{dial, endpoint, with_board};

/// docs/PROTOCOL.md, transport codes.
const NO_CAPACITY: Code = Code::Transport(12);

/// Has the board say a record again, on a stream that stays open.
async fn say(session: &Session) -> Result<Stream, ReadError> {
    let Ok(mut stream) = session.open_service("echo", "1").await else {
        // There is room for the request, so it is the session that has ended.
        return Err(ReadError::Session(session.closed().await));
    };
    // If the stream is reset already, reading tells.
    let _ = stream.write_record(b"?").await;
    let answer = stream.read_record(1).await?;
    assert_eq!(answer.as_deref(), Some(&b"?"[..]));
    Ok(stream)
}

/// Whether the board has taken the session: it answers, or says why not.
async fn is_served(session: &Session) -> Result<(), SessionClosed> {
    match say(session).await {
        Ok(mut stream) => {
            let _ = stream.finish().await;
            Ok(())
        }
        Err(ReadError::Session(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn one_session_too_many_is_told_so() {
    with_board(async {
        let board = Board::start(Faults::default());
        let mut held = Vec::new();
        let refused = loop {
            let here = endpoint().await;
            // Who dials is ready before the board has looked for room: it says no a moment later.
            let session = match here.connect(&board.url.parse().unwrap()).await {
                Ok(session) => session,
                Err(ConnectError::Refused(why)) => break why,
                Err(other) => panic!("{other:?}"),
            };
            match is_served(&session).await {
                Ok(()) => held.push((here, session)),
                Err(why) => break why,
            }
            assert!(held.len() <= 4, "a board has four sessions");
        };
        assert_eq!(held.len(), 4);
        assert_eq!((refused.by(), refused.code()), (By::Peer, NO_CAPACITY), "{refused}");
        // Those who were there first notice nothing, and a place that comes free is given away.
        crate::faults::echo(&held[0].1, 500).await;
        held.pop().unwrap().1.close(0, "").await;
        // It repeats its CLOSE for a while, and needs the place for that; and so does each refusal,
        // of which it can remember two for ten seconds.
        let (_here, session) = loop {
            let here = endpoint().await;
            let Ok(session) = here.connect(&board.url.parse().unwrap()).await else { continue };
            match is_served(&session).await {
                Ok(()) => break (here, session),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        };
        crate::faults::echo(&session, 500).await;
    });
}

#[test]
fn one_stream_too_many_is_refused() {
    with_board(async {
        let board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        let mut held = Vec::new();
        let code = loop {
            match say(&session).await {
                Ok(stream) => held.push(stream),
                Err(ReadError::Reset(code)) => break code,
                other => panic!("{other:?}"),
            }
            assert!(held.len() <= 16, "a board has sixteen streams");
        };
        assert_eq!(code, CODE_NO_CAPACITY);
        assert_eq!(held.len(), 7, "the share of one session alone");
        // Nobody else notices: each other session has a task that is kept for it.
        let there = endpoint().await;
        let other = dial(&there, &board.url).await;
        crate::faults::echo(&other, 500).await;
        for stream in &mut held {
            stream.write_record(b"!").await.unwrap();
            assert_eq!(stream.read_record(1).await.unwrap().as_deref(), Some(&b"!"[..]));
        }
        held.truncate(3);
        // The board hears of the others' ends when it does.
        while matches!(say(&session).await, Err(ReadError::Reset(CODE_NO_CAPACITY))) {}
        crate::faults::echo(&session, 500).await;
    });
}

#[test]
fn a_flood_of_garbage_leaves_it_answering() {
    with_board(async {
        let board = Board::start(Faults::default());
        let here = endpoint().await;
        let session = dial(&here, &board.url).await;
        let mut random = 77;
        for round in 0_u16..4_000 {
            let mut garbage = [0_u8; 1300];
            garbage.fill_with(|| wire::next(&mut random) as u8);
            let len = (wire::next(&mut random) % 1300) as usize;
            match round % 3 {
                0 => board.wire.inject(round, &garbage[..len]),
                // It looks like the beginning of a negotiation.
                1 => board.wire.inject(round, &[&[0xc1], &garbage[..1199]].concat()),
                _ => board.wire.inject_frame(&garbage[..len.max(60)]),
            }
            if round % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        crate::faults::echo(&session, 2_000).await;
        let other = endpoint().await;
        crate::faults::echo(&dial(&other, &board.url).await, 500).await;
    });
}
