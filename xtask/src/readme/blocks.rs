//! The code blocks of a README, and what stands before them in comments that no reader sees:
//!
//! ```text
//! <!-- run in FOLDER -->                 the lines are for this folder, not for the README's own
//! <!-- not run (REASON) -->              none of its lines is run, and why
//! <!-- not run (REASON): BEGINNING -->   those that begin so
//! ```

/// One code block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What its fence says; `sh` for an indented block.
    pub(super) language: String,
    /// Where its lines are run, if a comment says so.
    pub(super) folder: Option<String>,
    /// Its lines; those that a backslash goes on with are one.
    pub(super) lines: Vec<Line>,
}

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// Why it is not run.
    pub(super) not_run: Option<String>,
}

/// Lines that are not run, and why.
struct Except {
    reason: String,
    /// How they begin; `None` for all of the block.
    beginning: Option<String>,
}

/// The code blocks of a document.
///
/// # Errors
/// A comment that is not understood, or that is about a line that is not there.
pub(super) fn of(document: &str) -> Result<Vec<Block>, String> {
    let (mut found, mut folder, mut excepts) = (Vec::new(), None, Vec::new());
    let mut lines = document.lines().peekable();
    let mut is_after_blank = true;
    while let Some(line) = lines.next() {
        let mut body = Vec::new();
        let language = if let Some(language) = line.strip_prefix("```") {
            body.extend(lines.by_ref().take_while(|line| *line != "```").map(str::to_owned));
            language.split(',').next().unwrap_or("").to_owned()
        } else if is_after_blank && line.starts_with("    ") {
            body.push(line.trim_start().to_owned());
            while let Some(line) = lines.next_if(|line| line.starts_with("    ")) {
                body.push(line.trim_start().to_owned());
            }
            "sh".to_owned()
        } else {
            if let Some(comment) = line.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) {
                read_comment(comment, &mut folder, &mut excepts)?;
            }
            is_after_blank = line.trim().is_empty();
            continue;
        };
        is_after_blank = false;
        found.push(block(language, folder.take(), body, &std::mem::take(&mut excepts))?);
    }
    match excepts.first() {
        Some(Except { reason, .. }) => Err(format!("no block follows the comment ({reason})")),
        None => Ok(found),
    }
}

fn read_comment(
    comment: &str,
    folder: &mut Option<String>,
    excepts: &mut Vec<Except>,
) -> Result<(), String> {
    if let Some(name) = comment.strip_prefix("run in ") {
        *folder = Some(name.to_owned());
    } else if let Some(rest) = comment.strip_prefix("not run (") {
        let (reason, rest) =
            rest.split_once(')').ok_or_else(|| format!("a reason without an end: {comment}"))?;
        let beginning = rest.strip_prefix(": ").map(str::to_owned);
        if beginning.is_none() && !rest.is_empty() {
            return Err(format!("this comment is not understood: {comment}"));
        }
        excepts.push(Except { reason: reason.to_owned(), beginning });
    }
    Ok(())
}

fn block(
    language: String,
    folder: Option<String>,
    body: Vec<String>,
    excepts: &[Except],
) -> Result<Block, String> {
    let texts = joined(body);
    for Except { beginning, .. } in excepts {
        let beginning = beginning.as_deref().unwrap_or("");
        if !texts.iter().any(|text| text.starts_with(beginning)) {
            return Err(format!("no line begins with `{beginning}`, which is not to be run"));
        }
    }
    let line = |text: String| {
        let is_meant = |except: &&Except| {
            except.beginning.as_ref().is_none_or(|beginning| text.starts_with(beginning))
        };
        let not_run = excepts.iter().find(is_meant).map(|except| except.reason.clone());
        Line { text, not_run }
    };
    Ok(Block { language, folder, lines: texts.into_iter().map(line).collect() })
}

/// Lines that end in a backslash, and the next ones, as one; empty ones left out.
fn joined(body: Vec<String>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in body {
        let (text, more) = match line.strip_suffix('\\') {
            Some(text) => (text.to_owned(), true),
            None => (line, false),
        };
        match texts.last_mut().filter(|_| goes_on) {
            Some(before) => before.push_str(text.trim_start()),
            None => texts.push(text),
        }
        goes_on = more;
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
Try it:

<!-- not run (minutes): two -->
```sh
one --a \\
    --b     # says
two

three
```

<!-- run in there -->

    four
    five

* a list
    goes on
";

    #[test]
    fn blocks_are_found_with_what_is_said_of_them() {
        let line = |text: &str, why: Option<&str>| Line {
            text: text.to_owned(),
            not_run: why.map(str::to_owned),
        };
        let blocks = of(DOCUMENT).unwrap();
        let [first, second] = &blocks[..] else { panic!("{blocks:?}") };
        assert_eq!((first.language.as_str(), &first.folder), ("sh", &None));
        assert_eq!(
            first.lines,
            [
                line("one --a --b     # says", None),
                line("two", Some("minutes")),
                line("three", None)
            ]
        );
        assert_eq!(second.folder.as_deref(), Some("there"));
        assert_eq!(second.lines, [line("four", None), line("five", None)]);
    }

    #[test]
    fn comments_that_are_about_nothing_are_errors() {
        for stale in [
            "<!-- not run (no board): six -->\n\n    five\n",
            "<!-- not run (no board) -->\n\nno block\n",
            "<!-- not run (no board -->\n\n    five\n",
            "<!-- not run (no board) six -->\n\n    five\n",
        ] {
            assert!(of(stale).is_err(), "{stale}");
        }
    }
}
