//! [`Nature`]: how one direction of the wire is, and how that is written.

use std::fmt;
use std::time::Duration;

/// One direction. What is zero does not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Nature {
    /// 0: no bottleneck.
    pub bits_per_sec: f64,
    /// What may wait at the bottleneck.
    pub queue: Queue,
    pub delay: Duration,
    /// Every packet takes up to so much longer; none overtakes.
    pub jitter: Duration,
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Packets lost in a row, on average (Gilbert and Elliott); 0: each by itself.
    pub burst: f64,
    /// Packets lost in a row, at most; 0: any number.
    pub run: u32,
    /// Share of packets that take up to `late` longer, so that others overtake them.
    pub reorder: f64,
    pub late: Duration,
    /// Share of packets that come twice.
    pub duplicate: f64,
    /// Share of packets with one byte changed; in UDP, with a checksum that hides it.
    pub corrupt: f64,
    /// Share of packets marked as having met congestion, of those that may be marked.
    pub mark: f64,
    /// From when, and for how long, nothing passes.
    pub blackout: Option<(Duration, Duration)>,
}

/// How much may wait where packets come faster than they leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Bytes(usize),
    /// Beside the one that is leaving.
    Packets(usize),
}

/// What of the words was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatureError(pub String);

impl Nature {
    /// Changes what `words` say: `rate=1.5M queue=25p delay=15ms loss=2% blackout=5s+2s`.
    ///
    /// # Errors
    /// The first word that is none. What stands before it is changed by then.
    pub fn set(&mut self, words: &str) -> Result<(), NatureError> {
        for word in words.split_whitespace() {
            let value = word.split_once('=').and_then(|(name, value)| self.set_one(name, value));
            value.ok_or_else(|| NatureError(word.into()))?;
        }
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "rate" => self.bits_per_sec = scaled(value)?,
            "queue" => self.queue = queue(value)?,
            "delay" => self.delay = duration(value)?,
            "jitter" => self.jitter = duration(value)?,
            "loss" => self.loss = share(value)?,
            "burst" => self.burst = value.parse().ok()?,
            "run" => self.run = value.parse().ok()?,
            "reorder" => self.reorder = share(value)?,
            "late" => self.late = duration(value)?,
            "duplicate" => self.duplicate = share(value)?,
            "corrupt" => self.corrupt = share(value)?,
            "mark" => self.mark = share(value)?,
            "blackout" => {
                let (from, lasts) = value.split_once('+')?;
                self.blackout = Some((duration(from)?, duration(lasts)?));
            }
            _ => return None,
        }
        Some(())
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::Packets(100)
    }
}

impl fmt::Display for NatureError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: not a word about a wire", self.0)
    }
}

impl std::error::Error for NatureError {}

/// `1.5M`, `56k`, `10G`, or a plain number.
fn scaled(text: &str) -> Option<f64> {
    let (number, scale) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1e3),
        b'M' => (&text[..text.len() - 1], 1e6),
        b'G' => (&text[..text.len() - 1], 1e9),
        _ => (text, 1.0),
    };
    not_negative(number).map(|number| number * scale)
}

/// `25p` packets, `50kB` or `50000B` bytes.
fn queue(text: &str) -> Option<Queue> {
    if let Some(packets) = text.strip_suffix('p') {
        return Some(Queue::Packets(packets.parse().ok()?));
    }
    Some(Queue::Bytes(scaled(text.strip_suffix('B')?)? as usize))
}

/// `27.5ms`, `100us` or `2s`.
fn duration(text: &str) -> Option<Duration> {
    let (number, scale) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix("us") {
        (number, 1e-6)
    } else {
        (text.strip_suffix('s')?, 1.0)
    };
    Duration::try_from_secs_f64(not_negative(number)? * scale).ok()
}

/// `2%`, or `0.02`.
fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(number) => not_negative(number)? / 100.0,
        None => not_negative(text)?,
    };
    (share <= 1.0).then_some(share)
}

fn not_negative(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_set_what_they_name_and_leave_the_rest() {
        let mut nature = Nature { mark: 0.5, ..Nature::default() };
        let words = "rate=1.5M queue=50kB delay=27.5ms loss=2% burst=3 blackout=5s+2s late=100us";
        nature.set(words).unwrap();
        let wanted = Nature {
            bits_per_sec: 1_500_000.0,
            queue: Queue::Bytes(50_000),
            delay: Duration::from_micros(27_500),
            loss: 0.02,
            burst: 3.0,
            blackout: Some((Duration::from_secs(5), Duration::from_secs(2))),
            late: Duration::from_micros(100),
            mark: 0.5,
            ..Nature::default()
        };
        assert_eq!(nature, wanted);
    }

    #[test]
    fn words_without_sense_are_named() {
        for word in ["rate=-1", "queue=25", "delay=5", "loss=101%", "speed=1", "loss", "late=xs"] {
            let said = Nature::default().set(&format!("run=3 {word}"));
            assert_eq!(said, Err(NatureError(word.into())));
        }
    }
}
