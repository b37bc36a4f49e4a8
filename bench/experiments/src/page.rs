//! A page of docs/experiments: prose by hand, and parts between marks that experiments fill.
//!
//! A part begins with `<!-- NAME: begin -->` and ends with `<!-- NAME: end -->`, each on a line of
//! its own. What lies outside of an experiment's own part is never touched.

use std::path::{Path, PathBuf};

/// What a new page says, until somebody writes more.
const TEMPLATE: &str = "\
# PAGE

**What was shown.**

**How this is set up.**

<!-- simulated: begin -->
<!-- simulated: end -->

**What differs.**
";

/// One page.
pub(crate) struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// The page of this name; a template if there is none yet.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(format!("{name}.md"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                TEMPLATE.replace("PAGE", name)
            }
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        Ok(Self { path, text })
    }

    /// Replaces a part, or adds it before the last paragraph, and keeps the page.
    pub(crate) fn fill(&self, part: &str, content: &str) -> Result<(), String> {
        let text = filled(&self.text, part, content)
            .or_else(|| filled(&with_part(&self.text, part), part, content))
            .ok_or_else(|| format!("{} has no part `{part}`", self.path.display()))?;
        super::write(&self.path, &text)
    }
}

/// With an empty part of this name before what differs, or at the end.
fn with_part(text: &str, part: &str) -> String {
    let at = text.find("**What differs.**").unwrap_or(text.len());
    let (before, after) = text.split_at(at);
    let space = if after.is_empty() { "" } else { "\n" };
    format!("{before}<!-- {part}: begin -->\n<!-- {part}: end -->\n{space}{after}")
}

fn filled(text: &str, part: &str, content: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some([before, &begin, content, &end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_part_is_replaced() {
        let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        let new = "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n";
        assert_eq!(filled(text, "x", "new\n").as_deref(), Some(new));
        assert_eq!(filled(text, "y", "new\n"), None);
        assert!(filled(TEMPLATE, "simulated", "").is_some());
        let added = with_part("a\n\n**What differs.** b\n", "lab");
        assert_eq!(added, "a\n\n<!-- lab: begin -->\n<!-- lab: end -->\n\n**What differs.** b\n");
    }
}
