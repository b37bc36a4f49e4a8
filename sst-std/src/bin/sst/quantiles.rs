//! [`Quantiles`] of measured times.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// A sorted sample.
pub(crate) struct Quantiles(Vec<Duration>);

impl Quantiles {
    pub(crate) fn new(mut sample: Vec<Duration>) -> Self {
        sample.sort_unstable();
        Self(sample)
    }

    /// The value below which `per_mille` of the sample lies; zero of an empty sample.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        let index = (self.0.len() * per_mille / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        let micros = |per_mille| self.at(per_mille).as_nanos() as f64 / 1_000.0;
        json!({
            "count": self.0.len(), "min_us": micros(0), "p50_us": micros(500),
            "p90_us": micros(900), "p99_us": micros(990), "max_us": micros(1_000),
        })
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, p50, p90, p99, max] = [0, 500, 900, 990, 1_000].map(|at| self.at(at));
        write!(out, "min {min:.1?}, p50 {p50:.1?}, p90 {p90:.1?}, p99 {p99:.1?}, max {max:.1?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_small_and_large_samples() {
        assert_eq!(Quantiles::new(Vec::new()).at(500), Duration::ZERO);
        let sample = Quantiles::new((1..=1_000).rev().map(Duration::from_micros).collect());
        assert_eq!(sample.at(0).as_micros(), 1);
        assert_eq!(sample.at(500).as_micros(), 501);
        assert_eq!(sample.at(1_000).as_micros(), 1_000);
    }
}
