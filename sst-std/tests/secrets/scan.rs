//! Looks through the memory of a process.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::expected::Secret;

/// A secret is found by either half of it.
const HALF: usize = 16;
const CHUNK: usize = 1 << 20;

/// Which of the secrets process `id` has in memory that it can write to, and where.
pub(super) fn find<'s>(id: u32, secrets: impl IntoIterator<Item = &'s Secret>) -> Vec<String> {
    let needles = Needles::new(secrets);
    let memory = File::open(format!("/proc/{id}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines() {
        let Some((start, end, name)) = writable(line) else { continue };
        let mut at = start;
        while at < end {
            let len = CHUNK.min((end - at) as usize);
            // What lies across two chunks is seen too.
            let mut bytes = vec![0; len + HALF.min((end - at) as usize - len)];
            if memory.read_exact_at(&mut bytes, at).is_ok() {
                needles.search(&bytes, |needle, offset| {
                    found.push(format!("{needle} at {:x} {name}", at + offset as u64));
                });
            }
            at += len as u64;
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The range and name of a mapping, if the process can write to it.
fn writable(line: &str) -> Option<(u64, u64, &str)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    if !words.next()?.starts_with("rw") {
        return None;
    }
    let name = words.nth(3).unwrap_or("(anonymous)");
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?, name))
}

struct Needles<'s> {
    halves: Vec<(&'s [u8], String)>,
    /// By the first two bytes: whether any begins so.
    begins: Vec<bool>,
}

impl<'s> Needles<'s> {
    fn new(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut needles = Self { halves: Vec::new(), begins: vec![false; 1 << 16] };
        for Secret { name, bytes } in secrets {
            for (half, words) in bytes.chunks(HALF).zip(["first half", "second half"]) {
                needles.begins[begin(half)] = true;
                needles.halves.push((half, format!("{name} ({words})")));
            }
        }
        needles
    }

    fn search(&self, bytes: &[u8], mut found: impl FnMut(&str, usize)) {
        if bytes.iter().all(|byte| *byte == 0) {
            return;
        }
        for (offset, window) in bytes.windows(HALF).enumerate() {
            if self.begins[begin(window)] {
                let hits = self.halves.iter().filter(|(half, _)| *half == window);
                hits.for_each(|(_, name)| found(name, offset));
            }
        }
    }
}

fn begin(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
