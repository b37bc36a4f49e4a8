//! Wires by name.

use crate::nature::{Nature, NatureError};

/// A wire by name, in the words of [`Nature::set`].
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub name: &'static str,
    /// Towards the near hosts.
    pub down: &'static str,
    /// Towards the far host.
    pub up: &'static str,
    /// Where its figures are from.
    pub about: &'static str,
}

/// All of them.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "interop",
        down: "rate=10M delay=15ms queue=25p",
        up: "rate=10M delay=15ms queue=25p",
        about: "the default of the QUIC interop runner",
    },
    Profile {
        name: "dsl",
        down: "rate=1.5M delay=27.5ms queue=46kB",
        up: "rate=1.5M delay=27.5ms queue=46kB",
        about: "the simulated link of the SST paper: 55 ms there and back, a queue of 250 ms",
    },
    Profile {
        name: "adsl",
        down: "rate=1536k delay=6.5ms queue=57kB",
        up: "rate=384k delay=6.5ms queue=36kB",
        about: "the later link of SST's authors: queues of 300 and 750 ms",
    },
    Profile {
        name: "wifi",
        down: "rate=18M delay=1.5ms jitter=3ms loss=0.1% burst=2 queue=120kB",
        up: "rate=18M delay=1.5ms jitter=3ms loss=0.1% burst=2 queue=120kB",
        about: "802.11g as in the paper, 18 Mbit/s at best; jitter and loss are assumptions",
    },
    Profile {
        name: "lte",
        down: "rate=30M delay=25ms jitter=5ms queue=600kB",
        up: "rate=10M delay=25ms jitter=5ms queue=300kB",
        about: "assumed: a mobile network that repeats lost packets itself",
    },
    Profile {
        name: "satellite",
        down: "rate=10M delay=250ms queue=625kB",
        up: "rate=10M delay=250ms queue=625kB",
        about: "10 Mbit/s and 500 ms there and back; a queue of as much again",
    },
    Profile {
        name: "10g",
        down: "rate=10G delay=50us queue=1000p",
        up: "rate=10G delay=50us queue=1000p",
        about: "more than a wire in user space carries: it and the processors are the limit",
    },
    Profile {
        name: "modem",
        down: "rate=56k queue=50kB",
        up: "rate=56k queue=50kB",
        about: "a telephone line, as the web over SCTP was tried on",
    },
];

impl Profile {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Its two directions: down, up.
    ///
    /// # Errors
    /// A word that is none: an error of this file.
    pub fn natures(&self) -> Result<(Nature, Nature), NatureError> {
        let (mut down, mut up) = (Nature::default(), Nature::default());
        down.set(self.down)?;
        up.set(self.up)?;
        Ok((down, up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_can_be_read_and_has_a_bottleneck() {
        for profile in PROFILES {
            let (down, up) = profile.natures().unwrap();
            assert!(down.bits_per_sec > 0.0 && up.bits_per_sec > 0.0, "{}", profile.name);
            assert_eq!(Profile::named(profile.name).map(|it| it.down), Some(profile.down));
        }
    }
}
