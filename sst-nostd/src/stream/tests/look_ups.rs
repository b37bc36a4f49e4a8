//! How often an event looks a row of the table of streams up: for the stream it is about, for that
//! stream's parent, or for neighbours in a queue. The numbers may only fall.

use super::*;

/// A host that counts, and the frames that it sent.
struct Counting {
    end: End,
    packet: Vec<u8>,
    receipts: Vec<Receipt>,
}

impl Counting {
    fn new(side: Side) -> Self {
        Self { end: End::new(side, CONFIG, &ROOMY, &CONFIG), packet: vec![], receipts: vec![] }
    }

    /// How many rows `event` looks up, and its answer.
    fn count<R>(&mut self, event: impl FnOnce(&mut End) -> R) -> (u32, R) {
        self.end.streams.rows.take_look_ups();
        let answer = event(&mut self.end);
        (self.end.streams.rows.take_look_ups(), answer)
    }

    /// Look-ups of filling a packet.
    fn fill(&mut self) -> u32 {
        let (mut packet, mut receipts) = (vec![0; 1200], vec![]);
        let (count, len) = self.count(|End { streams, tree }| {
            let mut out = Writer::new(&mut packet);
            streams.of(tree).fill(Instant::ZERO, &mut out, true, |receipt| {
                receipts.push(receipt);
                true
            });
            out.position()
        });
        packet.truncate(len);
        (self.packet, self.receipts) = (packet, receipts);
        count
    }

    /// Look-ups of taking in the only frame of `packet`.
    fn hear(&mut self, packet: &[u8]) -> u32 {
        let mut frames = Frames::new(packet);
        let frame = frames.next().expect("a frame").expect("well-formed");
        assert!(frames.next().is_none(), "one frame");
        let (count, answer) =
            self.count(|end| end.streams.of(&mut end.tree).on_frame(Instant::ZERO, &frame));
        answer.expect("taken");
        count
    }

    /// Look-ups of hearing that the packet sent last was acknowledged.
    fn acked(&mut self) -> u32 {
        let receipts = core::mem::take(&mut self.receipts);
        let acked = Fate::Acked;
        self.count(|End { streams, tree }| {
            for receipt in receipts {
                streams.of(tree).on_receipt(receipt, acked);
            }
        })
        .0
    }

    fn read(&mut self, stream: StreamHandle) -> u32 {
        let mut buf = [0; 200];
        let (count, read) =
            self.count(|end| end.streams.of(&mut end.tree).read(Instant::ZERO, stream, &mut buf));
        assert_eq!(read, Ok(100));
        count
    }

    fn write(&mut self, stream: StreamHandle) -> u32 {
        self.count(|end| end.write(stream, &[7; 100])).0
    }
}

#[test]
fn an_event_looks_few_rows_up() {
    let (mut sender, mut receiver) = (Counting::new(Side::Small), Counting::new(Side::Large));
    let root = sender.end.root();
    let (open, stream) = sender.count(|end| end.open(root));
    let mut counts = vec![("open", open)];
    counts.push(("first write", sender.write(stream)));
    counts.push(("first fill", sender.fill()));
    counts.push(("frame that opens", receiver.hear(&sender.packet)));
    counts.push(("receipt of it", sender.acked()));
    let root = receiver.end.root();
    let (accept, theirs) = receiver.count(|end| end.accept(root));
    counts.push(("accept", accept));
    counts.push(("first event", receiver.count(|end| end.streams.poll_event()).0));
    counts.push(("first read", receiver.read(theirs)));
    receiver.end.events();
    for name in ["write", "fill", "frame in order", "read", "receipt"] {
        let count = match name {
            "write" => sender.write(stream),
            "fill" => sender.fill(),
            "frame in order" => receiver.hear(&sender.packet),
            "read" => receiver.read(theirs),
            _ => sender.acked(),
        };
        counts.push((name, count));
    }
    let end = sender.count(|end| end.finish(stream)).0;
    counts.push(("finish", end));
    let drop = sender.count(|end| end.streams.of(&mut end.tree).release(Instant::ZERO, stream)).0;
    counts.push(("release", drop));
    let known = [
        ("open", 5),
        ("first write", 1),
        ("first fill", 3),
        ("frame that opens", 7),
        ("receipt of it", 1),
        ("accept", 7),
        ("first event", 3),
        ("first read", 1),
        ("write", 3),
        ("fill", 3),
        ("frame in order", 3),
        ("read", 1),
        ("receipt", 1),
        ("finish", 3),
        ("release", 7),
    ];
    assert_eq!(counts, known);
}
