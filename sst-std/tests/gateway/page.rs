//! What a page does, without a browser: HTTP by hand, and WebRTC by the same library from the
//! other side.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::crypto::from_feature_flags;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig, RtcError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

/// Nothing here takes longer, on the busiest machine, or it hangs; and it is less than the two
/// minutes of silence after which a gateway gives a page up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(100);
/// Messages on their way between a test and its page.
const QUEUE: usize = 1_024;

/// A page with an open data channel. Dropping it closes the page without a word.
pub(crate) struct Page {
    pub(crate) location: String,
    outbound: mpsc::Sender<(bool, Vec<u8>)>,
    inbound: mpsc::Receiver<Vec<u8>>,
    task: tokio::task::JoinHandle<End>,
}

/// How a page's way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side said so.
    Goodbye,
    /// Nothing was heard of it for long.
    Silence,
}

/// An answer of HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A page that has made an offer.
pub(crate) struct Offering {
    rtc: Rtc,
    socket: UdpSocket,
    pending: SdpPendingOffer,
    pub(crate) offer: String,
}

/// The channel that SST wants.
pub(crate) fn right_channel() -> ChannelConfig {
    ChannelConfig {
        label: "sst".into(),
        ordered: false,
        reliability: Reliability::MaxRetransmits { retransmits: 0 },
        ..ChannelConfig::default()
    }
}

impl Offering {
    pub(crate) async fn new(channel: ChannelConfig) -> Self {
        Self::at([127, 0, 0, 1].into(), channel).await
    }

    /// One whose page is at an address of this machine.
    pub(crate) async fn at(ip: IpAddr, channel: ChannelConfig) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.unwrap();
        let crypto = std::sync::Arc::new(from_feature_flags());
        let mut rtc =
            RtcConfig::new().set_crypto_provider(crypto).set_mtu(1_400..=1_500).build(now());
        let candidate = Candidate::host(socket.local_addr().unwrap(), "udp").unwrap();
        rtc.add_local_candidate(candidate).unwrap();
        let mut change = rtc.sdp_api();
        change.add_channel_with_config(channel);
        let (offer, pending) = change.apply().unwrap();
        Self { rtc, socket, pending, offer: offer.to_sdp_string() }
    }

    /// Posts the offer to `path` and goes on with the answer.
    pub(crate) async fn post(self, gateway: SocketAddr, path: &str) -> Result<Page, Answer> {
        let answer = post(gateway, path, &self.offer).await;
        if answer.status != 201 { Err(answer) } else { Ok(self.accept(&answer)) }
    }

    pub(crate) fn accept(mut self, answer: &Answer) -> Page {
        let location = answer.header("location").expect("a Location").to_owned();
        let sdp = SdpAnswer::from_sdp_string(&answer.body).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending, sdp).unwrap();
        let (outbound, from_test) = mpsc::channel(QUEUE);
        let (to_test, inbound) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(self.rtc, self.socket, from_test, to_test));
        Page { location, outbound, inbound, task }
    }
}

impl Page {
    /// A page whose data channel leads through the gateway to the only host.
    pub(crate) async fn open(gateway: SocketAddr) -> Self {
        Offering::new(right_channel()).await.post(gateway, "/sst").await.expect("an answer")
    }

    pub(crate) async fn send(&self, message: &[u8]) {
        self.outbound.send((true, message.to_vec())).await.expect("the page has ended");
    }

    pub(crate) async fn send_text(&self, message: &str) {
        self.outbound.send((false, message.into())).await.expect("the page has ended");
    }

    /// Sends unless there are too many messages on their way.
    pub(crate) fn try_send(&self, message: &[u8]) -> bool {
        self.outbound.try_send((true, message.to_vec())).is_ok()
    }

    /// The next message; `None` once the other side has closed.
    pub(crate) async fn recv(&mut self) -> Option<Vec<u8>> {
        timeout(DEADLINE, self.inbound.recv()).await.expect("no message comes")
    }

    /// The next message, however long that takes.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.inbound.recv().await
    }

    /// Sends `message` until it is answered: the channel may lose it.
    pub(crate) async fn exchange(&mut self, message: &[u8]) -> Vec<u8> {
        self.exchange_if_open(message).await.expect("the channel has closed")
    }

    /// The same; `None` once the channel has closed.
    pub(crate) async fn exchange_if_open(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let mut left = 500;
        loop {
            self.outbound.send((true, message.to_vec())).await.ok()?;
            match timeout(Duration::from_millis(200), self.inbound.recv()).await {
                Ok(answer) => return answer,
                Err(_) => left -= 1,
            }
            assert!(left > 0, "no answer");
        }
    }

    /// Waits for the end, and tells how it came.
    pub(crate) async fn ended(&mut self) -> End {
        while self.recv().await.is_some() {}
        timeout(DEADLINE, &mut self.task).await.expect("no end").unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[allow(clippy::disallowed_methods, reason = "a page has a clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Posts an offer as a page does.
pub(crate) async fn post(gateway: SocketAddr, path: &str, offer: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {gateway}\r\norigin: http://{gateway}\r\nconnection: close\
         \r\ncontent-type: application/sdp\r\ncontent-length: {}\r\n\r\n",
        offer.len()
    );
    raw(gateway, &[head.as_bytes(), offer.as_bytes()].concat()).await
}

/// A request without a body.
pub(crate) async fn request(gateway: SocketAddr, line: &str, headers: &str) -> Answer {
    let text = format!("{line} HTTP/1.1\r\nhost: {gateway}\r\nconnection: close\r\n{headers}\r\n");
    raw(gateway, text.as_bytes()).await
}

/// Writes bytes, and reads until the connection ends.
pub(crate) async fn raw(gateway: SocketAddr, bytes: &[u8]) -> Answer {
    let mut connection = TcpStream::connect(gateway).await.unwrap();
    // A server that answers early may close before it has read all.
    let _ = connection.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, connection.read_to_end(&mut answer)).await.expect("no answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    Answer { status, head: head.into(), body: body.into() }
}

/// The page's side of WebRTC, until either side ends.
async fn run(
    mut rtc: Rtc,
    socket: UdpSocket,
    mut from_test: mpsc::Receiver<(bool, Vec<u8>)>,
    to_test: mpsc::Sender<Vec<u8>>,
) -> End {
    let here = socket.local_addr().unwrap();
    let (mut buffer, mut open) = (vec![0; 2_000], None);
    loop {
        let due = loop {
            let output = match rtc.poll_output() {
                // The gateway has said goodbye while messages of ours still waited to be sent.
                Err(RtcError::Dtls(_)) if open.is_some() => return End::Goodbye,
                output => output.expect("WebRTC of the page"),
            };
            match output {
                Output::Timeout(_) if !rtc.is_alive() => return End::Silence,
                Output::Timeout(at) => break at,
                Output::Transmit(packet) => {
                    let _ = socket.try_send_to(&packet.contents, packet.destination);
                }
                Output::Event(Event::ChannelOpen(id, _)) => open = Some(id),
                Output::Event(Event::Closed | Event::ChannelClose(_)) => return End::Goodbye,
                Output::Event(Event::ChannelData(data)) => {
                    // A test that does not listen loses messages, as on any network.
                    let _ = to_test.try_send(data.data);
                }
                Output::Event(_) => {}
            }
        };
        tokio::select! {
            message = from_test.recv(), if open.is_some() => {
                let Some((is_binary, message)) = message else { return End::Silence };
                if let Some(mut channel) = open.and_then(|id| rtc.channel(id)) {
                    let _ = channel.write(is_binary, &message);
                }
            }
            ready = socket.readable() => {
                ready.unwrap();
                match socket.try_recv_from(&mut buffer) {
                    Ok((len, source)) => {
                        let Ok(contents) = buffer[..len].try_into() else { continue };
                        let proto = Protocol::Udp;
                        let receive = Receive { proto, source, destination: here, contents };
                        rtc.handle_input(Input::Receive(now(), receive)).expect("a packet");
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => panic!("{error}"),
                }
            }
            () = sleep_until(due.into()) => {
                rtc.handle_input(Input::Timeout(now())).expect("a timeout");
            }
        }
    }
}
