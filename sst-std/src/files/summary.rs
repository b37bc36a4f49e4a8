//! [`Summary`]: what a fetch or a put did.

use super::FileError;

/// Errors that are remembered; the others are only counted.
const MAX_ERRORS: usize = 1_000;

/// What a [`fetch`](super::fetch) or [`put`](super::put) did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Files that are at their destination now and have the sender's hash.
    pub files: u64,
    /// Of them, those that were there before.
    pub unchanged: u64,
    /// Of them, those of which a part was there before.
    pub resumed: u64,
    /// Directories that are at their destination now.
    pub directories: u64,
    /// Symbolic links made, or there already.
    pub links: u64,
    /// Bytes of contents that are new where they are now: of a file that was resumed, what was
    /// added; of an unchanged one, none. What went over the network in vain is not counted:
    /// contents that arrived damaged, or were put along with the request for a small file that was
    /// there.
    pub bytes: u64,
    /// What could not be had or sent; everything else was. The first thousand.
    pub errors: Vec<FileError>,
    /// How many there were in all.
    pub failed: u64,
    /// Of them, those that are no files, and nothing that could be made.
    pub left_out: u64,
}

/// What was done for one file.
pub(super) struct Moved {
    pub(super) bytes: u64,
    pub(super) is_unchanged: bool,
    pub(super) is_resumed: bool,
}

impl Summary {
    /// Adds what another fetch or put did.
    pub fn add(&mut self, other: Self) {
        let Self { files, unchanged, resumed, directories, links, .. } = other;
        let Self { bytes, errors, failed, left_out, .. } = other;
        self.files += files;
        self.unchanged += unchanged;
        self.resumed += resumed;
        self.directories += directories;
        self.links += links;
        self.bytes += bytes;
        self.failed += failed;
        self.left_out += left_out;
        let room = MAX_ERRORS - self.errors.len();
        self.errors.extend(errors.into_iter().take(room));
    }

    pub(super) fn on_moved(&mut self, Moved { bytes, is_unchanged, is_resumed }: Moved) {
        self.files += 1;
        self.unchanged += u64::from(is_unchanged);
        self.resumed += u64::from(is_resumed);
        self.bytes += bytes;
    }

    /// Counts something that could not be had or sent, and remembers it if there is room.
    pub fn fail(&mut self, error: FileError) {
        self.failed += 1;
        self.left_out += u64::from(matches!(error, FileError::LeftOut { .. }));
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }
}
