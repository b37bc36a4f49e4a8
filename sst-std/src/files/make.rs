//! Makes what is put beside files: directories and symbolic links.

use std::sync::Arc;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::ServeError;
use super::message::{Attributes, Refusal, encode_made, encode_ok};
use super::name::{components, stays_inside};
use super::root::{Root, Version, refusal};
use super::serve::Serving;
use crate::stream::Stream;

/// A directory that a client had made. It gets its attributes once everything is in it.
#[derive(Debug)]
pub(super) struct Made {
    path: Vec<u8>,
    version: Version,
    attributes: Attributes,
}

/// What the owner of a directory needs to put something into it.
const OWNER: u32 = 0o700;

impl Root {
    /// Makes a directory; `None` if it is there. Until it is finished, its owner may write in it.
    pub(super) fn make_directory(
        &self,
        path: &[u8],
        attributes: Attributes,
    ) -> Result<Option<Made>, Refusal> {
        if components(path).is_some_and(|names| names.is_empty()) {
            return Ok(None);
        }
        let (above, name) = self.place(path)?;
        let mode = Mode::from_raw_mode(attributes.mode & 0o777 | OWNER);
        match rustix::fs::mkdirat(&above, name, mode) {
            Ok(()) => {}
            // Something else of that name: a file, or a link, which is not followed.
            Err(Errno::EXIST) => {
                let names = components(path).ok_or(Refusal::BadRequest)?;
                return match self.walk(&names) {
                    Ok(_) => Ok(None),
                    Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => Err(Refusal::Exists),
                    Err(error) => Err(refusal(error)),
                };
            }
            Err(error) => return Err(refusal(error)),
        }
        let stat = rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW).map_err(refusal)?;
        let version = Version::of(&stat);
        Ok(Some(Made { path: path.into(), version, attributes }))
    }

    /// Everything is in a directory that will be; or, if it is not whole, the client has gone. If
    /// another is in its place, that stays as it is.
    fn finish_directory(&self, made: &Made, is_whole: bool) {
        let Some(names) = components(&made.path) else { return };
        let Ok(there) = self.walk(&names) else { return };
        let is_same = rustix::fs::fstat(&there)
            .is_ok_and(|stat| Version::of(&stat).is_same_file(&made.version));
        if is_same {
            let mut attributes = made.attributes;
            if !is_whole {
                // So that who comes again can go on, and drafts can be taken away.
                attributes.mode |= OWNER;
            }
            attributes.apply(&there);
        }
    }

    /// Makes a symbolic link that leads nowhere out of the shared directory, unless the same is
    /// there.
    pub(super) fn make_link(&self, path: &[u8], target: &[u8]) -> Result<(), Refusal> {
        let depth = components(path).ok_or(Refusal::BadRequest)?.len().saturating_sub(1);
        let (above, name) = self.place(path)?;
        if !stays_inside(target, depth) {
            return Err(Refusal::BadRequest);
        }
        match rustix::fs::symlinkat(target, &above, name) {
            Err(Errno::EXIST) => {
                let there = rustix::fs::readlinkat(&above, name, Vec::new());
                let is_same = there.is_ok_and(|there| there.as_bytes() == target);
                is_same.then_some(()).ok_or(Refusal::Exists)
            }
            made => made.map_err(refusal),
        }
    }
}

impl Serving {
    /// Makes a directory, and says so. `Some` if it was not there.
    pub(super) async fn begin_directory(
        &self,
        stream: &mut Stream,
        path: Vec<u8>,
        attributes: Attributes,
    ) -> Result<Result<Option<Made>, Refusal>, ServeError> {
        let root = self.root.clone();
        let make = move || root.make_directory(&path, attributes);
        let made = self.budget.work(stream, make).await;
        if let Ok(made) = &made {
            stream.write_record(&encode_made(made.is_some())).await?;
        }
        Ok(made)
    }

    /// Serves what the client opens under the stream of a directory, which gets its attributes when
    /// the client has no more to put into it, or has gone: then its owner may still write in it.
    /// What is put into it is counted by itself.
    pub(super) async fn serve_made(
        self: Arc<Self>,
        stream: Stream,
        made: Option<Made>,
    ) -> Result<(), ServeError> {
        let (read, mut write) = stream.split();
        let served = self.clone().serve_children(read).await;
        if let Some(made) = made {
            let root = self.root.clone();
            let is_whole = served.is_ok();
            let finish = move || {
                root.finish_directory(&made, is_whole);
                Ok(())
            };
            let _ = self.budget.work(write.branch(), finish).await;
        }
        served?;
        write.write_record(&encode_ok()).await?;
        Ok(write.start_finish()?)
    }
}
