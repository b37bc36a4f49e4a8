//! What one segment costs on its way through both hosts. Run by name, in release mode.

use std::time::Instant as Clock;

use super::*;

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture speed"]
#[allow(clippy::disallowed_methods)]
fn a_segment_of_a_bulk_stream() {
    let config = StreamConfig {
        stream_window: 1 << 20,
        max_stream_window: 1 << 20,
        session_window: 1 << 21,
        session_budget: 1 << 21,
        send_buffer: 1 << 20,
        ..CONFIG
    };
    let limits = StreamLimits { blocks: 4096, block_bytes: 4096, ..ROOMY };
    let segments = std::env::var("SST_SEGMENTS").map_or(2_000_000, |count| count.parse().unwrap());
    for idle in [0, 200] {
        let mut pair = Pair::with(1, config, &limits);
        let (one, two) = pair.join();
        for _ in 0..idle.min(15) {
            let root = pair.ends[0].root();
            pair.ends[0].open(root);
        }
        pair.run();
        let (bytes, mut buf) = ([7; 1200], [0; 1200]);
        let mut packet = [0; 1250];
        let mut receipts: [Option<Receipt>; 4] = [None; 4];
        let (mut count, begin) = (0_u32, Clock::now());
        while count < segments {
            let now = Instant::from_micros(1_000_000 + u64::from(count));
            let [a, b] = &mut pair.ends;
            let written = a.streams.of(&mut a.tree).write(one, &bytes, WriteOptions::default());
            assert_eq!(written, Ok(1200));
            let mut out = Writer::new(&mut packet);
            let mut noted = 0;
            a.streams.of(&mut a.tree).fill(now, &mut out, true, |receipt| {
                receipts[noted] = Some(receipt);
                noted += 1;
                true
            });
            for frame in Frames::new(out.written()) {
                b.streams.of(&mut b.tree).on_frame(now, &frame.unwrap()).unwrap();
            }
            assert_eq!(b.streams.of(&mut b.tree).read(now, two, &mut buf), Ok(1200));
            for receipt in receipts[..noted].iter().flatten() {
                a.streams.of(&mut a.tree).on_receipt(*receipt, Fate::Acked);
            }
            let mut back = Writer::new(&mut packet);
            if b.tree.has_work() {
                b.streams.of(&mut b.tree).fill(now, &mut back, true, |_| true);
                for frame in Frames::new(back.written()) {
                    a.streams.of(&mut a.tree).on_frame(now, &frame.unwrap()).unwrap();
                }
            }
            if count.is_multiple_of(64) {
                while b.streams.poll_event().is_some() {}
            }
            count += 1;
        }
        std::println!("{:?} a segment, {idle} idle streams", begin.elapsed() / count);
    }
}
