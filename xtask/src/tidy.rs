//! House rules that a program can check, and the numbers that show growth.

use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::call;
use crate::report::{Outcome, StepResult};
use crate::source;
use crate::walk;

/// Columns of a line of Rust, as rustfmt is told.
const MAX_COLUMNS: usize = 100;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "managers", "util", "utils"];

/// Promises that belong in an issue tracker. Spelt in halves, as this file is checked too.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// How many of the longest files and functions are shown.
const SHOWN: usize = 10;

/// Checks every file of the repository.
pub(crate) fn run() -> StepResult {
    let root = call::root();
    let mut faults = Vec::new();
    let (mut file_lengths, mut fn_lengths) = (Vec::new(), Vec::new());
    for file in walk::files(&root, &["js", "mjs", "py", "pyi", "rs", "sh", "toml", "ts", "yml"])? {
        let text = walk::read(&file)?;
        let inside = file.strip_prefix(&root).unwrap_or(&file);
        faults.extend(name_faults(inside));
        faults.extend(promise_faults(inside, &text));
        if file.extension().is_some_and(|end| end == "rs") {
            faults.extend(rust_faults(inside, &text));
            file_lengths.push((text.lines().count(), inside.display().to_string()));
            fn_lengths.extend(functions(inside, &text));
        }
    }
    show("files", file_lengths);
    show("functions", fn_lengths);
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(Outcome::Passed),
        count => Err(format!("{count} lines or names to tidy")),
    }
}

/// Empty words in the names of files and folders.
fn name_faults(file: &Path) -> Vec<String> {
    let words = file.iter().flat_map(|part| {
        let part = part.to_string_lossy().into_owned();
        part.split(['_', '-', '.']).map(str::to_lowercase).collect::<Vec<_>>()
    });
    let empty = words.filter(|word| EMPTY_NAMES.contains(&word.as_str()));
    empty.map(|word| format!("{}: `{word}` names nothing", file.display())).collect()
}

/// Work left for later, noted where nobody looks.
fn promise_faults(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let macro_call = concat!("to", "do!");
        if words.any(|word| PROMISES.contains(&word)) || line.contains(macro_call) {
            faults.push(format!("{}:{}: do it or drop it", file.display(), index + 1));
        }
    }
    faults
}

/// Lines too long, and a missing first line.
fn rust_faults(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{}:1: open with `//!`: what is this file for?", file.display()));
    }
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > MAX_COLUMNS {
            faults.push(format!("{}:{}: {columns} columns", file.display(), index + 1));
        }
    }
    faults
}

/// Every function with a body: its length in lines, and where it is.
fn functions(file: &Path, text: &str) -> Vec<(usize, String)> {
    struct Finder<'a>(&'a Path, Vec<(usize, String)>);
    impl Finder<'_> {
        fn note(&mut self, signature: &Signature, block: &Block) {
            let (first, last) = (signature.fn_token.span.start().line, source::lines(block).1);
            let place = format!("{}:{first} {}", self.0.display(), signature.ident);
            self.1.push((last - first + 1, place));
        }
    }
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_item_fn(&mut self, function: &'ast ItemFn) {
            self.note(&function.sig, &function.block);
            visit::visit_item_fn(self, function);
        }

        fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
            self.note(&function.sig, &function.block);
            visit::visit_impl_item_fn(self, function);
        }

        fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
            if let Some(block) = &function.default {
                self.note(&function.sig, block);
            }
            visit::visit_trait_item_fn(self, function);
        }
    }
    let mut finder = Finder(file, Vec::new());
    // What is no Rust yet is the compiler's to say.
    if let Ok(parsed) = syn::parse_file(text) {
        finder.visit_file(&parsed);
    }
    finder.1
}

fn show(what: &str, mut lengths: Vec<(usize, String)>) {
    lengths.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    println!("the longest {what}, in lines:");
    for (lines, name) in lengths.iter().take(SHOWN) {
        println!("{lines:>6}  {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_and_silent_files_are_faults() {
        let text = format!("use a;\n// {}\n", "é".repeat(98));
        let faults = rust_faults(Path::new("a.rs"), &text);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[1].contains("a.rs:2: 101 columns"), "{faults:?}");
        assert!(rust_faults(Path::new("a.rs"), "//! What it is.\n").is_empty());
    }

    #[test]
    fn promises_are_found_as_whole_words() {
        let text = format!("a\n// {} later\nXXfallback\n", PROMISES[0]);
        assert_eq!(promise_faults(Path::new("a.rs"), &text), ["a.rs:2: do it or drop it"]);
    }

    #[test]
    fn empty_names_are_found_in_folders_too() {
        assert_eq!(name_faults(Path::new("src/test_utils/a.rs")).len(), 1);
        assert_eq!(name_faults(Path::new("src/utility.rs")).len(), 0);
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "trait T { fn a(); }\nfn b(x: [u8; 2])\n{\n  if c {}\n}\nfn d() {}";
        let lengths: Vec<usize> =
            functions(Path::new("a.rs"), text).into_iter().map(|(lines, _)| lines).collect();
        assert_eq!(lengths, [4, 1]);
    }
}
