//! Does what the READMEs say, word for word, in a copy of the repository that has nothing but its
//! files: whoever comes first meets the same. What cannot be run here is marked in the README,
//! with the reason ([`blocks`]), and listed.

mod blocks;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

use blocks::{Block, Line};
use server::Server;

/// Commands that serve until they are ended: a word that they have, and what is said when they are
/// there.
const SERVERS: &[(&str, &str)] = &[
    ("-- serve ", "sst://"),
    ("-- gateway ", "http://"),
    ("board-qemu && cargo run", "sst://"),
    ("--example hostile", "holding"),
];

/// What is written for the reader to fill in, beside what a server says.
const WORDS: &[(&str, &str)] = &[("DIRECTORY", "served"), ("FILE", "large"), ("OTHER", "small")];

/// Builds that are for trying: quick to make, in a folder of their own. The firmware is built as it
/// says itself.
const QUICK_BUILDS: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_DIST_LTO", "off"),
    ("CARGO_PROFILE_DIST_CODEGEN_UNITS", "16"),
];
const FIRMWARE: &str = "board-";

/// What a file that a README's server shares has; the large one is not fetched in a moment.
const LARGE_BYTES: usize = 64 << 20;

/// One reader: a home, a copy of the repository, and what was learnt on the way.
struct Reader {
    copy: PathBuf,
    home: PathBuf,
    /// The last URL of a host that was printed.
    host: Option<String>,
    servers: Vec<Server>,
    /// Lines that READMEs have in common are run once.
    done: BTreeSet<String>,
    left_out: Vec<String>,
}

/// Follows every README of the repository.
pub(crate) fn follow() -> StepResult {
    for program in ["bash", "git", "python3", "qemu-system-arm"] {
        if !call::has_program(program) {
            return Ok(Outcome::Skipped(format!("no {program}")));
        }
    }
    let mut reader = Reader::new()?;
    let mut count = 0;
    for document in documents()? {
        count += reader.follow(&document)?;
        if document == Path::new("README.md") {
            reader.meets_the_default_build()?;
        }
    }
    for line in &reader.left_out {
        println!("not run: {line}");
    }
    println!("{count} command lines of READMEs were run as they stand there");
    Ok(Outcome::Passed)
}

/// The READMEs, the first one first.
fn documents() -> Result<Vec<PathBuf>, String> {
    let mut found: Vec<_> =
        files()?.into_iter().filter(|path| path.ends_with("README.md")).collect();
    found.sort_by_key(|path| (path.components().count(), path.clone()));
    Ok(found)
}

/// What a clone would have, if all there is were committed.
fn files() -> Result<Vec<PathBuf>, String> {
    let (ok, listed) = Call::new("git", "ls-files -co --exclude-standard").output()?;
    if !ok {
        return Err(format!("git ls-files: {listed}"));
    }
    let there = |path: &PathBuf| call::root().join(path).symlink_metadata().is_ok();
    Ok(listed.lines().map(PathBuf::from).filter(there).collect())
}

impl Reader {
    /// One with an empty home, beside a fresh copy.
    fn new() -> Result<Self, String> {
        let folder = call::target_dir().join("readme");
        let (copy, home) = (folder.join("clone"), folder.join("home"));
        for path in [&copy, &home] {
            let _ = fs::remove_dir_all(path);
        }
        for path in files()? {
            copy_file(&call::root().join(&path), &copy.join(&path))?;
        }
        // What the page's own step builds; a line of text stands in for it.
        let page = call::target_dir().join("npm/demo-native");
        let place = copy.join("target/npm/demo-native");
        if page.exists() {
            make_folder(&copy.join("target/npm"))?;
            link(&page, &place)?;
        } else {
            write(&place.join("index.html"), b"a page\n")?;
        }
        for shared in ["Documents", "Pictures", "served"] {
            write(&home.join(shared).join("small"), b"a small file\n")?;
            write(&home.join(shared).join("in/another"), b"another\n")?;
        }
        write(&home.join("served/large"), &vec![7; LARGE_BYTES])?;
        let (servers, done, left_out) = Default::default();
        Ok(Self { copy, home, host: None, servers, done, left_out })
    }

    /// Runs the blocks of one README, in order; how many lines that were.
    fn follow(&mut self, document: &Path) -> Result<usize, String> {
        let name = document.display().to_string();
        let text =
            fs::read_to_string(self.copy.join(document)).map_err(|e| format!("{name}: {e}"))?;
        let own = document.parent().unwrap_or(Path::new(""));
        let mut count = 0;
        for block in blocks::of(&text).map_err(|why| format!("{name}: {why}"))? {
            let folder = match block.folder.as_deref() {
                None => own,
                // The top, by the one name that it has here.
                Some(".") => Path::new(""),
                Some(folder) => Path::new(folder),
            };
            count += self.block(&name, folder, &block).map_err(|why| format!("{name}: {why}"))?;
        }
        // Servers are ended with the document that started them.
        self.servers.clear();
        self.host = None;
        Ok(count)
    }

    /// The command as the first README builds it has no gateway, and says what to do about that.
    fn meets_the_default_build(&self) -> Result<(), String> {
        let line = "cargo run --quiet --release -- gateway --to sst://NOBODY";
        let (ok, said) = self.call(Path::new(""), line).output()?;
        if ok || !said.contains("--features gateway") {
            return Err(format!("`{line}` says nothing of its feature: {said}"));
        }
        Ok(())
    }

    fn block(&mut self, name: &str, folder: &Path, block: &Block) -> Result<usize, String> {
        match block.language.as_str() {
            "sh" => self.lines(name, folder, &block.lines),
            "python" => self.compiles(block),
            "text" => Ok(0),
            // Those are compiled by tests of their own.
            "rust" | "ts" => {
                let first = block.lines.first().map_or("", |line| &line.text);
                self.left_out.push(format!("{name}: `{first}` ... ({})", block.language));
                Ok(0)
            }
            other => Err(format!("nobody knows how to try a block of `{other}`")),
        }
    }

    fn lines(&mut self, name: &str, folder: &Path, lines: &[Line]) -> Result<usize, String> {
        let mut count = 0;
        for Line { text, not_run } in lines {
            if let Some(why) = not_run {
                self.left_out.push(format!("{name}: `{text}` ({why})"));
            } else {
                self.line(folder, text).map_err(|why| format!("`{text}`: {why}"))?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn line(&mut self, folder: &Path, text: &str) -> Result<(), String> {
        let line = self.filled_in(text)?;
        let call = self.call(folder, &line);
        if let Some((_, said)) = SERVERS.iter().find(|(word, _)| line.contains(word)) {
            let (server, told) = Server::start(call, said)?;
            self.servers.push(server);
            if told.starts_with("sst://") {
                self.host = Some(told);
            }
            return Ok(());
        }
        // The same words with the same meaning have shown what they do.
        if line == text && !self.done.insert(format!("{} {line}", folder.display())) {
            return Ok(());
        }
        call.run()
    }

    /// The line, with what the reader would write in place of its words in capitals.
    fn filled_in(&self, text: &str) -> Result<String, String> {
        let mut words: Vec<(&str, String)> = Vec::new();
        if let Some(url) = &self.host {
            let host = url.trim_start_matches("sst://").trim_end_matches('/');
            let (id, address) = host.split_once('@').ok_or("a URL without an identity")?;
            let port = address.rsplit(':').next().unwrap_or("");
            words.extend(
                [("IDENTITY", id), ("ID", id), ("ADDRESS", address), ("PORT", port)]
                    .map(|(word, value)| (word, value.to_owned())),
            );
        }
        words.extend(WORDS.iter().map(|(word, value)| {
            let value = match *word {
                "DIRECTORY" => self.home.join(value).display().to_string(),
                _ => (*value).to_owned(),
            };
            (*word, value)
        }));
        Ok(replace_words(text, &words))
    }

    fn call(&self, folder: &Path, line: &str) -> Call {
        let folder = self.copy.join(folder);
        let mut call = Call::new("bash", "-ec").arg(line).in_folder(&folder.to_string_lossy());
        let own = std::env::var("HOME").unwrap_or_default();
        for (name, below) in
            [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("PIP_CACHE_DIR", ".cache/pip")]
        {
            let there = std::env::var(name).unwrap_or_else(|_| format!("{own}/{below}"));
            call = call.env(name, &there);
        }
        let target = call::target_dir().join("readme/target");
        call = call.env("HOME", &self.home.to_string_lossy());
        call = call.env("CARGO_TARGET_DIR", &target.to_string_lossy());
        if !line.contains(FIRMWARE) {
            for (name, value) in QUICK_BUILDS {
                call = call.env(name, value);
            }
        }
        call.quietly_named(line)
    }

    /// A program in Python at least is one.
    fn compiles(&self, block: &Block) -> Result<usize, String> {
        let lines: Vec<_> = block.lines.iter().map(|line| line.text.as_str()).collect();
        let path = self.home.join("block.py");
        write(&path, lines.join("\n").as_bytes())?;
        Call::new("python3", "-m py_compile").arg(&path).run().map(|()| 0)
    }
}

/// Puts values in the place of words, where those stand by themselves.
fn replace_words(text: &str, words: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphanumeric()) {
        let (before, word) = rest.split_at(start);
        let is_outside = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        let (word, after) = word.split_at(word.find(is_outside).unwrap_or(word.len()));
        let value = words.iter().find(|(name, _)| *name == word);
        out += before;
        out += value.map_or(word, |(_, value)| value);
        rest = after;
    }
    out + rest
}

/// Copies a file or a link, with its time: what has not changed is not built again.
fn copy_file(from: &Path, to: &Path) -> Result<(), String> {
    let why = |error: std::io::Error| format!("{}: {error}", from.display());
    make_folder(to.parent().unwrap_or(to))?;
    let about = from.symlink_metadata().map_err(why)?;
    if about.is_symlink() {
        return link(&fs::read_link(from).map_err(why)?, to);
    }
    fs::copy(from, to).map_err(why)?;
    let file = fs::File::options().append(true).open(to).map_err(why)?;
    file.set_modified(about.modified().map_err(why)?).map_err(why)
}

fn link(target: &Path, at: &Path) -> Result<(), String> {
    std::os::unix::fs::symlink(target, at).map_err(|error| format!("{}: {error}", at.display()))
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    make_folder(path.parent().unwrap_or(path))?;
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_filled_in() {
        let words = [("ID", "me".to_owned()), ("PORT", "8661".to_owned())];
        let line = "get sst://ID@127.0.0.1:PORT/IDLE -o ID_2 --PORT";
        assert_eq!(replace_words(line, &words), "get sst://me@127.0.0.1:8661/IDLE -o ID_2 --8661");
    }

    #[test]
    fn what_stands_in_every_readme_is_understood() {
        for document in documents().unwrap() {
            let text = fs::read_to_string(call::root().join(&document)).unwrap();
            blocks::of(&text).unwrap_or_else(|why| panic!("{}: {why}", document.display()));
        }
    }
}
