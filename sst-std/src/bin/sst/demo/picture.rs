//! [`Picture`]: the tree of streams as it grows: redrawn on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use sst_std::Branch;
use sst_std::files::Progress;

use super::tree;

const BAR_LEN: u64 = 30;
/// Directories with more files than this are one line.
const MAX_ROWS_EACH: usize = 6;

/// Every file of the transfer, and how far it is.
pub(super) struct Picture {
    files: BTreeMap<String, File>,
    started: Instant,
    lines_drawn: usize,
    is_terminal: bool,
    is_quiet: bool,
    is_preferred: bool,
    last_percent: u64,
}

struct File {
    size: u64,
    done: u64,
    branch: Option<Branch>,
    started: Option<Duration>,
    ended: Option<Duration>,
    is_urgent: bool,
}

impl Picture {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(super) fn new(is_quiet: bool) -> Self {
        Self {
            files: BTreeMap::new(),
            started: Instant::now(),
            lines_drawn: 0,
            is_terminal: std::io::stdout().is_terminal(),
            is_quiet,
            is_preferred: false,
            last_percent: 0,
        }
    }

    pub(super) fn on_progress(&mut self, progress: Progress) {
        let elapsed = self.started.elapsed();
        match progress {
            Progress::Found { path, size } => {
                let (branch, started, ended) = (None, None, None);
                let file = File { size, done: 0, branch, started, ended, is_urgent: false };
                self.files.insert(path, file);
            }
            Progress::Started { path, have, branch } => {
                if let Some(file) = self.files.get_mut(&path) {
                    (file.done, file.branch, file.started) = (have, Some(branch), Some(elapsed));
                }
            }
            Progress::Received { path, bytes } => {
                if let Some(file) = self.files.get_mut(&path) {
                    file.done += bytes;
                }
            }
            Progress::Done { path } => {
                if let Some(file) = self.files.get_mut(&path) {
                    // The handle goes, so that the stream can.
                    (file.branch, file.ended) = (None, Some(elapsed));
                }
            }
            _ => {}
        }
    }

    /// Once `percent` of all bytes are here, asks the peer to send `path` first.
    pub(super) fn prefer(&mut self, percent: u64, path: &str, priority: i8) {
        if self.is_preferred || self.percent() < percent {
            return;
        }
        let Some(file) = self.files.get_mut(path) else { return };
        let Some(branch) = &file.branch else { return };
        branch.request_priority(priority);
        (file.is_urgent, self.is_preferred) = (true, true);
        if !self.is_terminal && !self.is_quiet {
            let _ = crate::print::line(format_args!(
                "now {path} is asked for first: priority {priority}"
            ));
        }
    }

    pub(super) fn draw(&mut self) {
        if self.is_quiet {
            return;
        }
        if !self.is_terminal {
            let percent = self.percent() / 10 * 10;
            if percent > self.last_percent {
                self.last_percent = percent;
                let done = self.files.values().filter(|file| file.ended.is_some()).count();
                let elapsed = self.started.elapsed().as_secs_f64();
                let _ = crate::print::line(format_args!(
                    "{elapsed:5.1} s  {percent:3} %  {done} of {} files",
                    self.files.len()
                ));
            }
            return;
        }
        let picture = self.picture();
        let mut out = std::io::stdout().lock();
        if self.lines_drawn > 0 {
            let _ = write!(out, "\x1b[{}A\x1b[J", self.lines_drawn);
        }
        let _ = out.write_all(picture.as_bytes());
        let _ = out.flush();
        self.lines_drawn = picture.lines().count();
    }

    /// Every file but the small ones, with its times and whether its hash is right.
    pub(super) fn table(&self, from: &Path, to: &Path) -> String {
        let mut table = String::from("file                      bytes   from s    to s  hash\n");
        for (path, file) in &self.files {
            let right = match (tree::hash(&from.join(path)), tree::hash(&to.join(path))) {
                (Ok(one), Ok(other)) if one == other => "ok",
                _ => "WRONG",
            };
            if file.size < sst_std::files::SMALL_FILE_BYTES && right == "ok" && path.contains('/') {
                continue;
            }
            let seconds = |at: Option<Duration>| at.map_or(f64::NAN, |at| at.as_secs_f64());
            let (begun, ended) = (seconds(file.started), seconds(file.ended));
            let mark = if file.is_urgent { "  (asked for first half way)" } else { "" };
            let size = file.size;
            let _ = writeln!(table, "{path:22} {size:8} {begun:8.2} {ended:7.2}  {right}{mark}");
        }
        let small = self.files.values().filter(|file| file.size < sst_std::files::SMALL_FILE_BYTES);
        let (count, last) = small.fold((0, Duration::ZERO), |(count, last), file| {
            (count + 1, last.max(file.ended.unwrap_or_default()))
        });
        let _ = writeln!(table, "{count} small files, sent before the others: all by {last:.2?}");
        table
    }

    fn percent(&self) -> u64 {
        let (done, size) =
            self.files.values().fold((0, 0), |sum, file| (sum.0 + file.done, sum.1 + file.size));
        (done * 100).checked_div(size).unwrap_or(0)
    }

    fn picture(&self) -> String {
        let mut directories: BTreeMap<&str, Vec<(&str, &File)>> = BTreeMap::new();
        for (path, file) in &self.files {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            directories.entry(directory).or_default().push((name, file));
        }
        let mut picture = String::new();
        for (directory, files) in directories {
            let _ = writeln!(picture, "┬ {directory}/");
            if files.len() > MAX_ROWS_EACH {
                let (done, size) = files
                    .iter()
                    .fold((0, 0), |sum, (_, file)| (sum.0 + file.done, sum.1 + file.size));
                let whole = files.iter().filter(|(_, file)| file.ended.is_some()).count();
                let _ = writeln!(
                    picture,
                    "└── {:14} {} {whole} of {} streams",
                    "(small files)",
                    bar(done, size),
                    files.len()
                );
                continue;
            }
            for (at, (name, file)) in files.iter().enumerate() {
                let line = if at + 1 == files.len() { "└──" } else { "├──" };
                let state = match (file.ended, file.is_urgent) {
                    (Some(at), _) => format!("done at {:.1} s", at.as_secs_f64()),
                    (None, true) => "◀ priority raised".into(),
                    (None, false) => String::new(),
                };
                let _ = writeln!(picture, "{line} {name:14} {} {state}", bar(file.done, file.size));
            }
        }
        picture
    }
}

fn bar(done: u64, size: u64) -> String {
    let full = (done * BAR_LEN).checked_div(size).unwrap_or(BAR_LEN).min(BAR_LEN);
    (0..BAR_LEN).map(|at| if at < full { '█' } else { '░' }).collect()
}
