//! [`Front`]: what a host does with an INIT before it does any work for it.
//!
//! No key agreement, no memory, no answer larger than its cause: a flood of INITs costs one keyed
//! hash each, or two.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::net::SocketAddr;

use crate::crypto::{Crypto, RandomError};
use crate::id::HostId;
use crate::negotiation::check::{CheckKey, write_checked};
use crate::negotiation::cookie::CookieJar;
use crate::negotiation::limits::INITS_PER_SECOND;
use crate::negotiation::load::{CookieMode, Load};
use crate::negotiation::{Dropped, pattern};
use crate::time::Instant;
use crate::wire::negotiation::{
    CHECK_LEN, COOKIE_LEN, Cookie, Init, InitOutline, VERSION, Version,
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

/// How full the caller's table of responders is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// Negotiations under way.
    pub count: usize,
    /// How many there can be.
    pub limit: usize,
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
    answers_strangers: bool,
}

impl Front {
    /// The front of the host `own`.
    ///
    /// # Errors
    /// [`RandomError`] from the environment: cookies need a secret.
    pub fn new(
        crypto: &mut impl Crypto,
        own: &HostId,
        config: FrontConfig,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            to_us: CheckKey::new(Some(own)),
            to_anyone: CheckKey::new(None),
            jar: CookieJar::new(crypto)?,
            load: Load::new(config.cookies, config.inits_per_second),
            answers_strangers: config.answers_strangers,
        })
    }

    /// Looks at an INIT that came from `from`. An answer goes to the front of `out`, which takes
    /// any answer if it is as long as the packet.
    pub fn check_init<'a>(
        &mut self,
        now: Instant,
        packet: &'a [u8],
        from: SocketAddr,
        half_open: HalfOpen,
        out: &mut [u8],
    ) -> Verdict<'a> {
        self.check(now, packet, from, half_open, out).unwrap_or_else(Verdict::Drop)
    }

    fn check<'a>(
        &mut self,
        now: Instant,
        packet: &'a [u8],
        from: SocketAddr,
        half_open: HalfOpen,
        out: &mut [u8],
    ) -> Result<Verdict<'a>, Dropped> {
        let outline = InitOutline::parse(packet)?;
        if outline.version != VERSION {
            return self.write_version(&outline, out).map(Verdict::SendVersion);
        }
        let init = Init::parse(packet)?;
        let is_known = pattern(init.pattern).knows_responder();
        let key = if is_known { self.to_us } else { self.to_anyone };
        if !key.is_init(outline.covered, outline.check) {
            return Err(Dropped::Check);
        }
        if !is_known && !self.answers_strangers {
            return Err(Dropped::PatternRefused);
        }
        let is_cookie_needed = self.load.on_init(now, half_open) || !is_known;
        let ephemeral = init.ephemeral();
        if is_cookie_needed && !self.jar.is_valid(now, from, &ephemeral, &init.cookie) {
            let cookie = self.jar.make(now, from, &ephemeral);
            return write_cookie(key, &init, cookie, out).map(Verdict::SendCookie);
        }
        Ok(Verdict::Accept(init))
    }

    /// An unknown version may mean anything by its pattern, so either key will do.
    fn write_version(&self, outline: &InitOutline<'_>, out: &mut [u8]) -> Result<usize, Dropped> {
        let keys = [self.to_us, self.to_anyone];
        let key = keys.into_iter().find(|key| key.is_init(outline.covered, outline.check));
        let key = key.ok_or(Dropped::Check)?;
        let version =
            Version { channel: outline.channel, versions: &[VERSION], check: [0; CHECK_LEN] };
        let (len, _) = write_checked(
            out,
            |writer| version.encode(writer),
            |covered| key.version(covered, outline.check),
        )?;
        Ok(len)
    }
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
