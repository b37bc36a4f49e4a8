//! Which requirements of the specification the tests cite, and which they do not.
//!
//! `docs/PROTOCOL.md` numbers a requirement by its section and its place there, in bold brackets;
//! a test cites the number in a comment. The two lists are held against each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::call;
use crate::report::{Outcome, StepResult};
use crate::source;
use crate::walk;

const SPEC: &str = "docs/PROTOCOL.md";

/// Holds how many requirements may be uncited. It only ever goes down.
const RATCHET: &str = "docs/spec-uncited.txt";

/// The requirements of a specification.
#[derive(Default)]
struct Requirements {
    /// Their numbers; true if a test must cite them.
    numbers: BTreeMap<String, bool>,
    faults: Vec<String>,
}

/// Holds tests against the specification.
pub(crate) fn run() -> StepResult {
    let root = call::root();
    let Ok(spec) = std::fs::read_to_string(root.join(SPEC)) else {
        return Ok(Outcome::Skipped(format!("no {SPEC}")));
    };
    let mut requirements = requirements(&spec);
    let mut cited = BTreeSet::new();
    for file in walk::files(&root, &["js", "mjs", "py", "rs", "ts"])? {
        let inside = file.strip_prefix(&root).unwrap_or(&file);
        if inside.starts_with("xtask") {
            continue;
        }
        let text = walk::read(&file)?;
        let is_rust = file.extension().is_some_and(|end| end == "rs");
        let is_test = walk::is_test_file(inside) || inside.starts_with("fuzz");
        for (number, line, is_test) in citations(&text, is_rust, is_test) {
            if !requirements.numbers.contains_key(&number) {
                let place = format!("{}:{line}", inside.display());
                requirements.faults.push(format!("{place}: {number} is not in {SPEC}"));
            }
            if is_test {
                cited.insert(number);
            }
        }
    }
    let allowed = std::fs::read_to_string(root.join(RATCHET)).ok();
    verdict(&requirements, &cited, allowed.as_deref())
}

fn verdict(
    requirements: &Requirements,
    cited: &BTreeSet<String>,
    allowed: Option<&str>,
) -> StepResult {
    let Requirements { numbers, faults } = requirements;
    let now = numbers.iter().filter(|(_, is_due)| **is_due);
    let uncited: Vec<&str> =
        now.map(|(number, _)| number.as_str()).filter(|number| !cited.contains(*number)).collect();
    for number in &uncited {
        println!("{number}: no test cites it");
    }
    for fault in faults {
        println!("error: {fault}");
    }
    let later = numbers.values().filter(|is_due| !**is_due).count();
    println!(
        "{} requirements: {} cited by no test, {later} marked for later",
        numbers.len(),
        uncited.len()
    );
    if !faults.is_empty() {
        return Err(format!("{} wrong numbers", faults.len()));
    }
    let Some(allowed) = allowed else { return Ok(Outcome::Passed) };
    let allowed: usize =
        allowed.trim().parse().map_err(|_| format!("{RATCHET} does not hold one number"))?;
    if uncited.len() > allowed {
        return Err(format!("{} uncited requirements; {RATCHET} allows {allowed}", uncited.len()));
    }
    if uncited.len() < allowed {
        println!("{RATCHET} may now say {} instead of {allowed}", uncited.len());
    }
    Ok(Outcome::Passed)
}

/// Reads a specification: bold numbers are requirements, plain bracketed ones point to them.
fn requirements(spec: &str) -> Requirements {
    let mut found = Requirements::default();
    let mut pointers = Vec::new();
    for (index, line) in spec.lines().enumerate() {
        let place = format!("{SPEC}:{}", index + 1);
        for (at, number) in numbers(line) {
            let (before, after) = (&line[..at], &line[at + number.len()..]);
            if before.ends_with("**[") && after.starts_with("]**") {
                let is_due = !line.contains("(later)");
                if found.numbers.insert(number.to_owned(), is_due).is_some() {
                    found.faults.push(format!("{place}: {number} is there twice"));
                }
            } else if before.ends_with('[') && after.starts_with(']') {
                pointers.push((place.clone(), number.to_owned()));
            }
        }
    }
    for (place, number) in pointers {
        if !found.numbers.contains_key(&number) {
            found.faults.push(format!("{place}: {number} points nowhere"));
        }
    }
    found
}

/// Every number cited in `text`, its line, and whether that line is test code. Of Rust, comments
/// alone are read.
fn citations(text: &str, is_rust: bool, is_test: bool) -> Vec<(String, usize, bool)> {
    // What does not parse is the compiler's to say.
    let parsed = if is_rust { syn::parse_file(text).ok() } else { None };
    let tests = parsed.map(|file| source::test_lines(&file)).unwrap_or_default();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let is_test =
            is_test || tests.iter().any(|(from, to)| (*from..=*to).contains(&line_number));
        let comment =
            if is_rust { line.split_once("//").map_or("", |(_, rest)| rest) } else { line };
        for (_, number) in numbers(comment) {
            found.push((number.to_owned(), line_number, is_test));
        }
    }
    found
}

/// Every requirement number in `line`, and where it begins: `R-`, a section, `-`, a count.
fn numbers(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("R-") {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if line[..at].ends_with(is_word) {
            continue;
        }
        let rest = &line[at + 2..];
        let is_section = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '.';
        let section_len = rest.find(|c: char| !is_section(c)).unwrap_or(rest.len());
        let Some(count) = rest[section_len..].strip_prefix('-') else { continue };
        let count_len = count.find(|c: char| !c.is_ascii_digit()).unwrap_or(count.len());
        if section_len > 0 && count_len > 0 {
            found.push((at, &line[at..at + 2 + section_len + 1 + count_len]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE_UP: &str = "**[R-1-1]** A host must.\n**[R-1.2-1]** It may (later).\nSee [R-1-1].\n";

    #[test]
    fn numbers_are_read_whole() {
        let line = "R-3.2-1, (R-A.1-22) XR-1-1 R--1 R-1- R-4-";
        let found: Vec<&str> = numbers(line).into_iter().map(|(_, number)| number).collect();
        assert_eq!(found, ["R-3.2-1", "R-A.1-22"]);
    }

    #[test]
    fn duplicates_and_dead_pointers_are_faults() {
        assert!(requirements(MADE_UP).faults.is_empty());
        let faults = requirements("**[R-1-1]** a\n**[R-1-1]** b\nsee [R-1-2]\n").faults;
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn only_comments_in_test_code_count_as_tests() {
        let text = "/// R-1-1\nfn a() {}\n#[cfg(test)]\nmod tests {\n// Spec: R-1-2\n\
                    const A: &str = \"R-1-3\";\n}";
        let expected = [("R-1-1".to_owned(), 1, false), ("R-1-2".to_owned(), 5, true)];
        assert_eq!(citations(text, true, false), expected);
        assert_eq!(citations("# R-1-1", false, true), [("R-1-1".to_owned(), 1, true)]);
    }

    #[test]
    fn the_ratchet_only_goes_down() {
        let requirements = requirements(MADE_UP);
        let none = BTreeSet::new();
        assert!(verdict(&requirements, &none, None).is_ok());
        assert!(verdict(&requirements, &none, Some("1\n")).is_ok());
        assert!(verdict(&requirements, &none, Some("0")).is_err());
        let cited = BTreeSet::from(["R-1-1".to_owned()]);
        assert!(verdict(&requirements, &cited, Some("0")).is_ok());
    }
}
