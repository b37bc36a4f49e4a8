//! [`Routes`]: the paths that one call is tried on, each with a timer and cookies of its own.
//!
//! Whoever sees an INIT can forge COOKIEs for it, and be faster than the peer. Therefore none is
//! believed for good: the first few of a path are obeyed at once, and after that the INITs that the
//! timer sends carry the newest cookie, another of those that came since the last INIT, and none,
//! in turn. Which other is left to chance, so that forged ones, however they are timed, can make
//! the true one unlikely but never keep it out: beside k of them it is one in k. A COOKIE is known
//! by the INIT it answers: the one sent last on its path, or the one without a cookie, which is the
//! same on every path and each time. Source: `docs/PROTOCOL.md` section 5.5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::net::SocketAddr;

use crate::bytes::Full;
use crate::crypto::{KEY_LEN, kdf};
use crate::negotiation::limits::{
    COOKIES_AT_ONCE, FIRST_RESEND_TIMEOUT, MAX_RESEND_TIMEOUT, MAX_ROUTES,
};
use crate::path::Path;
use crate::time::{Duration, Instant, micros};
use crate::wire::negotiation::{CHECK_LEN, COOKIE_LEN};

/// What stands in an INIT that carries no cookie.
const NO_COOKIE: [u8; COOKIE_LEN] = [0; COOKIE_LEN];

/// The turn in which an INIT carries no cookie, though there are two.
const LAST_TURN: u8 = 2;

/// One path that a call is tried on.
#[derive(Debug)]
pub(super) struct Route {
    path: Path,
    /// The newest, and one by chance of the others that came since the last INIT; [`NO_COOKIE`]
    /// where there was none.
    cookies: [[u8; COOKIE_LEN]; 2],
    /// How many came since the last INIT.
    since_init: u32,
    /// How many of them came.
    cookie_count: u8,
    /// Which of the two, or none, the next INIT carries.
    turn: u8,
    /// Of the INIT sent last.
    check: Option<[u8; CHECK_LEN]>,
    /// An INIT is to go out.
    is_due: bool,
    /// An INIT went out twice, so that a REPLY does not say which it answers.
    has_resent: bool,
    sent_at: Instant,
    resend_at: Instant,
    resend_micros: u32,
}

/// All paths of one call.
#[derive(Debug)]
pub(super) struct Routes {
    all: heapless::Vec<Route, MAX_ROUTES>,
    /// Decides which cookies are kept, so that nobody else can tell which.
    chance: u64,
}

impl Routes {
    /// One path, on which an INIT is due.
    pub(super) fn new(now: Instant, path: Path, ephemeral: &[u8; KEY_LEN]) -> Self {
        let chance = u128::from_le_bytes(kdf::mac16(ephemeral, &[b"SST1 cookies"])) as u64;
        let mut routes = Self { all: heapless::Vec::new(), chance };
        let _ = routes.add(now, path, now);
        routes
    }

    /// Another path, to be tried from `at` on; if it is one already, nothing changes.
    ///
    /// # Errors
    /// [`Full`] if there are as many as there may be.
    pub(super) fn add(&mut self, now: Instant, path: Path, at: Instant) -> Result<(), Full> {
        if self.find(path.peer).is_some() {
            return Ok(());
        }
        let route = Route {
            path,
            cookies: [NO_COOKIE; 2],
            since_init: 0,
            cookie_count: 0,
            turn: 0,
            check: None,
            is_due: at <= now,
            has_resent: false,
            sent_at: now,
            resend_at: at,
            resend_micros: timer(FIRST_RESEND_TIMEOUT),
        };
        self.all.push(route).map_err(|_| Full)
    }

    /// A COOKIE came from `peer` that answers an INIT of ours. False if it is a copy of one before.
    pub(super) fn on_cookie(&mut self, peer: SocketAddr, cookie: [u8; COOKIE_LEN]) -> bool {
        self.chance = self.chance.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let chance = (self.chance >> 32) as u32;
        self.find_mut(peer).is_some_and(|route| route.on_cookie(cookie, chance))
    }

    /// The path to that address.
    pub(super) fn find(&self, peer: SocketAddr) -> Option<&Route> {
        self.all.iter().find(|route| route.path.peer == peer)
    }

    pub(super) fn find_mut(&mut self, peer: SocketAddr) -> Option<&mut Route> {
        self.all.iter_mut().find(|route| route.path.peer == peer)
    }

    /// The next path that an INIT is to go out on.
    pub(super) fn due(&self) -> Option<Path> {
        self.all.iter().find(|route| route.is_due).map(|route| route.path)
    }

    /// When the next INIT is to go out by its timer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.all.iter().map(|route| route.resend_at).min()
    }

    /// This host's addresses have changed: INITs go out at once wherever some went before.
    pub(super) fn on_network_changed(&mut self, now: Instant) {
        for route in self.all.iter_mut().filter(|route| route.check.is_some()) {
            route.resend_at = now;
        }
    }

    /// Has INITs sent where it is time. False if it is time nowhere.
    pub(super) fn on_timeout(&mut self, now: Instant) -> bool {
        let mut is_any_due = false;
        for route in self.all.iter_mut().filter(|route| route.resend_at <= now) {
            route.on_timeout(now);
            is_any_due = true;
        }
        is_any_due
    }
}

impl Route {
    /// The cookie that the next INIT carries.
    pub(super) fn cookie(&self) -> [u8; COOKIE_LEN] {
        let [newest, older] = self.cookies;
        match self.turn {
            _ if older == NO_COOKIE => newest,
            0 => newest,
            1 => older,
            _ => NO_COOKIE,
        }
    }

    /// The check of the INIT sent last.
    pub(super) const fn check(&self) -> Option<[u8; CHECK_LEN]> {
        self.check
    }

    /// When the INIT sent last went out, and whether there was another before it.
    pub(super) const fn sent(&self) -> (Instant, bool) {
        (self.sent_at, self.has_resent)
    }

    /// An INIT with that check went out.
    pub(super) fn on_sent(&mut self, now: Instant, check: [u8; CHECK_LEN]) {
        self.check = Some(check);
        self.since_init = 0;
        self.is_due = false;
        self.sent_at = now;
        self.resend_at = now.after(Duration::from_micros(u64::from(self.resend_micros)));
    }

    fn on_cookie(&mut self, cookie: [u8; COOKIE_LEN], chance: u32) -> bool {
        let [newest, kept] = self.cookies;
        let is_copy = self.cookies.contains(&cookie);
        let others = self.since_init;
        self.since_init = self.since_init.saturating_add(1);
        // The newest so far is one of `others`, of which each is kept as likely as any. Where none
        // came since the last INIT, what is kept stays.
        let is_first = kept == NO_COOKIE;
        let is_chosen = is_first || chance.checked_rem(others) == Some(0);
        self.cookies = [cookie, if is_chosen { newest } else { kept }];
        if is_copy {
            return false;
        }
        match self.cookie_count {
            ..COOKIES_AT_ONCE => {
                self.turn = 0;
                self.is_due = true;
                self.resend_micros = timer(FIRST_RESEND_TIMEOUT);
            }
            // The timer begins with the newest.
            COOKIES_AT_ONCE => self.turn = LAST_TURN,
            _ => {}
        }
        self.cookie_count = self.cookie_count.saturating_add(1);
        true
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.check.is_some() {
            let longer = self.resend_micros.saturating_mul(5).checked_div(4).unwrap_or(u32::MAX);
            self.resend_micros = longer.min(timer(MAX_RESEND_TIMEOUT));
            self.has_resent = true;
            self.turn = if self.turn < LAST_TURN { self.turn.saturating_add(1) } else { 0 };
        }
        self.is_due = true;
        self.resend_at = now.after(Duration::from_micros(u64::from(self.resend_micros)));
    }
}

fn timer(timeout: Duration) -> u32 {
    u32::try_from(micros(timeout)).unwrap_or(u32::MAX)
}
