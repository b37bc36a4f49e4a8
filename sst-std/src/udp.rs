//! [`Socket`]: one UDP socket with segmentation offload, ECN and packet information.
//!
//! Nothing a network does to a socket ends it: a send that fails is a lost packet, a receive that
//! fails is skipped. Only "not now" is passed on, so that the driver waits.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn_udp::{EcnCodepoint, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use sst_nostd::{Codepoint as Ecn, Duration, Instant, Path};
use tracing::{debug, trace};

use crate::addresses::plain;
use crate::watched::{Found, Room, Watched};

/// What is asked of the kernel for each direction; it may give less.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Room for the largest batch the kernel coalesces.
const BUFFER_LEN: usize = 65_536;
/// How many such batches one system call may bring.
const BUFFER_COUNT: usize = 8;
/// Whether a batch with room left in it means that the socket had no more: where one call brings
/// several packets.
const IS_SHORT_LAST: bool = cfg!(any(target_os = "linux", target_os = "android"));
/// Errors skipped in one go before the driver does something else.
const MAX_ERRORS: usize = 16;
/// How long a socket does without segmentation offload after an error that speaks against it; some
/// drivers have none, and others fail once.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest such rest: one batch in vain each minute costs nothing.
const MAX_REST: Duration = Duration::from_secs(64);

/// A bound UDP socket, for sending.
pub(crate) struct Socket {
    io: Arc<Watched>,
    state: UdpSocketState,
    local: SocketAddr,
    rest: Rest,
    room: Room,
}

/// The same socket, for receiving: who waits for packets need not have what sends them.
pub(crate) struct Receiver {
    io: Arc<Watched>,
    state: UdpSocketState,
    local: SocketAddr,
}

/// What became of a packet, or a batch, that was offered to the kernel. It is no longer ours.
#[derive(Debug)]
pub(crate) enum Sent {
    /// At least a part is lost, and this is why.
    Lost(io::Error),
    /// The kernel took it.
    Taken,
    /// The kernel took it, but not from the address that it was to leave from.
    Unsourced,
}

/// One packet, or several of `segment_len` bytes (the last may be shorter), for one address.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) path: Path,
    pub(crate) ecn: Ecn,
    pub(crate) segment_len: Option<usize>,
    pub(crate) bytes: &'a [u8],
}

/// A time without segmentation offload and marks, after an error that may be of the moment.
struct Rest {
    until: Option<Instant>,
    length: Duration,
    is_resting: bool,
}

/// The memory packets arrive in. Pages are used only as far as packets fill them.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    metas: [RecvMeta; BUFFER_COUNT],
    filled: usize,
}

impl Socket {
    /// Binds `address`. With `dual_stack`, an IPv6 socket carries IPv4 too.
    pub(crate) fn bind(address: SocketAddr, dual_stack: bool) -> io::Result<(Self, Receiver)> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6()
            && let Err(error) = raw.set_only_v6(!dual_stack)
        {
            debug!(%error, "no choice about IPv4 on this IPv6 socket");
        }
        raw.set_nonblocking(true)?;
        raw.bind(&address.into())?;
        enlarge_buffers(&raw);
        let state = UdpSocketState::new((&raw).into())?;
        let receiving = UdpSocketState::new((&raw).into())?;
        let local = raw.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        let io = Arc::new(Watched::new(raw)?);
        let receiver = Receiver { io: io.clone(), state: receiving, local };
        let socket = Self { io, state, local, rest: Rest::default(), room: Room::default() };
        Ok((socket, receiver))
    }

    /// Offers a packet, or a batch, to the kernel.
    ///
    /// # Errors
    /// The socket is full: offer it again when the socket is writable.
    pub(crate) fn send(&mut self, now: Instant, outgoing: Outgoing<'_>) -> io::Result<Sent> {
        if self.rest.is_over(now) {
            self.renew();
        }
        let error = match self.try_send(outgoing.bytes, outgoing) {
            Ok(()) => return Ok(Sent::Taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) => error,
        };
        trace!(%error, peer = %outgoing.path.peer, "a packet could not be sent");
        let unnamed = Outgoing { path: Path { local: None, ..outgoing.path }, ..outgoing };
        let is_named = self.source(outgoing.path).is_some() && is_about_source(&error);
        if is_named && self.try_send(outgoing.bytes, unnamed).is_ok() {
            // The error was no reason to do without offload and marks.
            self.renew();
            return Ok(Sent::Unsourced);
        }
        if takes_offload_away(&error) {
            self.rest.begin(now);
        }
        Ok(self.send_singly(error, outgoing).map_or_else(Sent::Lost, |()| Sent::Taken))
    }

    /// Has segmentation offload and marks tried again, which one error turns off.
    fn renew(&mut self) {
        let state = &mut self.state;
        let renewed = self.io.try_send(|io| {
            *state = UdpSocketState::new(io.into())?;
            Ok(())
        });
        if let Err(error) = renewed {
            debug!(%error, "a socket stays without offload");
        }
    }

    /// Offers a packet, or a batch, to the kernel; pending if the socket is full. The task is then
    /// woken when it is worth another try.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        outgoing: Outgoing<'_>,
    ) -> Poll<Sent> {
        for _ in 0..MAX_ERRORS {
            if let Ok(sent) = self.send(now, outgoing) {
                self.room.on_found();
                return Poll::Ready(sent);
            }
            if let Err(error) = ready!(self.room.poll(&self.io, cx)) {
                debug!(%error, "room in a socket cannot be waited for");
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The bound address.
    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// How many packets may go to the kernel at once.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// True if packets for `path` may leave here: the better the match, the larger the number.
    pub(crate) fn fitness(&self, path: Path) -> u8 {
        let ours = self.local.ip();
        if path.local == Some(ours) {
            3
        } else if ours.is_ipv4() == path.peer.is_ipv4() {
            if ours.is_unspecified() { 2 } else { 1 }
        } else {
            u8::from(ours == IpAddr::V6(Ipv6Addr::UNSPECIFIED))
        }
    }

    fn try_send(&self, bytes: &[u8], outgoing: Outgoing<'_>) -> io::Result<()> {
        let destination = self.in_our_family(outgoing.path.peer);
        if destination.port() == 0 {
            // Linux answers EINVAL, which quinn-udp takes for missing segmentation offload.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: codepoint(outgoing.ecn),
            contents: bytes,
            segment_size: outgoing.segment_len.filter(|&len| len < bytes.len()),
            src_ip: self.source(outgoing.path),
        };
        self.io.try_send(|io| self.state.try_send(io.into(), &transmit))
    }

    /// The address of this host's that packets on `path` name as theirs.
    fn source(&self, path: Path) -> Option<IpAddr> {
        path.local.filter(|_| self.local.ip().is_unspecified())
    }

    /// After a packet or a batch failed: the packets one by one, each with one try more. Errors of
    /// the moment (no buffers, a filter that is being changed) would else cost a loss each.
    fn send_singly(&self, error: io::Error, outgoing: Outgoing<'_>) -> io::Result<()> {
        let whole = outgoing.bytes.len();
        let len = outgoing.segment_len.filter(|&len| len > 0 && len < whole).unwrap_or(whole);
        let single = Outgoing { segment_len: None, ..outgoing };
        let send = |packet| self.try_send(packet, single);
        if len == whole {
            return if is_for_good(&error) { Err(error) } else { send(outgoing.bytes) };
        }
        let mut result = Ok(());
        for packet in outgoing.bytes.chunks(len) {
            let sent = send(packet)
                .or_else(|error| if is_for_good(&error) { Err(error) } else { send(packet) });
            result = result.and(sent);
        }
        result
    }

    fn in_our_family(&self, peer: SocketAddr) -> SocketAddr {
        match peer {
            SocketAddr::V4(v4) if self.local.is_ipv6() => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            other => other,
        }
    }
}

impl Receiver {
    /// Receives a batch. Errors are skipped: they say something about one packet or one peer,
    /// never about the socket.
    pub(crate) fn poll_receive(&self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<()> {
        for _ in 0..MAX_ERRORS {
            let received = self.io.poll_receive(cx, |io| {
                self.receive(io.into(), inbox)?;
                let is_last = IS_SHORT_LAST && inbox.filled < BUFFER_COUNT;
                Ok(if is_last { Found::Last } else { Found::Some })
            });
            match ready!(received) {
                Ok(()) => return Poll::Ready(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => trace!(%error, "a receive failed"),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Receives a batch if there is one, whatever is known of the socket.
    pub(crate) fn try_receive(&self, inbox: &mut Inbox) -> bool {
        self.io.try_receive(|io| self.receive(io.into(), inbox)).is_ok()
    }

    fn receive(&self, io: UdpSockRef<'_>, inbox: &mut Inbox) -> io::Result<()> {
        inbox.filled = 0;
        let mut buffers = inbox.bytes.chunks_exact_mut(BUFFER_LEN).map(IoSliceMut::new);
        let mut buffers: [IoSliceMut<'_>; BUFFER_COUNT] =
            std::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        inbox.filled = self.state.recv(io, &mut buffers, &mut inbox.metas)?;
        Ok(())
    }

    fn path_of(&self, meta: &RecvMeta) -> Path {
        let ours = self.local.ip();
        let local = meta.dst_ip.map(|ip| ip.to_canonical());
        let local = local.or((!ours.is_unspecified()).then_some(ours));
        Path { local, peer: plain(meta.addr) }
    }
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let bytes = vec![0; BUFFER_LEN * BUFFER_COUNT].into_boxed_slice();
        Self { bytes, metas: [RecvMeta::default(); BUFFER_COUNT], filled: 0 }
    }

    /// Every packet of the batch, in order, and how many there were.
    pub(crate) fn for_each(
        &mut self,
        socket: &Receiver,
        mut handle: impl FnMut(Path, Ecn, &mut [u8]),
    ) -> usize {
        let mut count = 0;
        let buffers = self.bytes.chunks_exact_mut(BUFFER_LEN);
        for (buffer, meta) in buffers.zip(&self.metas).take(self.filled) {
            let (path, ecn) = (socket.path_of(meta), mark(meta.ecn));
            let Some(bytes) = buffer.get_mut(..meta.len) else { continue };
            for packet in bytes.chunks_mut(meta.stride.max(1)) {
                handle(path, ecn, packet);
                count += 1;
            }
        }
        self.filled = 0;
        count
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self { until: None, length: FIRST_REST, is_resting: false }
    }
}

impl Rest {
    /// Offload failed. The next rest is longer, unless the time between was long.
    fn begin(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until > now) {
            return;
        }
        let was_long_ago = self.until.is_none_or(|until| now.since(until) > self.length * 4);
        self.length = if was_long_ago { FIRST_REST } else { (self.length * 2).min(MAX_REST) };
        self.until = Some(now.after(self.length));
        self.is_resting = true;
    }

    /// True once when it is time to try again.
    fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.is_resting && self.until.is_none_or(|until| until <= now);
        self.is_resting &= !is_over;
        is_over
    }
}

/// Whether another source address may help.
fn is_about_source(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, InvalidInput, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | HostUnreachable | InvalidInput | NetworkUnreachable)
}

/// Whether the same packet at once would have the same error: the route, not the moment.
fn is_for_good(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    let is_too_large = cfg!(unix) && error.raw_os_error() == Some(MESSAGE_SIZE);
    let is_route = matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable);
    is_too_large || is_route
}

/// Whether quinn-udp does without segmentation offload and marks after this error.
fn takes_offload_away(error: &io::Error) -> bool {
    let is_input_or_output = cfg!(unix) && error.raw_os_error() == Some(INPUT_OUTPUT);
    is_input_or_output || error.kind() == io::ErrorKind::InvalidInput
}

#[cfg(unix)]
const MESSAGE_SIZE: i32 = rustix::io::Errno::MSGSIZE.raw_os_error();
#[cfg(unix)]
const INPUT_OUTPUT: i32 = rustix::io::Errno::IO.raw_os_error();
#[cfg(not(unix))]
const MESSAGE_SIZE: i32 = 0;
#[cfg(not(unix))]
const INPUT_OUTPUT: i32 = 0;

fn enlarge_buffers(socket: &RawSocket) {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        // Past the administrator's limit, if we may.
        let forced = sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER_BYTES);
        if forced.is_ok() {
            let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
            return;
        }
    }
    let mut bytes = SOCKET_BUFFER_BYTES;
    while bytes > 65_536 && socket.set_recv_buffer_size(bytes).is_err() {
        bytes /= 2;
    }
    let mut bytes = SOCKET_BUFFER_BYTES;
    while bytes > 65_536 && socket.set_send_buffer_size(bytes).is_err() {
        bytes /= 2;
    }
}

const fn codepoint(ecn: Ecn) -> Option<EcnCodepoint> {
    match ecn {
        Ecn::NotEct => None,
        Ecn::Ect0 => Some(EcnCodepoint::Ect0),
        Ecn::Ect1 => Some(EcnCodepoint::Ect1),
        Ecn::Ce => Some(EcnCodepoint::Ce),
    }
}

const fn mark(codepoint: Option<EcnCodepoint>) -> Ecn {
    match codepoint {
        None => Ecn::NotEct,
        Some(EcnCodepoint::Ect0) => Ecn::Ect0,
        Some(EcnCodepoint::Ect1) => Ecn::Ect1,
        Some(EcnCodepoint::Ce) => Ecn::Ce,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn send(socket: &mut Socket, outgoing: Outgoing<'_>) -> Sent {
        poll_fn(|cx| socket.poll_send(cx, Instant::ZERO, outgoing)).await
    }

    async fn receive(receiver: &Receiver, packets: usize) -> Vec<(Path, Ecn, Vec<u8>)> {
        let (mut inbox, mut received) = (Inbox::new(), Vec::new());
        while received.len() < packets {
            poll_fn(|cx| receiver.poll_receive(cx, &mut inbox)).await;
            inbox.for_each(receiver, |path, ecn, packet| {
                received.push((path, ecn, packet.to_vec()))
            });
        }
        received
    }

    fn loopback() -> (Socket, Receiver) {
        Socket::bind("127.0.0.1:0".parse().unwrap(), false).unwrap()
    }

    #[tokio::test]
    async fn a_batch_arrives_as_its_packets_with_ecn_and_addresses() {
        let ((mut from, _), (to, receiver)) = (loopback(), loopback());
        let bytes: Vec<u8> = (0..25_u32).flat_map(|at| [at as u8; 100]).take(2_450).collect();
        let path = Path { local: None, peer: to.local() };
        let outgoing = Outgoing { path, ecn: Ecn::Ect0, segment_len: Some(100), bytes: &bytes };
        send(&mut from, outgoing).await;
        let received = receive(&receiver, 25).await;
        assert_eq!(received.iter().flat_map(|packet| packet.2.clone()).collect::<Vec<_>>(), bytes);
        for (path, ecn, _) in &received {
            assert_eq!((path.peer, path.local), (from.local(), Some(to.local().ip())));
            assert_eq!(*ecn, Ecn::Ect0);
        }
    }

    #[tokio::test]
    async fn one_socket_carries_both_families() {
        let (mut both, at_both) = Socket::bind("[::]:0".parse().unwrap(), true).unwrap();
        let (mut four, at_four) = loopback();
        let peer = SocketAddr::new("127.0.0.1".parse().unwrap(), both.local().port());
        let path = Path { local: None, peer };
        let outgoing = Outgoing { path, ecn: Ecn::NotEct, segment_len: None, bytes: b"there" };
        send(&mut four, outgoing).await;
        let received = receive(&at_both, 1).await;
        let back = received[0].0;
        assert_eq!(back.peer, four.local(), "IPv4 looks like IPv4");
        send(&mut both, Outgoing { path: back, bytes: b"back", ..outgoing }).await;
        assert_eq!(receive(&at_four, 1).await[0].2, b"back");
    }

    #[tokio::test]
    async fn nothing_the_network_refuses_is_an_error_and_offload_survives() {
        let (mut socket, receiver) = loopback();
        let segments = socket.max_segments();
        let closed = loopback().0.local();
        for peer in ["127.0.0.1:0", "[::1]:9", "255.255.255.255:9", &closed.to_string()] {
            let path = Path { local: None, peer: peer.parse().unwrap() };
            let outgoing = Outgoing { path, ecn: Ecn::Ect0, segment_len: None, bytes: b"x" };
            send(&mut socket, outgoing).await;
        }
        let path = Path { local: None, peer: closed };
        let huge = vec![0; 65_535];
        let outgoing = Outgoing { path, ecn: Ecn::Ect0, segment_len: None, bytes: &huge };
        send(&mut socket, outgoing).await;
        let (mut other, _) = loopback();
        let path = Path { local: None, peer: socket.local() };
        send(&mut other, Outgoing { path, bytes: b"alive", ..outgoing }).await;
        assert_eq!(receive(&receiver, 1).await[0].2, b"alive");
        assert!(socket.max_segments() == segments || segments == 1);
    }

    #[test]
    fn offload_comes_back_after_a_rest_that_grows_while_it_fails() {
        let at = |seconds: u64| Instant::ZERO.after(Duration::from_secs(seconds));
        let mut rest = Rest::default();
        assert!(!rest.is_over(at(0)));
        let (mut now, mut lengths) = (1, vec![]);
        for _ in 0..9 {
            rest.begin(at(now));
            rest.begin(at(now));
            let begun = now;
            while !rest.is_over(at(now)) {
                now += 1;
            }
            assert!(!rest.is_over(at(now)), "it is tried again once");
            lengths.push(now - begun);
        }
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        rest.begin(at(now + 1_000));
        assert!(rest.is_over(at(now + 1_001)));
    }

    #[test]
    fn what_the_moment_refuses_is_tried_again_and_what_the_route_refuses_is_not() {
        use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
        for kind in [AddrNotAvailable, HostUnreachable, NetworkUnreachable] {
            assert!(is_for_good(&kind.into()) && is_about_source(&kind.into()));
        }
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::OutOfMemory] {
            assert!(!is_for_good(&kind.into()) && !is_about_source(&kind.into()));
        }
        assert!(is_for_good(&io::Error::from_raw_os_error(MESSAGE_SIZE)));
        assert!(takes_offload_away(&io::Error::from_raw_os_error(INPUT_OUTPUT)));
    }

    #[test]
    fn packets_leave_by_the_socket_that_fits_best() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let bind = |at: &str, dual| Socket::bind(at.parse().unwrap(), dual).unwrap().0;
        let (four, any) = (bind("127.0.0.1:0", false), bind("[::]:0", true));
        let path = |local: Option<&str>, peer: &str| Path {
            local: local.map(|ip| ip.parse().unwrap()),
            peer: peer.parse().unwrap(),
        };
        let best = |path| if four.fitness(path) >= any.fitness(path) { "four" } else { "any" };
        assert_eq!(best(path(Some("127.0.0.1"), "127.0.0.1:5")), "four");
        assert_eq!(best(path(Some("::1"), "[::1]:5")), "any");
        assert_eq!(best(path(None, "1.2.3.4:5")), "four");
        assert_eq!(best(path(None, "[2001:db8::1]:5")), "any");
    }
}
