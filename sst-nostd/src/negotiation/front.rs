//! [`Front`]: what a host does with an INIT before it does any work for it.
//!
//! No key agreement, no memory for the sender, no answer as large as its cause: a wrong INIT costs
//! one keyed hash. Source: `docs/PROTOCOL.md` sections 5.4, 5.5 and 5.8.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::net::SocketAddr;

use crate::crypto::{Crypto, RandomError};
use crate::id::HostId;
use crate::negotiation::check::{CheckKey, write_checked};
use crate::negotiation::cookie::CookieJar;
use crate::negotiation::limits::{CALLS_BURST_DIVISOR, CALLS_PER_SECOND, INITS_PER_SECOND};
use crate::negotiation::load::{CookieMode, HalfOpen, Load};
use crate::negotiation::source::Sources;
use crate::negotiation::{Dropped, pattern};
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{
    CHECK_LEN, COOKIE_LEN, Cookie, Init, InitOutline, PatternNumber, VERSION, Version,
};

/// How a host meets calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontConfig {
    /// When to ask for a cookie.
    pub cookies: CookieMode,
    /// In [`CookieMode::Auto`]: how many calls per second need none.
    pub inits_per_second: u32,
    /// Whether to answer initiators that do not know whom they call (XX). Anyone who finds the
    /// address then learns who this host is.
    pub answers_strangers: bool,
}

impl Default for FrontConfig {
    fn default() -> Self {
        Self {
            cookies: CookieMode::Auto,
            inits_per_second: INITS_PER_SECOND,
            answers_strangers: false,
        }
    }
}

/// What to do with an INIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Answer it: with the REPLY of the [`Responder`](super::Responder) that has answered it
    /// before, or with a new one.
    Accept(Init<'a>),
    /// Ignore it.
    Drop(Dropped),
    /// Send so many bytes of the buffer back: a COOKIE.
    SendCookie(usize),
    /// Send so many bytes of the buffer back: a VERSION.
    SendVersion(usize),
}

/// Meets the INITs of one host.
#[derive(Debug)]
pub struct Front {
    to_us: CheckKey,
    to_anyone: CheckKey,
    jar: CookieJar,
    load: Load,
    sources: Sources,
    answers_strangers: bool,
}

impl Front {
    /// The front of the host `own`.
    ///
    /// # Errors
    /// [`RandomError`] from the environment: sources are counted by a secret.
    pub fn new(
        crypto: &mut impl Crypto,
        own: &HostId,
        config: FrontConfig,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            to_us: CheckKey::new(Some(own)),
            to_anyone: CheckKey::new(None),
            jar: CookieJar::new(),
            load: Load::new(config.cookies, config.inits_per_second),
            sources: Sources::new(crypto)?,
            answers_strangers: config.answers_strangers,
        })
    }

    /// Looks at an INIT that came from `from`. An answer goes to the front of `out`, which takes
    /// any answer if it is as long as the packet. `crypto` is for the secrets of cookies.
    pub fn check_init<'a>(
        &mut self,
        crypto: &mut impl Crypto,
        now: Instant,
        packet: &'a [u8],
        from: SocketAddr,
        half_open: HalfOpen,
        out: &mut [u8],
    ) -> Verdict<'a> {
        let verdict = self.check_packet(packet, out).and_then(|checked| match checked {
            Checked::Version(len) => Ok(Verdict::SendVersion(len)),
            Checked::Init(init, key) => {
                let must_prove = self.load.on_init(now, half_open) || is_to_anyone(&init);
                if must_prove && !self.has_proof(now, &init, from, half_open)? {
                    let cookie = self.jar.make(crypto, now, from, &init.ephemeral());
                    let cookie = cookie.map_err(|_| Dropped::Random)?;
                    return write_cookie(key, &init, cookie, out).map(Verdict::SendCookie);
                }
                self.load.on_accepted(now);
                Ok(Verdict::Accept(init))
            }
        });
        verdict.unwrap_or_else(Verdict::Drop)
    }

    /// Everything that the packet alone can show, the check first.
    fn check_packet<'a>(&self, packet: &'a [u8], out: &mut [u8]) -> Result<Checked<'a>, Dropped> {
        let outline = InitOutline::parse(packet)?;
        let to_anyone = outline.pattern == PatternNumber::Xx as u8;
        let key = if to_anyone { self.to_anyone } else { self.to_us };
        if !key.is_init(outline.covered, outline.check) {
            return Err(Dropped::Check);
        }
        // A host that does not serve strangers is silent to them, whatever version they speak.
        if to_anyone && !self.answers_strangers {
            return Err(Dropped::PatternRefused);
        }
        if outline.version != VERSION {
            return write_version(key, &outline, out).map(Checked::Version);
        }
        Ok(Checked::Init(Init::parse(packet)?, key))
    }

    /// True if the initiator has shown that it receives at `from`.
    fn has_proof(
        &mut self,
        now: Instant,
        init: &Init<'_>,
        from: SocketAddr,
        half_open: HalfOpen,
    ) -> Result<bool, Dropped> {
        if !self.jar.is_valid(now, from, &init.ephemeral(), &init.cookie) {
            return Ok(false);
        }
        let per_second = CALLS_PER_SECOND.saturating_mul(self.load.headroom(now, half_open));
        let burst = per_second.checked_div(CALLS_BURST_DIVISOR).unwrap_or(1);
        let interval = SECOND.checked_div(per_second).unwrap_or(SECOND);
        let is_allowed = self.sources.is_allowed(now, from.ip(), burst, interval);
        if is_allowed { Ok(true) } else { Err(Dropped::TooMany) }
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// An INIT whose check is right.
enum Checked<'a> {
    Init(Init<'a>, CheckKey),
    /// Of another version; the answer has this length.
    Version(usize),
}

fn is_to_anyone(init: &Init<'_>) -> bool {
    !pattern(init.pattern).knows_responder()
}

fn write_version(
    key: CheckKey,
    outline: &InitOutline<'_>,
    out: &mut [u8],
) -> Result<usize, Dropped> {
    let versions = &[VERSION];
    let version = Version { channel: outline.channel, versions, check: [0; CHECK_LEN] };
    let (len, _) = write_checked(
        out,
        |writer| version.encode(writer),
        |covered| key.version(covered, outline.check),
    )?;
    Ok(len)
}

fn write_cookie(
    key: CheckKey,
    init: &Init<'_>,
    cookie: [u8; COOKIE_LEN],
    out: &mut [u8],
) -> Result<usize, Dropped> {
    let cookie = Cookie { channel: init.channel, cookie, check: [0; CHECK_LEN] };
    let (len, _) = write_checked(
        out,
        |writer| cookie.encode(writer),
        |covered| key.cookie(covered, &init.check),
    )?;
    Ok(len)
}
