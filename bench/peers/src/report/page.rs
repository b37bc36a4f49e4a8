//! A page with tables between marks.

use crate::Fallible;

/// `page` with what is between the marks of `name` replaced.
pub(super) fn replace(page: &str, name: &str, text: &str) -> Fallible<String> {
    let [begin, end] = ["begin", "end"].map(|edge| format!("<!-- {name}: {edge} -->\n"));
    let (before, rest) = page.split_once(&begin).ok_or(format!("the page has no {begin}"))?;
    let (_, after) = rest.split_once(&end).ok_or(format!("the page has no {end}"))?;
    Ok([before, &begin, text, &end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- bulk: begin -->\nold\n<!-- bulk: end -->\nb\n";
        let new = replace(page, "bulk", "new\n").unwrap();
        assert_eq!(new, page.replace("old", "new"));
        assert!(replace(page, "memory", "new\n").is_err());
        assert!(replace("<!-- bulk: begin -->\n", "bulk", "").is_err());
    }
}
