//! Ropes against plain vectors, several of them sharing one small pool.

use std::vec;
use std::vec::Vec;

use super::super::random::Random;
use super::*;

const BLOCK: u64 = 64;
const LIMIT: u32 = 24;

/// What a rope should hold: the covered bytes from `base` up.
struct Model {
    base: u64,
    bytes: Vec<Option<u8>>,
}

impl Model {
    fn blocks(&self) -> u32 {
        (self.bytes.len() as u64 / BLOCK) as u32
    }

    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    fn needed(&self, end: u64) -> u32 {
        let blocks = end.saturating_sub(self.base).div_ceil(BLOCK);
        (blocks as u32).saturating_sub(self.blocks())
    }

    fn write(&mut self, pos: u64, bytes: &[u8]) {
        for (pos, byte) in (pos..).zip(bytes).filter(|(pos, _)| *pos >= self.base) {
            let at = (pos - self.base) as usize;
            if at >= self.bytes.len() {
                self.bytes.resize((at / BLOCK as usize + 1) * BLOCK as usize, None);
            }
            self.bytes[at] = Some(*byte);
        }
    }

    fn release_before(&mut self, pos: u64) {
        let base = (pos / BLOCK * BLOCK).max(self.base);
        self.bytes.drain(..(base - self.base).min(self.bytes.len() as u64) as usize);
        self.base = base;
    }

    fn read(&self, pos: u64, len: usize) -> Option<&[Option<u8>]> {
        let at = usize::try_from(pos.checked_sub(self.base)?).ok()?;
        self.bytes.get(at..at + len)
    }
}

fn write_randomly(
    random: &mut Random,
    (pool, account): (&mut BlockPool<'_>, &mut Account),
    rope: &mut Rope,
    model: &mut Model,
    free: u32,
) -> bool {
    let pos = match random.below(3) {
        0 => model.end() + random.below(150),
        1 => model.end().saturating_sub(random.below(80)),
        _ => (model.base + random.below(400)).saturating_sub(30),
    };
    let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
    let end = pos + bytes.len() as u64;
    assert_eq!(rope.blocks_needed(pool, end), model.needed(end));
    let fits = bytes.is_empty() || end <= model.base || model.needed(end) <= free;
    assert_eq!(rope.write_at(pool, account, pos, &bytes), if fits { Ok(()) } else { Err(Full) });
    if fits {
        model.write(pos, &bytes);
    }
    fits
}

fn agrees(random: &mut Random, pool: &mut BlockPool<'_>, rope: &mut Rope, model: &Model) {
    assert_eq!((rope.base(), rope.end(pool)), (model.base, model.end()));
    assert_eq!(rope.len_blocks(), model.blocks());
    let pos = (model.base + random.below(model.bytes.len() as u64 + 20)).saturating_sub(10);
    let mut to = vec![0xee; random.below(300) as usize];
    let expected = model.read(pos, to.len());
    assert_eq!(rope.read_at(pool, pos, &mut to), expected.is_some());
    match expected {
        Some(expected) => assert!(is_like(&to, expected)),
        None => assert!(to.iter().all(|byte| *byte == 0xee)),
    }
    let covered = model.base <= pos && pos < model.end();
    let len = if covered { (BLOCK - pos % BLOCK) as usize } else { 0 };
    let expected = model.read(pos, len).unwrap_or_default();
    assert!(is_like(rope.chunk_at(pool, pos), expected));
    assert!(is_like(rope.chunk_at_mut(pool, pos), expected));
}

/// Whether every byte that was written is there; the others may be anything.
fn is_like(bytes: &[u8], expected: &[Option<u8>]) -> bool {
    bytes.len() == expected.len()
        && bytes.iter().zip(expected).all(|(byte, expected)| expected.is_none_or(|e| e == *byte))
}

fn ropes_agree(mut pool: BlockPool<'_>, seed: u64) {
    let (mut random, account) = (Random::new(seed), &mut Account::new());
    let mut ropes = [(); 3].map(|()| (Rope::new(), Model { base: 0, bytes: vec![] }));
    let mut refused = 0;
    for _ in 0..3000 {
        let used: u32 = ropes.iter().map(|(_, model)| model.blocks()).sum();
        let (rope, model) = &mut ropes[random.below(3) as usize];
        match random.below(20) {
            0 => {
                let pos = random.below(1 << 40);
                rope.clear_to(&mut pool, account, pos);
                *model = Model { base: pos / BLOCK * BLOCK, bytes: vec![] };
            }
            1..6 => {
                let pos = (model.base + random.below(500)).saturating_sub(30);
                rope.release_before(&mut pool, account, pos);
                model.release_before(pos);
            }
            6..12 => {
                let free = LIMIT - used;
                refused += usize::from(!write_randomly(
                    &mut random,
                    (&mut pool, account),
                    rope,
                    model,
                    free,
                ));
            }
            _ => agrees(&mut random, &mut pool, rope, model),
        }
        let used: u32 = ropes.iter().map(|(_, model)| model.blocks()).sum();
        assert_eq!((pool.used_blocks(), pool.room(account)), (used, LIMIT - used));
        for (rope, model) in &mut ropes {
            agrees(&mut random, &mut pool, rope, model);
        }
    }
    assert!(refused > 5, "the pool must have run out sometimes");
    for (rope, _) in &mut ropes {
        rope.clear_to(&mut pool, account, 0);
    }
    assert_eq!(pool.used_blocks(), 0);
}

#[test]
fn ropes_in_a_lent_pool_agree_with_vectors() {
    for seed in 0..6 {
        let (mut bytes, mut links) = ([9; LIMIT as usize * 64], [9; LIMIT as usize]);
        ropes_agree(BlockPool::lent(&mut bytes, &mut links, 64), seed);
    }
}

#[cfg(feature = "alloc")]
#[test]
fn ropes_in_an_owned_pool_agree_with_vectors() {
    for seed in 0..6 {
        ropes_agree(BlockPool::owned(LIMIT, 64), seed);
    }
}

#[test]
fn rope_is_small_and_positions_do_not_overflow() {
    assert!(size_of::<Rope>() <= 28);
    let (mut bytes, mut links) = ([9; 128], [9; 2]);
    let mut pool = BlockPool::lent(&mut bytes, &mut links, 64);
    let (mut rope, account) = (Rope::new(), &mut Account::new());
    assert_eq!(rope.write_at(&mut pool, account, u64::MAX, b"ab"), Err(Full));
    assert_eq!(rope.write_at(&mut pool, account, u64::MAX - 9, b"ab"), Err(Full));
    assert_eq!((rope.len_blocks(), pool.used_blocks()), (0, 0));
    rope.clear_to(&mut pool, account, u64::MAX);
    assert_eq!(rope.base(), u64::MAX - 63);
    assert_eq!(rope.write_at(&mut pool, account, u64::MAX - 9, b"ab"), Ok(()));
    assert_eq!(rope.write_at(&mut pool, account, u64::MAX - 1, b"ab"), Err(Full));
    let mut to = [0; 2];
    assert!(rope.read_at(&pool, u64::MAX - 9, &mut to));
    assert_eq!(&to, b"ab");
    assert!(!rope.read_at(&pool, u64::MAX, &mut to));
    rope.release_before(&mut pool, account, u64::MAX);
    assert_eq!(rope.len_blocks(), 1);
    assert!(rope.read_at(&pool, u64::MAX - 3, &mut []));
}

#[test]
fn going_through_in_order_takes_one_step_per_block() {
    let (mut bytes, mut links) = ([0; 64 * 16], [0; 16]);
    let mut pool = BlockPool::lent(&mut bytes, &mut links, 64);
    let (mut rope, account) = (Rope::new(), &mut Account::new());
    rope.write_at(&mut pool, account, 0, &[1; 64 * 8]).unwrap();
    for number in 0..8 {
        assert_eq!(rope.chunk_at(&pool, number * 64).len(), 64);
        assert_eq!(rope.cursor_number, number as u32);
        rope.write_at(&mut pool, account, 64 * (8 + number), &[2; 64]).unwrap();
        assert_eq!(rope.cursor_number, number as u32, "writing at the end moved the reader");
    }
}
