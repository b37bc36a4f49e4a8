//! The conversation that every build must hold byte for byte, and its record for people and for
//! other implementations: `docs/examples/transcript.txt`. With `SST_WRITE_TRANSCRIPT` set, the
//! record is written anew; then put the digest it ends with into `transcript.rs`.

use std::convert::Infallible;
use std::fmt::Write;
use std::path::Path;

use rand_core::{TryCryptoRng, TryRng};
use sst_nostd::transcript::{DIGEST, Scripted, Side, Stuck, digest, play};
use sst_nostd::{Limits, RustCrypto, Storage};

/// Never asked: the script has random bytes of its own.
struct NoRandom;

impl TryRng for NoRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("the script foretells randomness")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("the script foretells randomness")
    }

    fn try_fill_bytes(&mut self, _out: &mut [u8]) -> Result<(), Infallible> {
        unreachable!("the script foretells randomness")
    }
}

impl TryCryptoRng for NoRandom {}

type Provider = RustCrypto<NoRandom>;

fn providers() -> [Provider; 2] {
    [RustCrypto::new(NoRandom), RustCrypto::new(NoRandom)]
}

fn storage(buffer_bytes: u64) -> [Storage<'static, Scripted<Provider>>; 2] {
    let limits = Limits::of(1, 8, buffer_bytes);
    [Storage::owned(&limits), Storage::owned(&limits)]
}

fn recorded() -> Result<String, Stuck> {
    let mut text = String::from(
        "# microseconds, who sends (C dials, A answers), packet; sst-nostd/src/transcript.rs\n",
    );
    play(providers(), storage(1 << 16), &mut |side, at, packet| {
        let who = if side == Side::Caller { 'C' } else { 'A' };
        let _ = write!(text, "{} {who} ", at.as_micros());
        for byte in packet {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    })?;
    let digest = digest(providers(), storage(1 << 16))?;
    let _ = writeln!(text, "digest {}", digest.map(|byte| format!("{byte:02x}")).concat());
    Ok(text)
}

#[test]
fn the_conversation_is_the_one_on_record() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/transcript.txt");
    let text = recorded().unwrap();
    if std::env::var_os("SST_WRITE_TRANSCRIPT").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    for (number, (wanted, found)) in wanted.lines().zip(text.lines()).enumerate() {
        assert_eq!(wanted, found, "line {}", number + 1);
    }
    assert_eq!(wanted.lines().count(), text.lines().count());
    assert!(text.lines().count() >= 30, "{} lines are no conversation", text.lines().count());
    assert_eq!(digest(providers(), storage(1 << 16)), Ok(DIGEST));
}

#[test]
fn how_much_memory_there_is_does_not_show() {
    assert_eq!(digest(providers(), storage(1 << 20)), Ok(DIGEST));
}
