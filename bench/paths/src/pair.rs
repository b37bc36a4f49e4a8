//! [`Pair`]: two hosts in one thread; packets go from one to the other in batches, as sockets with
//! segmentation offload carry them, and time passes a little with each.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::crypto::Rehearsed;
use sst_nostd::{
    Codepoint, Config, Crypto, DatagramOptions, Dial, Duration, Event, Host, Instant, Limits, Open,
    Path, ReadError, SessionHandle, Storage, StreamHandle, Suite,
};

use crate::work::{
    AT_ONCE, BATCH_LEN, CHUNK_LEN, Carried, DATAGRAM_LEN, Hosts, MAX_TURNS, PING_LEN, REPLY_LEN,
    REQUEST_LEN,
};

/// Packets of a batch.
const MAX_SEGMENTS: usize = 44;
/// From one batch to the next: 100 µs and full batches are 5 Gbit/s.
const FLIGHT: Duration = Duration::from_micros(100);

pub struct Pair<C: Crypto + 'static> {
    hosts: [Host<'static, Rehearsed<C>>; 2],
    now: Instant,
    batch: Vec<u8>,
    buffer: Vec<u8>,
    session: Option<[SessionHandle; 2]>,
    stream: Option<[StreamHandle; 2]>,
    carried: Carried,
}

/// A message of which so many bytes were read.
type Incoming = (StreamHandle, usize);

impl<C: Crypto + 'static> Pair<C> {
    pub fn new(crypto: [C; 2], suite: Suite) -> Self {
        let mut number = 0;
        let hosts = crypto.map(|crypto| {
            number += 1;
            let mut config = Config::large([number; 32]);
            config.cookies = sst_nostd::CookieMode::Never;
            config.first_packet_wait = Duration::ZERO;
            let storage = Storage::owned(&Limits::of(64, 4_096, 64 << 20));
            let crypto = Rehearsed::new(crypto).preferring(suite);
            Host::new(config, storage, crypto, Instant::ZERO).expect("a legal configuration")
        });
        let (batch, buffer) = (vec![0; BATCH_LEN], vec![0; 256 * 1024]);
        let (now, carried) = (Instant::ZERO, Carried::default());
        Self { hosts, now, batch, buffer, session: None, stream: None, carried }
    }

    /// The end of it.
    pub fn part(&mut self) -> Option<()> {
        let [ours, theirs] = self.session.take()?;
        let [stream, child] = self.stream.take()?;
        self.hosts[0].release(self.now, stream);
        self.hosts[1].release(self.now, child);
        self.hosts[0].close(self.now, ours, 0, "").ok()?;
        self.settle();
        self.hosts[0].release_session(self.now, ours);
        self.hosts[1].release_session(self.now, theirs);
        // What is closed is remembered for a while.
        self.now = self.now.after(Duration::from_secs(5));
        self.settle();
        Some(())
    }

    /// What both have to say now goes over; due timers ring.
    fn turn(&mut self) {
        for from in [0, 1] {
            while self.carry(from) {}
        }
        self.now = self.now.after(FLIGHT);
        for host in &mut self.hosts {
            if host.poll_timeout().is_some_and(|at| at <= self.now) {
                host.handle_timeout(self.now);
            }
            while let Some(event) = host.poll_event() {
                let _: Event = event;
            }
        }
    }

    /// As many turns as a negotiation takes, or an end.
    fn settle(&mut self) {
        for _ in 0..8 {
            self.turn();
        }
    }

    /// One batch from `from` to the other.
    fn carry(&mut self, from: usize) -> bool {
        let (ours, theirs) = self.hosts.split_at_mut(1);
        let (sender, receiver) =
            if from == 0 { (&mut ours[0], &mut theirs[0]) } else { (&mut theirs[0], &mut ours[0]) };
        let Some(sent) = sender.poll_transmit(self.now, &mut self.batch, MAX_SEGMENTS) else {
            return false;
        };
        let segment_len = sent.segment_len.unwrap_or(sent.len).max(1);
        for packet in self.batch[..sent.len].chunks_mut(segment_len) {
            self.carried.packets += 1;
            let _ = receiver.handle_packet(self.now, path(from), Codepoint::NotEct, packet);
        }
        true
    }

    /// Reads the first of `streams` that are at their ends, and takes them off.
    fn read_ended(&mut self, host: usize, streams: &mut VecDeque<Incoming>) -> Vec<Incoming> {
        let mut ended = Vec::new();
        while let Some((stream, len)) = streams.front_mut() {
            let Ok(read) = self.hosts[host].read_on(self.now, *stream, &mut self.buffer) else {
                break;
            };
            *len += read.len;
            if read.finished {
                ended.extend(streams.pop_front());
            }
        }
        ended
    }

    /// Replies to what came whole.
    fn reply(&mut self, requests: Vec<Incoming>) -> Option<()> {
        for (child, len) in requests {
            self.hosts[1].write_last(self.now, child, &[2; REPLY_LEN]).ok()?;
            self.hosts[1].release(self.now, child);
            if len != REQUEST_LEN {
                return None;
            }
        }
        Some(())
    }
}

impl<C: Crypto + 'static> Hosts for Pair<C> {
    fn meet(&mut self) -> Option<()> {
        let dial = Dial::new(path(1), Some(self.hosts[1].id()));
        let ours = self.hosts[0].connect(self.now, dial).ok()?;
        self.settle();
        let theirs = self.hosts[1].session_with(&self.hosts[0].id())?;
        self.session = Some([ours, theirs]);
        let roots = [self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?];
        self.hosts[1].listen(self.now, roots[1], 256).ok()?;
        self.settle();
        let stream = self.hosts[0].open_substream(self.now, roots[0], Open::default()).ok()?;
        self.settle();
        let child = self.hosts[1].accept_substream(self.now, roots[1])?;
        self.stream = Some([stream, child]);
        Some(())
    }

    fn bulk(&mut self, packets: u64) -> Option<()> {
        let [stream, child] = self.stream?;
        let chunk = vec![7; CHUNK_LEN];
        let until = self.carried.packets + packets;
        while self.carried.packets < until {
            let _ = self.hosts[0].write(self.now, stream, &chunk);
            self.turn();
            loop {
                match self.hosts[1].read(self.now, child, &mut self.buffer) {
                    Ok(0) => return None,
                    Ok(len) => self.carried.bytes += len as u64,
                    Err(ReadError::Blocked) => break,
                    Err(_) => return None,
                }
            }
        }
        Some(())
    }

    fn request(&mut self) -> Option<()> {
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let stream = self.hosts[0].open_substream(self.now, here, Open::default()).ok()?;
        self.hosts[0].write_last(self.now, stream, &[1; REQUEST_LEN]).ok()?;
        self.turn();
        let child = self.hosts[1].accept_substream(self.now, there)?;
        let len = self.hosts[1].read(self.now, child, &mut self.buffer).ok()?;
        self.hosts[1].write_last(self.now, child, &[2; REPLY_LEN]).ok()?;
        self.turn();
        let reply = self.hosts[0].read(self.now, stream, &mut self.buffer).ok()?;
        self.hosts[0].release(self.now, stream);
        self.hosts[1].release(self.now, child);
        (len == REQUEST_LEN && reply == REPLY_LEN).then_some(())
    }

    fn requests(&mut self) -> Option<()> {
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let (mut waiting, mut serving) = (VecDeque::with_capacity(AT_ONCE), VecDeque::new());
        for _ in 0..AT_ONCE {
            let stream = self.hosts[0].open_substream(self.now, here, Open::default()).ok()?;
            self.hosts[0].write_last(self.now, stream, &[1; REQUEST_LEN]).ok()?;
            waiting.push_back((stream, 0));
        }
        for _ in 0..MAX_TURNS {
            self.turn();
            while let Some(child) = self.hosts[1].accept_substream(self.now, there) {
                serving.push_back((child, 0));
            }
            let requests = self.read_ended(1, &mut serving);
            self.reply(requests)?;
            for (stream, len) in self.read_ended(0, &mut waiting) {
                self.hosts[0].release(self.now, stream);
                if len != REPLY_LEN {
                    return None;
                }
            }
            if waiting.is_empty() {
                return Some(());
            }
        }
        None
    }

    fn datagram(&mut self) -> Option<()> {
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let options = DatagramOptions::default();
        self.hosts[0].send_datagram(self.now, here, &[3; DATAGRAM_LEN], options).ok()?;
        self.turn();
        let (len, _) = self.hosts[1].recv_datagram(self.now, there, &mut self.buffer).ok()??;
        (len == DATAGRAM_LEN).then_some(())
    }

    fn ping_pong(&mut self) -> Option<()> {
        let [stream, child] = self.stream?;
        self.hosts[0].write(self.now, stream, &[4; PING_LEN]).ok()?;
        self.turn();
        let there = self.hosts[1].read(self.now, child, &mut self.buffer).ok()?;
        self.hosts[1].write(self.now, child, &[5; PING_LEN]).ok()?;
        self.turn();
        let back = self.hosts[0].read(self.now, stream, &mut self.buffer).ok()?;
        (there == PING_LEN && back == PING_LEN).then_some(())
    }

    fn carried(&self) -> Carried {
        self.carried
    }
}

fn path(host: usize) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1 + host as u16)) }
}
