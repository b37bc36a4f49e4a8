//! [`Pair`]: two hosts in one thread; packets go from one to the other in batches, as sockets with
//! segmentation offload carry them, and time passes a little with each.

use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::crypto::Rehearsed;
use sst_nostd::{
    Codepoint, Config, Crypto, DatagramOptions, Dial, Duration, Event, Host, Instant, Limits, Open,
    Path, ReadError, SessionHandle, Storage, StreamHandle, Suite,
};

/// What a UDP send carries at most.
const BATCH_LEN: usize = 65_487;
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
    pub packets: u64,
}

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
        Self { hosts, now: Instant::ZERO, batch, buffer, session: None, stream: None, packets: 0 }
    }

    /// A session, and a stream in it.
    pub fn meet(&mut self) -> Option<()> {
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

    /// Sends until `packets` more have gone over.
    pub fn bulk(&mut self, packets: u64) -> Option<()> {
        let [stream, child] = self.stream?;
        let chunk = vec![7; 128 * 1024];
        let until = self.packets + packets;
        while self.packets < until {
            let _ = self.hosts[0].write(self.now, stream, &chunk);
            self.turn();
            loop {
                match self.hosts[1].read(self.now, child, &mut self.buffer) {
                    Ok(0) => return None,
                    Ok(_) => {}
                    Err(ReadError::Blocked) => break,
                    Err(_) => return None,
                }
            }
        }
        Some(())
    }

    pub fn request(&mut self) -> Option<()> {
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let stream = self.hosts[0].open_substream(self.now, here, Open::default()).ok()?;
        self.hosts[0].write(self.now, stream, &[1; 100]).ok()?;
        self.hosts[0].finish(self.now, stream).ok()?;
        self.turn();
        let child = self.hosts[1].accept_substream(self.now, there)?;
        let len = self.hosts[1].read(self.now, child, &mut self.buffer).ok()?;
        self.hosts[1].write(self.now, child, &[2; 1_024]).ok()?;
        self.hosts[1].finish(self.now, child).ok()?;
        self.turn();
        let reply = self.hosts[0].read(self.now, stream, &mut self.buffer).ok()?;
        self.hosts[0].release(self.now, stream);
        self.hosts[1].release(self.now, child);
        (len == 100 && reply == 1_024).then_some(())
    }

    /// A hundred small requests at once, and their replies.
    pub fn burst(&mut self) -> Option<()> {
        const AT_ONCE: usize = 100;
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let mut streams = Vec::with_capacity(AT_ONCE);
        for _ in 0..AT_ONCE {
            let stream = self.hosts[0].open_substream(self.now, here, Open::default()).ok()?;
            self.hosts[0].write(self.now, stream, &[1; 32]).ok()?;
            self.hosts[0].finish(self.now, stream).ok()?;
            streams.push(stream);
        }
        self.turn();
        let mut count = 0;
        while let Some(child) = self.hosts[1].accept_substream(self.now, there) {
            let len = self.hosts[1].read(self.now, child, &mut self.buffer).ok()?;
            self.hosts[1].write(self.now, child, &[2; 32]).ok()?;
            self.hosts[1].finish(self.now, child).ok()?;
            self.hosts[1].release(self.now, child);
            count += usize::from(len == 32);
        }
        self.turn();
        for stream in streams {
            let reply = self.hosts[0].read(self.now, stream, &mut self.buffer).ok()?;
            count += usize::from(reply == 32);
            self.hosts[0].release(self.now, stream);
        }
        (count == 2 * AT_ONCE).then_some(())
    }

    pub fn datagram(&mut self) -> Option<()> {
        let [ours, theirs] = self.session?;
        let (here, there) = (self.hosts[0].root(ours)?, self.hosts[1].root(theirs)?);
        let options = DatagramOptions::default();
        self.hosts[0].send_datagram(self.now, here, &[3; 1_000], options).ok()?;
        self.turn();
        let (len, _) = self.hosts[1].recv_datagram(self.now, there, &mut self.buffer).ok()??;
        (len == 1_000).then_some(())
    }

    pub fn ping_pong(&mut self) -> Option<()> {
        let [stream, child] = self.stream?;
        self.hosts[0].write(self.now, stream, &[4; 64]).ok()?;
        self.turn();
        let there = self.hosts[1].read(self.now, child, &mut self.buffer).ok()?;
        self.hosts[1].write(self.now, child, &[5; 64]).ok()?;
        self.turn();
        let back = self.hosts[0].read(self.now, stream, &mut self.buffer).ok()?;
        (there == 64 && back == 64).then_some(())
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
            self.packets += 1;

            let _ = receiver.handle_packet(self.now, path(from), Codepoint::NotEct, packet);
        }
        true
    }
}

fn path(host: usize) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1 + host as u16)) }
}
