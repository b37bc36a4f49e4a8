//! A directory's entries, a part at a time: what the peer does not take waits in the directory.

use std::sync::Arc;

use rustix::fs::Dir;

use super::ServeError;
use super::budget::Budget;
use super::look::look;
use super::message::{Entry, Form, Refusal, Thing};
use super::name::{components, is_plain, is_unfinished, portable};
use super::root::{Source, refusal};
use super::stall::{Stalls, unless_stalled};
use crate::shares::Share;
use crate::write_half::WriteHalf;

/// How many entries are looked at in one turn: about a millisecond, and at most 70 kB.
const PART_ENTRIES: usize = 256;

/// Entries of one directory, as records.
struct Part {
    /// Each with the directory's position after it.
    entries: Vec<(Vec<u8>, i64)>,
    /// After all of them, and after those that cannot be told.
    position: i64,
    is_end: bool,
    /// For going on without opening it again.
    open: Option<Dir>,
}

/// What became of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Whole,
    /// The directory changed while it was closed, so what has been told may be told again, and
    /// what has not may be missed.
    Changed,
}

/// A directory whose entries are to be told.
pub(super) struct Telling {
    pub(super) source: Arc<Source>,
    pub(super) open: Dir,
    pub(super) form: Form,
}

/// Tells all entries that can be told. While the peer takes nothing, the directory is closed, one
/// entry is in memory, and the request's place is another's: a client that takes files before more
/// entries may have begun any number of listings.
pub(super) async fn tell_entries(
    write: &mut WriteHalf,
    budget: &Budget,
    Telling { source, open, form }: Telling,
    mut request: Option<Share>,
) -> Result<Result<Listed, Refusal>, ServeError> {
    let branch = write.branch().clone();
    let mut place: Option<Share> = budget.kept.try_take(&branch);
    let (mut open, mut position) = (Some(open), 0);
    loop {
        let (from, is_kept) = (source.clone(), place.is_some());
        let part =
            budget.work(&branch, move || part(&from, open.take(), position, is_kept, form)).await;
        let part = match part {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(Ok(Listed::Changed)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        open = part.open;
        let mut is_stalled = false;
        let mut entries = part.entries.into_iter();
        while let Some((record, after)) = entries.next() {
            let stalls = Stalls::when_kept(place.is_some());
            let mut written = std::pin::pin!(write.write_record(&record));
            match unless_stalled(stalls, written.as_mut()).await {
                Some(written) => written?,
                None => {
                    (open, place, request, is_stalled) = (None, None, None, true);
                    entries = Vec::new().into_iter();
                    written.await?;
                }
            }
            position = after;
        }
        if !is_stalled {
            position = part.position;
            if part.is_end {
                return Ok(Ok(Listed::Whole));
            }
        }
        if request.is_none() {
            request = Some(budget.requests.take(&branch).await);
        }
        if place.is_none() {
            place = budget.kept.try_take(&branch);
        }
    }
}

/// Reads the next entries after `position`; `None` if the directory is not what it was.
fn part(
    source: &Source,
    open: Option<Dir>,
    mut position: i64,
    is_kept: bool,
    form: Form,
) -> Result<Option<Part>, Refusal> {
    let mut directory = match open {
        Some(directory) => directory,
        None => {
            let Some(directory) = source.reopen_directory()? else { return Ok(None) };
            let mut directory = Dir::new(directory).map_err(refusal)?;
            if position != 0 {
                directory.seek(position).map_err(refusal)?;
            }
            directory
        }
    };
    let mut entries = Vec::new();
    for _ in 0..PART_ENTRIES {
        let Some(entry) = directory.read() else {
            return Ok(Some(Part { entries, position, is_end: true, open: None }));
        };
        let entry = entry.map_err(refusal)?;
        position = entry.offset();
        if let Some(record) = record(&directory, source, entry.file_name(), form) {
            entries.push((record, position));
        }
    }
    Ok(Some(Part { entries, position, is_end: false, open: is_kept.then_some(directory) }))
}

/// An entry as a record, if it is to be told. Unfinished files are nobody's yet; a plain list tells
/// only of directories and files with portable names.
fn record(directory: &Dir, source: &Source, name: &std::ffi::CStr, form: Form) -> Option<Vec<u8>> {
    let bytes = name.to_bytes();
    let is_told = match form {
        Form::Plain => {
            let is_odd = bytes.ends_with(b".sst-part") || bytes.ends_with(b".sst-put");
            !is_odd && portable(bytes).is_some()
        }
        Form::Full => is_plain(bytes) && !is_unfinished(bytes),
    };
    if !is_told {
        return None;
    }
    let depth = components(&source.path)?.len();
    let (thing, attributes) = look(directory.fd().ok()?, bytes, depth).ok()?;
    if form == Form::Plain && !matches!(thing, Thing::Kind(_)) {
        return None;
    }
    let attributes = (form == Form::Full).then_some(attributes);
    Some(Entry { name: bytes.into(), thing, attributes }.encode())
}
