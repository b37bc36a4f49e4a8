//! The files of the demonstration, in a directory that goes when it ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The large file that is asked for half way.
pub(super) const URGENT: &str = "films/wanted.mp4";

/// A new directory for temporary files, removed with everything in it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        // Random, so that no one can have prepared it.
        let id = sst_std::Identity::generate()?.id().to_string();
        let path = std::env::temp_dir().join(format!("sst-demo-{id:.12}"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Two large files, some of middle size, many small ones.
pub(super) fn make(root: &Path) -> io::Result<()> {
    let mut noise = 1_u64;
    let mut write = |path: &str, len: usize| {
        let path = root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                (noise >> 56) as u8
            })
            .collect();
        fs::write(path, bytes)
    };
    write("README", 900)?;
    write("films/first.mp4", 1_300_000)?;
    write(URGENT, 1_300_000)?;
    for number in 1..=4 {
        write(&format!("photos/{number}.jpg"), 150_000 + number * 7_000)?;
    }
    for number in 1..=30 {
        write(&format!("notes/2026/{number:02}.txt"), number * 211)?;
    }
    write("notes/todo", 0)
}

/// True if both directories hold the same names and contents, by BLAKE3.
pub(super) fn same(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(hashes(one)? == hashes(other)?)
}

pub(super) fn hash(path: &Path) -> io::Result<blake3::Hash> {
    Ok(blake3::hash(&fs::read(path)?))
}

fn hashes(root: &Path) -> io::Result<Vec<(PathBuf, blake3::Hash)>> {
    let (mut found, mut todo) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                todo.push(path);
            } else if let Ok(name) = path.strip_prefix(root) {
                found.push((name.to_path_buf(), hash(&path)?));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
