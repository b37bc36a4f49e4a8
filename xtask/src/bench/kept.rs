//! Tables that commands keep in docs/BENCHMARKS.md, each between two lines with its name.

use std::path::PathBuf;

use crate::call;

/// The table of that name.
pub(super) fn read(name: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path()).map_err(|error| error.to_string())?;
    Ok(split(&text, name)?[1].to_owned())
}

/// Puts `table` in place of the one of that name.
pub(super) fn replace(name: &str, table: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path()).map_err(|error| error.to_string())?;
    let [before, _, after] = split(&text, name)?;
    std::fs::write(path(), [before, table, after].concat()).map_err(|error| error.to_string())
}

fn path() -> PathBuf {
    call::root().join("docs/BENCHMARKS.md")
}

/// What stands before the table, the table, and what stands after it.
fn split<'t>(text: &'t str, name: &str) -> Result<[&'t str; 3], String> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let missing = || format!("docs/BENCHMARKS.md has no place for {name}");
    let from = text.find(&begin).ok_or_else(missing)? + begin.len();
    let to = from + text[from..].find(&end).ok_or_else(missing)?;
    Ok([&text[..from], &text[from..to], &text[to..]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_by_its_name() {
        let text = "a\n<!-- one: begin -->\n|1|\n<!-- one: end -->\nb\n<!-- two: begin -->\n";
        let found = split(text, "one");
        let before = "a\n<!-- one: begin -->\n";
        let after = "<!-- one: end -->\nb\n<!-- two: begin -->\n";
        assert_eq!(found, Ok([before, "|1|\n", after]));
        assert!(split(text, "two").is_err() && split(text, "three").is_err());
    }
}
