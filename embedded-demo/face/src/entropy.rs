//! [`Entropy`]: the board's random bytes, as the core's cryptography wants them.

use provider::Provider;
use rand_core::{TryCryptoRng, TryRng};
use sst_nostd::Host;

/// The host as boards run it.
pub(crate) type BoardHost = Host<'static, Provider<Entropy>>;

/// The board has no random bytes to give now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

/// Where random bytes come from: a function of the board's, called for every key.
#[derive(Clone, Copy)]
pub struct Entropy(fn(&mut [u8]) -> Result<(), NoEntropy>);

impl Entropy {
    /// `fill` fills a slice with bytes that nobody else can predict, or says that it cannot.
    #[must_use]
    pub const fn new(fill: fn(&mut [u8]) -> Result<(), NoEntropy>) -> Self {
        Self(fill)
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`]: `bytes` must not be used.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        (self.0)(bytes)
    }
}

impl core::fmt::Display for NoEntropy {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("no random bytes")
    }
}

impl core::error::Error for NoEntropy {}

impl TryRng for Entropy {
    type Error = NoEntropy;

    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.fill(bytes)
    }
}

impl TryCryptoRng for Entropy {}
