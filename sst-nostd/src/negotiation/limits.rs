//! The limits of negotiations, each with its reason.

use crate::crypto::TAG_LEN;
use crate::time::Duration;
use crate::wire::negotiation::{CHECK_LEN, INIT_OVERHEAD, MIN_INIT_BYTES, REPLY_OVERHEAD};
use crate::wire::packet::BASE_PACKET_BYTES;
use crate::wire::parameters::MAX_PARAMETERS_LEN;

/// The most that the first handshake message adds to its payload, in bytes: IK's keys and tags.
pub const MAX_FIRST_OVERHEAD: usize = 96;
/// The most that the second handshake message adds to its payload, in bytes: XX's keys and tags.
pub const MAX_SECOND_OVERHEAD: usize = 96;
/// What the third handshake message adds to its payload, in bytes.
pub const THIRD_OVERHEAD: usize = 64;

/// The longest early data, in bytes: an INIT with them is no longer than others.
pub const MAX_EARLY_LEN: usize = 192;
/// What early data need around them: the end of the parameters, and a DATAGRAM frame's head.
pub const EARLY_OVERHEAD: usize = 3;
/// The longest first handshake message that we write, in bytes.
pub const MAX_INIT_NOISE_LEN: usize =
    MAX_FIRST_OVERHEAD + MAX_PARAMETERS_LEN + EARLY_OVERHEAD + MAX_EARLY_LEN;
/// The longest REPLY that we write, in bytes. A responder keeps it until the initiator goes on.
pub const MAX_REPLY_LEN: usize =
    REPLY_OVERHEAD + MAX_SECOND_OVERHEAD + MAX_PARAMETERS_LEN + CHECK_LEN;
/// What a FINISH has before its frames, in bytes: its header and the initiator's sealed key.
pub const FINISH_HEAD_LEN: usize = REPLY_OVERHEAD + THIRD_OVERHEAD - TAG_LEN;
/// The most frames that a FINISH carries, in bytes: no path is known yet to take more.
pub const MAX_FINISH_PAYLOAD_LEN: usize = BASE_PACKET_BYTES - REPLY_OVERHEAD - THIRD_OVERHEAD;

/// How long after the first INIT the second goes out: a second is what people call "at once", and
/// most paths answer in a quarter.
pub const FIRST_RESEND_TIMEOUT: Duration = Duration::from_millis(250);
/// The longest pause between two INITs: a path that loses every third packet is crossed within
/// four seconds. One small packet each half second burdens nobody.
pub const MAX_RESEND_TIMEOUT: Duration = Duration::from_millis(500);
/// The least round trip guessed where several packets went out and one was answered: if it was an
/// earlier one, the path is slower than that. On a path below a second, a guess too low then costs
/// at most five FINISHes that were not needed.
pub const MIN_GUESSED_RTT_MICROS: u64 = 50_000;
/// How long a negotiation may take, at either end: the patience of the one who waits for it.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many COOKIEs an initiator obeys at once on each path: two rotations of the secret and two
/// accidents. Without a limit, a hostile responder could keep us sending; those that come later
/// wait for the timer.
pub const COOKIES_AT_ONCE: u8 = 4;
/// How many paths one call is tried on: the addresses that a name has. A board is told where to
/// call, and by two families at most.
pub const MAX_ROUTES: usize = if cfg!(feature = "large") { 8 } else { 2 };
/// How long after one address of a name the next is tried too, while nobody has answered: the
/// "connection attempt delay" of RFC 8305.
pub const NEXT_ADDRESS_DELAY: Duration = Duration::from_millis(250);

/// How long a cookie secret makes cookies; it is accepted for as long again.
pub const COOKIE_ROTATION: Duration = Duration::from_secs(15);
/// How many INITs per second a host answers unasked, by default: at three agreements each, this is
/// about one hundredth of a desktop's core.
pub const INITS_PER_SECOND: u32 = 64;
/// How many calls a second one source may make when a host is busy, their address proved: what two
/// dozen people behind one address do at most.
pub const CALLS_PER_SECOND: u32 = 20;
/// So many seconds' calls of a source may come at once, one in so many parts of a second: five.
pub const CALLS_BURST_DIVISOR: u32 = 4;
/// How many times as many calls one source may make where nobody else makes any and no half-open
/// negotiation is under way: 320 a second, a twentieth of a desktop's core.
pub const CALLS_GROWTH: u32 = 16;
/// How many packets that claim to go on with one negotiation are tried at once. Such a packet
/// proves nothing before it is opened, which costs an attempt of the cipher; a REPLY to a dial of
/// an address alone, whose check everybody can make who saw the INIT, costs an agreement.
pub const TRIALS_BURST: u32 = 64;
/// After a burst, how far apart they are tried: somebody who saw a dial's packets and sends forged
/// ones costs this host no more than a twentieth of a desktop's core. The true one comes again
/// several times a second.
pub const TRIALS_INTERVAL: Duration = Duration::from_millis(1);
/// How many LOST packets a host sends at once.
pub const LOST_BURST: u32 = 10;
/// After a burst, how far apart LOST packets are: two hosts that reflect each other's come to rest.
pub const LOST_INTERVAL: Duration = Duration::from_millis(20);
/// How far apart LOST packets to one source are: one that asks for all of them leaves the rest of
/// the fifty a second to those whose channels are lost.
pub const LOST_SOURCE_INTERVAL: Duration = Duration::from_secs(1);

const _: () = assert!(INIT_OVERHEAD + MAX_INIT_NOISE_LEN <= MIN_INIT_BYTES, "INITs are equal");
const _: () = assert!(MAX_REPLY_LEN < MIN_INIT_BYTES, "an answer is smaller than its cause");
const _: () = assert!(MAX_REPLY_LEN <= 384, "a half-open row fits a board");
