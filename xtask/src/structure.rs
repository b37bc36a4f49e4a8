//! Numbers of the core's structure that only ever go down, each held by a line of a file.

use std::collections::BTreeMap;

use syn::{Item, Visibility};

use crate::calls::{self, Circle};
use crate::public;
use crate::source::{self, Source};

/// Holds what the core may still have.
pub(crate) const RATCHET: &str = "docs/structure.txt";

/// What a number counts, and the numbers: of circles in a folder there may be several.
type Numbers = BTreeMap<String, Vec<usize>>;

/// Counts, prints what is in circles, and holds the numbers against those `allowed`. With
/// `allowed` none, they are only printed. Answers the text of a file that allows just these.
///
/// # Errors
/// What has grown.
pub(crate) fn check(sources: &[Source], allowed: Option<&str>) -> Result<String, String> {
    let circles = calls::circles(sources);
    for Circle { folder, files, calls } in &circles {
        println!("{folder}: {} files call each other: {}", files.len(), files.join(", "));
        calls.iter().for_each(|call| println!("  {call}"));
    }
    let numbers = count(sources, &circles);
    if let Some(allowed) = allowed {
        hold(&numbers, &parse(allowed)?)?;
    }
    Ok(text(&numbers))
}

fn count(sources: &[Source], circles: &[Circle]) -> Numbers {
    let mut numbers = Numbers::from([
        ("files with impl Host".to_owned(), vec![files_with_impl(sources, "Host")]),
        ("files with impl Streams".to_owned(), vec![files_with_impl(sources, "Streams")]),
        ("public fields of Session".to_owned(), vec![public_fields(sources, "Session")]),
        ("public names".to_owned(), vec![public::names(sources).len()]),
    ]);
    for circle in circles {
        let what = format!("files in a circle of calls, {}", circle.folder);
        numbers.entry(what).or_default().push(circle.files.len());
    }
    numbers
}

fn files_with_impl(sources: &[Source], name: &str) -> usize {
    let is_own = |item: &Item| {
        matches!(item, Item::Impl(item)
            if item.trait_.is_none()
                && !source::is_test(&item.attrs)
                && source::type_name(&item.self_ty).is_some_and(|own| own == name))
    };
    sources.iter().filter(|source| source.file.items.iter().any(is_own)).count()
}

fn public_fields(sources: &[Source], name: &str) -> usize {
    let items = sources.iter().flat_map(|source| &source.file.items);
    let fields = items.filter_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(&item.fields),
        _ => None,
    });
    fields.flatten().filter(|field| matches!(field.vis, Visibility::Public(_))).count()
}

/// Holds each number against the one that is allowed: a number that no line allows is new.
fn hold(numbers: &Numbers, allowed: &Numbers) -> Result<(), String> {
    let mut grown = Vec::new();
    let mut has_shrunk = numbers.keys().ne(allowed.keys());
    for (what, now) in numbers {
        let allowed = allowed.get(what).map_or([].as_slice(), Vec::as_slice);
        let at = |place: usize| allowed.get(place).copied().unwrap_or(0);
        if now.iter().enumerate().any(|(place, number)| *number > at(place)) {
            grown.push(format!("{what}: {}, allowed: {}", words(now), words(allowed)));
        }
        has_shrunk |= now.as_slice() != allowed;
    }
    if !grown.is_empty() {
        return Err(format!("{RATCHET}: {}", grown.join("; ")));
    }
    if has_shrunk {
        println!("{RATCHET} may now say less: cargo xtask layers --write");
    }
    Ok(())
}

fn words(numbers: &[usize]) -> String {
    let words: Vec<String> = numbers.iter().map(usize::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn text(numbers: &Numbers) -> String {
    numbers.iter().map(|(what, numbers)| format!("{what}: {}\n", words(numbers))).collect()
}

fn parse(text: &str) -> Result<Numbers, String> {
    let line = |line: &str| {
        let (what, numbers) = line.rsplit_once(": ")?;
        let numbers: Result<Vec<usize>, _> = numbers.split(' ').map(str::parse).collect();
        Some((what.to_owned(), numbers.ok()?))
    };
    let lines: Option<Numbers> = text.lines().map(line).collect();
    lines.ok_or_else(|| format!("{RATCHET}: a line is `what: number`"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        let parse =
            |(file, text): &(&str, &str)| Source::parse(Path::new(file), String::new(), text);
        files.iter().map(|file| parse(file).unwrap()).collect()
    }

    const FILES: &[(&str, &str)] = &[
        ("lib.rs", "pub mod host; mod session;"),
        ("host/mod.rs", "pub struct Host;"),
        ("host/a.rs", "impl Host { fn a(&self) { self.b() } }"),
        ("host/b.rs", "impl Host { fn b(&self) { self.a() } } impl Drop for Host {}"),
        ("session.rs", "pub struct Session { pub a: u8, pub(crate) b: u8, c: u8 }"),
    ];

    #[test]
    fn a_file_allows_what_it_says_and_less() {
        let now = check(&sources(FILES), None).unwrap();
        let expected = "files in a circle of calls, host: 2\nfiles with impl Host: 2\n\
                        files with impl Streams: 0\npublic fields of Session: 1\npublic names: 2\n";
        assert_eq!(now, expected);
        assert!(check(&sources(FILES), Some(&now)).is_ok());
        let more = now.replace("host: 2", "host: 3 2");
        assert!(check(&sources(FILES), Some(&more)).is_ok());
    }

    #[test]
    fn what_grows_or_is_new_fails() {
        let now = check(&sources(FILES), None).unwrap();
        for (from, to) in [("Host: 2", "Host: 1"), ("files in a circle of calls, host: 2\n", "")] {
            let error = check(&sources(FILES), Some(&now.replace(from, to))).unwrap_err();
            assert!(
                error.contains("host: 2, allowed: none") || error.contains("Host: 2, allowed: 1")
            );
        }
        assert!(check(&sources(FILES), Some("nonsense")).is_err());
    }
}
