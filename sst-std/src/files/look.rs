//! What is at a name in an open directory.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType};

use super::message::{Attributes, Kind, Thing};
use super::name::stays_inside;
use super::root::attributes;

/// What is at `name`, of which nothing is followed or opened; `depth` is how many directories the
/// `directory` is below the top of its tree, for links that lead out of it.
pub(super) fn look(
    directory: impl AsFd,
    name: &[u8],
    depth: usize,
) -> rustix::io::Result<(Thing, Attributes)> {
    let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let thing = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Thing::Kind(Kind::Directory),
        FileType::RegularFile => {
            Thing::Kind(Kind::File { size: u64::try_from(stat.st_size).unwrap_or(0) })
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(&directory, name, Vec::new())?.into_bytes();
            if stays_inside(&target, depth) { Thing::Link(target) } else { Thing::LinkOut }
        }
        _ => Thing::Special,
    };
    Ok((thing, attributes(&stat)))
}
