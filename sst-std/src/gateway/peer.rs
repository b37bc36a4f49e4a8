//! [`Peer`]: one page's connection and the socket to its host, and the packets between the two.
//! Nothing is queued here: what one side does not take is dropped and counted.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::channel::{ChannelData, ChannelId, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcError};
use tokio::net::UdpSocket;
use tokio::time::sleep_until;

use super::answer::DEEP_BYTES;
use super::counts::Counts;
use super::peers::Seat;
use super::settings::MAX_PACKET_BYTES;
use super::ways::Ways;

/// Packets taken from one socket before the other has its turn.
const TURN_PACKETS: usize = 32;
/// No UDP packet is larger.
const BUFFER_BYTES: usize = 65_535;
/// str0m sleeps for very long when it has nothing to do; so long is enough.
const FAR: Duration = Duration::from_secs(3_600);

/// One page and its host.
pub(super) struct Peer {
    rtc: Rtc,
    page: Ways,
    host: UdpSocket,
    channel: Option<ChannelId>,
    carried_at: Instant,
    counts: Arc<Counts>,
}

/// Why a peer ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("it was asked to")]
    Asked,
    #[error("the page closed its channel or connection")]
    Closed,
    #[error("WebRTC: {0}")]
    Faulty(#[from] RtcError),
    #[error("the page is not heard any more")]
    Gone,
    #[error("it carried no packet for long")]
    Idle,
    #[error("no data channel opened in time")]
    NotOpened,
    #[error("its channel retransmits or keeps order, or is the second one")]
    WrongChannel,
}

/// The system's clock.
#[allow(clippy::disallowed_methods, reason = "a face has a clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Peer {
    pub(super) fn new(rtc: Rtc, page: Ways, host: UdpSocket, counts: Arc<Counts>) -> Self {
        Self { rtc, page, host, channel: None, carried_at: now(), counts }
    }

    /// Carries packets until there is a reason to end, and frees `seat`.
    pub(super) async fn run(mut self, mut seat: Seat, setup: Duration, idle: Duration) {
        let why = match self.carry(&mut seat, setup, idle).await {
            Ok(why) | Err(why) => why,
        };
        self.say_goodbye();
        tracing::info!(peer = ?self.page.name(), %why, "a peer ended");
        drop(seat);
    }

    async fn carry(
        &mut self,
        seat: &mut Seat,
        setup: Duration,
        idle: Duration,
    ) -> Result<Ended, Ended> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let due = self.drain()?;
            let patience = if self.channel.is_some() { idle } else { setup };
            let end_at = self.carried_at + patience.min(FAR);
            if end_at <= now() {
                return Ok(if self.channel.is_some() { Ended::Idle } else { Ended::NotOpened });
            }
            tokio::select! {
                () = seat.ended() => return Ok(Ended::Asked),
                ready = self.page.readable() => {
                    ready.map_err(RtcError::from)?;
                    self.take_from_page(&mut buffer)?;
                }
                ready = self.host.readable() => {
                    ready.map_err(RtcError::from)?;
                    self.take_from_host(&mut buffer)?;
                }
                () = sleep_until(due.min(end_at).into()) => {
                    self.rtc.handle_input(Input::Timeout(now()))?;
                }
            }
        }
    }

    /// Packets of WebRTC, from whoever sends them: str0m knows which are the page's.
    fn take_from_page(&mut self, buffer: &mut [u8]) -> Result<(), Ended> {
        for _ in 0..TURN_PACKETS {
            let (len, source, destination) = match self.page.try_recv(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // What an earlier packet met on its way.
                Err(_) => continue,
            };
            let Some(contents) = buffer.get(..len).and_then(|bytes| bytes.try_into().ok()) else {
                continue;
            };
            let receive = Receive { proto: Protocol::Udp, source, destination, contents };
            let input = Input::Receive(now(), receive);
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input)?;
                self.drain()?;
            }
        }
        Ok(())
    }

    /// Sealed packets of the host, into the data channel if it is shallow.
    fn take_from_host(&mut self, buffer: &mut [u8]) -> Result<(), Ended> {
        for _ in 0..TURN_PACKETS {
            let len = match self.host.try_recv(buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The host is not there at the moment. It may come back; the page's SST decides.
                Err(_) => {
                    self.counts.dropped_socket.add(1);
                    continue;
                }
            };
            match buffer.get(..len) {
                Some(packet) if is_carried(packet) => self.carry_to_page(packet)?,
                _ => self.counts.dropped_size.add(1),
            }
        }
        Ok(())
    }

    fn carry_to_page(&mut self, packet: &[u8]) -> Result<(), Ended> {
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else {
            self.counts.dropped_early.add(1);
            return Ok(());
        };
        if channel.buffered_amount() + packet.len() > DEEP_BYTES {
            self.counts.dropped_deep.add(1);
        } else if channel.write(true, packet)? {
            self.counts.to_page_packets.add(1);
            self.counts.to_page_bytes.add(packet.len());
            self.carried_at = now();
        } else {
            self.counts.dropped_deep.add(1);
        }
        self.drain().map(drop)
    }

    fn carry_to_host(&mut self, packet: &[u8]) {
        if !is_carried(packet) {
            self.counts.dropped_size.add(1);
        } else if self.host.try_send(packet).is_ok() {
            self.counts.to_host_packets.add(1);
            self.counts.to_host_bytes.add(packet.len());
            self.carried_at = now();
        } else {
            self.counts.dropped_socket.add(1);
        }
    }

    /// Sends and handles whatever WebRTC has; returns when it wants to be called again.
    fn drain(&mut self) -> Result<Instant, Ended> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(_) if !self.rtc.is_alive() => return Err(Ended::Closed),
                Output::Timeout(at) => return Ok(at.min(now() + FAR)),
                Output::Transmit(packet) => {
                    let (from, to) = (packet.source, packet.destination);
                    if !self.page.try_send(from, to, &packet.contents) {
                        self.counts.dropped_socket.add(1);
                    }
                }
                Output::Event(event) => self.on_event(event)?,
            }
        }
    }

    fn on_event(&mut self, event: Event) -> Result<(), Ended> {
        match event {
            Event::ChannelData(ChannelData { binary: true, data, .. }) => self.carry_to_host(&data),
            Event::ChannelData(_) => self.counts.dropped_size.add(1),
            Event::ChannelOpen(id, _) => self.on_open(id)?,
            Event::ChannelClose(_) => return Err(Ended::Closed),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                return Err(Ended::Gone);
            }
            _ => {}
        }
        Ok(())
    }

    /// SST has its own retransmission and order; under it, those of a channel only do harm.
    fn on_open(&mut self, id: ChannelId) -> Result<(), Ended> {
        let is_right = self.rtc.channel(id).is_some_and(|channel| {
            channel.config().is_some_and(|config| {
                let reliability = Reliability::MaxRetransmits { retransmits: 0 };
                !config.ordered && config.reliability == reliability
            })
        });
        if !is_right || self.channel.is_some() {
            return Err(Ended::WrongChannel);
        }
        self.channel = Some(id);
        self.carried_at = now();
        self.counts.opened.add(1);
        Ok(())
    }

    /// Tells the page that this is the end, as far as that can be said at once.
    fn say_goodbye(&mut self) {
        if self.rtc.close().is_err() {
            return;
        }
        for _ in 0..TURN_PACKETS {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(packet)) => {
                    self.page.try_send(packet.source, packet.destination, &packet.contents);
                }
                Ok(Output::Event(_)) => {}
                Ok(Output::Timeout(_)) | Err(_) => return,
            }
        }
    }
}

/// Whether a packet has a size that is carried.
fn is_carried(packet: &[u8]) -> bool {
    (1..=MAX_PACKET_BYTES).contains(&packet.len())
}
