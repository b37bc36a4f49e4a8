//! `sst ping`.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use sst_std::Url;
use tokio::time::{sleep_until, timeout};

use crate::failure::Failure;
use crate::options::Options;
use crate::print::say;
use crate::quantiles::Quantiles;

/// A datagram that takes longer is lost.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// Room for the number that tells a late answer from the one waited for.
const MIN_BYTES: usize = 8;
/// The longest record that `sst echo` says again.
const MAX_BYTES: i64 = 1 << 20;
const MAX_INTERVAL_MILLIS: u64 = 24 * 60 * 60 * 1_000;

#[derive(Args, Clone)]
pub(crate) struct Ping {
    /// sst://ID@ADDRESS:PORT/
    url: Url,
    /// How many.
    #[arg(short = 'c', long, default_value_t = 10)]
    count: u64,
    /// Bytes in each, from 8 to 1,048,576.
    #[arg(short = 's', long, default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=MAX_BYTES))]
    size: u32,
    /// Milliseconds from one to the next, up to a day.
    #[arg(short = 'i', long, default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=MAX_INTERVAL_MILLIS))]
    interval: u64,
    /// Best-effort datagrams in place of records.
    #[arg(long)]
    datagram: bool,
}

impl Ping {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let (endpoint, session) = options.connect(&self.url).await?;
        let mut stream = session.open_service("echo", "1").await?;
        let mut payload = vec![0; MIN_BYTES.max(self.size as usize)];
        let (mut times, mut lost) = (Vec::new(), 0_u64);
        for number in 0..self.count {
            let sent_at = Instant::now();
            payload[..MIN_BYTES].copy_from_slice(&number.to_be_bytes());
            let answer = if self.datagram {
                stream.send_datagram(&payload, None).await?;
                let answer = async {
                    loop {
                        let datagram = stream.recv_datagram().await?;
                        if datagram == payload {
                            return Ok::<_, Failure>(());
                        }
                    }
                };
                timeout(LOST_AFTER, answer).await.ok().transpose()?
            } else {
                stream.write_record(&payload).await?;
                let record = stream.read_record(payload.len()).await?;
                (record.as_ref() == Some(&payload)).then_some(())
            };
            let elapsed = sent_at.elapsed();
            match answer {
                Some(()) => times.push(elapsed),
                None => lost += 1,
            }
            if !options.json {
                let answer = answer.map_or("lost".into(), |()| format!("{elapsed:.1?}"));
                say!("{} bytes, number {number}: {answer}", payload.len());
            }
            if number + 1 < self.count {
                sleep_until((sent_at + Duration::from_millis(self.interval)).into()).await;
            }
        }
        let quantiles = Quantiles::new(times);
        if options.json {
            say!("{}", json!({ "sent": self.count, "lost": lost, "rtt": quantiles.json() }));
        } else {
            say!("{} sent, {lost} lost; {quantiles}", self.count);
        }
        let _ = stream.start_finish();
        options.end(&endpoint).await
    }
}
