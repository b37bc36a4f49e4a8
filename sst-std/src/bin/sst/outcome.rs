//! What a `get` or `put` did, said at its end.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use serde_json::json;
use sst_std::files::Summary;

use crate::failure::Failure;
use crate::options::Options;
use crate::print::{complain, say};

/// A transfer that is over, or as much of it as was done.
pub(crate) struct Outcome {
    summary: Summary,
    took: Duration,
}

impl Outcome {
    /// Of a transfer that was begun then.
    pub(crate) fn since(begun: Instant, summary: Summary) -> Self {
        Self { summary, took: begun.elapsed() }
    }

    /// Says what was done on standard output, and what was not on standard error.
    ///
    /// # Errors
    /// A [`Failure`] if anything was not done; or if standard output takes nothing.
    pub(crate) fn tell(self, options: &Options) -> Result<(), Failure> {
        self.say(options)?;
        let Summary { files, links, failed, .. } = self.summary;
        for error in &self.summary.errors {
            complain(format_args!("{}", Failure::from(error).0));
        }
        match failed {
            0 => Ok(()),
            failed => Err(Failure(format!("{failed} of {} failed", failed + files + links))),
        }
    }

    /// The same of a transfer whose session ended, which is why anything was not done: `done` says
    /// what became of the other files.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn tell_early(
        self,
        options: &Options,
        Failure(why): Failure,
        done: &str,
    ) -> Result<(), Failure> {
        self.say(options)?;
        let files = self.summary.files;
        Err(Failure(format!("{why}; {files} files {done}, try again to go on")))
    }

    fn say(&self, options: &Options) -> Result<(), Failure> {
        if options.json {
            say!("{}", self.json());
        } else {
            say!("{self}");
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let Summary { files, unchanged, resumed, links, directories, .. } = self.summary;
        let Summary { bytes, left_out, failed, ref errors, .. } = self.summary;
        let errors: Vec<_> = errors.iter().map(|error| Failure::from(error).0).collect();
        json!({
            "files": files, "unchanged": unchanged, "resumed": resumed, "links": links,
            "directories": directories, "bytes": bytes, "seconds": self.took.as_secs_f64(),
            "left_out": left_out, "failed": failed, "errors": errors,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { files, unchanged, resumed, links, directories, .. } = self.summary;
        let Summary { bytes, left_out, failed, .. } = self.summary;
        let counted = |one, count| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        write!(out, "{}", counted("file", files))?;
        for (one, count) in [("directory", directories), ("link", links)] {
            match (one, count) {
                (_, 0) => {}
                ("directory", 2..) => write!(out, ", {count} directories")?,
                _ => write!(out, ", {}", counted(one, count))?,
            }
        }
        let seconds = self.took.as_secs_f64();
        let rate = (bytes as f64 / seconds.max(1e-3)) as u64;
        write!(out, ", {} in {seconds:.1} s ({}/s)", HumanBytes(bytes), HumanBytes(rate))?;
        let failed = failed - left_out;
        let rest = [
            ("unchanged", unchanged),
            ("resumed", resumed),
            ("left out", left_out),
            ("failed", failed),
        ];
        for (how, count) in rest {
            if count > 0 {
                write!(out, ", {count} {how}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_done_and_what_was_not() {
        let mut summary = Summary::default();
        (summary.files, summary.directories, summary.bytes) = (1, 1, 3 << 20);
        let mut outcome = Outcome { summary, took: Duration::from_millis(1_500) };
        assert_eq!(outcome.to_string(), "1 file, 1 directory, 3.00 MiB in 1.5 s (2.00 MiB/s)");
        let summary = &mut outcome.summary;
        (summary.files, summary.directories, summary.links) = (12, 2, 1);
        (summary.unchanged, summary.resumed, summary.bytes) = (9, 1, 0);
        (summary.failed, summary.left_out) = (5, 3);
        let expected = "12 files, 2 directories, 1 link, 0 B in 1.5 s (0 B/s), 9 unchanged, \
            1 resumed, 3 left out, 2 failed";
        assert_eq!(outcome.to_string(), expected);
    }
}
