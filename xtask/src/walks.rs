//! The walks through the code that docs/ARCHITECTURE.md describes lead past files and functions
//! that exist.

use std::path::Path;

use syn::visit::{self, Visit};

use crate::call;
use crate::report::{Outcome, StepResult};
use crate::walk;

const PAGE: &str = "docs/ARCHITECTURE.md";

/// Sections that are walks begin with this.
const HEADING: &str = "## Walk: ";

/// Checks every walk, and prints where it leads nowhere.
pub(crate) fn run() -> StepResult {
    let root = call::root();
    let places = places(&walk::read(&root.join(PAGE))?);
    if places.is_empty() {
        return Err(format!("{PAGE} has no section `{HEADING}…`"));
    }
    let mut faults = Vec::new();
    for Place { line, file, functions } in &places {
        match defined(&root, file) {
            Ok(defined) => {
                let missing = functions.iter().filter(|name| !defined.contains(name));
                faults.extend(missing.map(|name| format!("{PAGE}:{line}: {file} has no `{name}`")));
            }
            Err(why) => faults.push(format!("{PAGE}:{line}: {why}")),
        }
    }
    faults.iter().for_each(|fault| println!("{fault}"));
    match faults.len() {
        0 => {
            println!("{} places of the walks exist", places.len());
            Ok(Outcome::Passed)
        }
        count => Err(format!("{count} places of the walks do not exist")),
    }
}

/// Where a walk leads: a file and functions in it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    file: String,
    functions: Vec<String>,
}

/// What is in backquotes in the walks: a word with a slash names a file, the words after it
/// functions of that file.
fn places(page: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut is_walk = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("## ") {
            is_walk = line.starts_with(HEADING);
        }
        for word in line.split('`').skip(1).step_by(2).filter(|_| is_walk) {
            if word.ends_with(".rs") {
                places.push(Place {
                    line: index + 1,
                    file: word.to_owned(),
                    functions: Vec::new(),
                });
            } else if let Some(place) = places.last_mut() {
                place.functions.push(word.to_owned());
            }
        }
    }
    places
}

/// The functions that a file of the core defines, or of another crate if it says which.
fn defined(root: &Path, file: &str) -> Result<Vec<String>, String> {
    struct Finder(Vec<String>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_signature(&mut self, signature: &'ast syn::Signature) {
            self.0.push(signature.ident.to_string());
            visit::visit_signature(self, signature);
        }
    }
    let core = root.join("sst-nostd/src").join(file);
    let path = if core.exists() { core } else { root.join(file) };
    let text = walk::read(&path).map_err(|_| format!("there is no {file}"))?;
    let parsed = syn::parse_file(&text).map_err(|error| format!("{file}: {error}"))?;
    let mut finder = Finder(Vec::new());
    finder.visit_file(&parsed);
    Ok(finder.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_names_files_and_their_functions() {
        let page =
            "`x/none.rs`\n## Walk: in\n1. `a/b.rs`: `f`, and\n   `g`; `c.rs`\n## Else\n`h`\n";
        let place = |line, file: &str, functions: &[&str]| Place {
            line,
            file: file.to_owned(),
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(places(page), [place(3, "a/b.rs", &["f", "g"]), place(4, "c.rs", &[])]);
    }

    #[test]
    fn functions_of_a_real_file_are_found_and_a_file_that_is_gone_is_told() {
        let root = call::root();
        assert!(defined(&root, "xtask/src/walks.rs").unwrap().contains(&"places".to_owned()));
        assert!(defined(&root, "host/nowhere.rs").is_err());
    }
}
