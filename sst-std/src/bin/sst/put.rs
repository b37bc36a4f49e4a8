//! `sst put`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use sst_std::Url;
use sst_std::files::{Progress, PutOptions, put_all};

use crate::failure::Failure;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::progress::Bar;

#[derive(Args, Clone)]
pub(crate) struct Put {
    /// The files and directories to send, then the URL of the directory they go to. Of DIRECTORY/
    /// the contents are sent, without the directory itself.
    #[arg(required = true, num_args = 2.., value_names = ["FILE", "URL"])]
    files_and_url: Vec<OsString>,
    /// How many files at a time, of all that is named.
    #[arg(long, default_value_t = 64)]
    jobs: usize,
}

impl Put {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let Some((url, files)) = self.files_and_url.split_last() else {
            return Err(Failure::new("which files, and where to?"));
        };
        let url: Url = url.to_string_lossy().parse()?;
        let (endpoint, session) = options.connect(&url).await?;
        let bar = Arc::new(Bar::new(options.json));
        let mut putting = PutOptions::default();
        putting.jobs = self.jobs;
        let seen = bar.clone();
        putting.observer = Arc::new(move |progress| match progress {
            Progress::Found { size, .. } => seen.add_total(size),
            Progress::Sent { bytes, .. } => seen.add(bytes),
            _ => {}
        });
        let begun = Instant::now();
        let what: Vec<_> =
            files.iter().map(|file| (PathBuf::from(file), remote(file, url.path()))).collect();
        let done = put_all(&session, &what, putting).await;
        bar.end();
        let ended = session.close_reason().filter(|_| done.failed > 0);
        options.end(&endpoint).await?;
        match (ended, &done.errors[..]) {
            (Some(closed), _) => {
                let failure = Failure::from(closed);
                Outcome::since(begun, done).tell_early(options, failure, "were sent")
            }
            (None, [only]) if files.len() == 1 && done.files + done.directories == 0 => {
                Err(only.into())
            }
            (None, _) => Outcome::since(begun, done).tell(options),
        }
    }
}

/// Where something goes: into the directory `to` under its own name, or, if the contents of a
/// directory were asked for, right there.
fn remote(file: &OsStr, to: &str) -> Vec<u8> {
    let to = to.trim_end_matches('/').as_bytes();
    let is_contents = file.as_bytes().ends_with(b"/");
    let name = Path::new(file).file_name().filter(|_| !is_contents).map(OsStr::as_bytes);
    match (to, name) {
        (to, None) => to.into(),
        (b"", Some(name)) => name.into(),
        (to, Some(name)) => [to, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_under_its_name_and_its_contents_without() {
        for (file, to, expected) in [
            ("a/file", "", "file"),
            ("file", "in/", "in/file"),
            ("tree", "in", "in/tree"),
            ("tree/", "in", "in"),
            (".", "", ""),
            ("..", "in/", "in"),
        ] {
            assert_eq!(remote(OsStr::new(file), to), expected.as_bytes(), "{file} to {to:?}");
        }
    }
}
