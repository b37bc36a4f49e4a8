//! Which files of a folder call each other, through methods too, and where that goes in a circle.
//!
//! A call is known by the type it is made on (`self`, a parameter or a field of a known type,
//! `Type::name`), or else by a name that one file alone defines. What neither shows is not seen.

mod read;

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{ModulePath, Source};
use read::{Callee, Name, Read};

/// Who calls whom among the files and sub-folders of one folder, and where the first such line is.
type Edges = BTreeMap<(String, String), String>;

/// A circle: files of which each reaches each other by calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) folder: String,
    pub(crate) files: Vec<String>,
    /// One line for each call in it.
    pub(crate) calls: Vec<String>,
}

/// Every circle of calls in the folders of a crate, the largest of a folder first.
pub(crate) fn circles(sources: &[Source]) -> Vec<Circle> {
    let read: Vec<(&Source, Read)> =
        sources.iter().map(|source| (source, Read::of(&source.file))).collect();
    let fields = fields(&read);
    let mut folders: BTreeSet<&[String]> = BTreeSet::new();
    for source in sources {
        folders.extend((1..source.module.len()).map(|len| &source.module[..len]));
    }
    let mut circles = Vec::new();
    for folder in folders {
        let edges = edges(folder, &read, &fields);
        let mut found: Vec<Vec<String>> = components(&edges);
        found.sort_by_key(|files| std::cmp::Reverse(files.len()));
        circles.extend(found.into_iter().map(|files| {
            Circle {
                folder: folder.join("::"),
                calls: edges
                    .iter()
                    .filter(|((from, to), _)| files.contains(from) && files.contains(to))
                    .map(|((from, to), place)| format!("{place}: {from} calls {to}"))
                    .collect(),
                files,
            }
        }));
    }
    circles
}

/// The types of fields: none where two types of one name do not agree.
fn fields(read: &[(&Source, Read)]) -> BTreeMap<(String, String), Option<String>> {
    let mut fields: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    for (key, ty) in read.iter().flat_map(|(_, read)| &read.fields) {
        let known = fields.entry(key.clone()).or_insert_with(|| ty.clone());
        if known != ty {
            *known = None;
        }
    }
    fields
}

/// The calls between the files and sub-folders of `folder`.
fn edges(
    folder: &[String],
    read: &[(&Source, Read)],
    fields: &BTreeMap<(String, String), Option<String>>,
) -> Edges {
    // Who defines a name: `None` is a file outside.
    let mut definers: BTreeMap<Name, BTreeSet<Option<&str>>> = BTreeMap::new();
    let inside = |module: &'_ ModulePath| module.starts_with(folder);
    for (source, read) in read {
        let node = inside(&source.module).then(|| node_of(&source.module, folder.len()));
        for name in &read.defined {
            definers.entry(name.clone()).or_default().insert(node);
            if let Name::Of(_, method) = name {
                definers.entry(Name::Method(method.clone())).or_default().insert(node);
            }
        }
    }
    let mut edges = Edges::new();
    for (source, read) in read.iter().filter(|(source, _)| inside(&source.module)) {
        let from = node_of(&source.module, folder.len());
        for (callee, line) in &read.called {
            let Some(name) = resolve(callee, fields) else { continue };
            // A type's method is looked for in this folder: others may have a type of that name.
            let is_of = matches!(name, Name::Of(..));
            let found =
                definers.get(&name).into_iter().flatten().filter(|at| !is_of || at.is_some());
            if let [Some(to)] = found.collect::<Vec<_>>().as_slice()
                && *to != from
            {
                let place = format!("{}:{line}", source.shown);
                edges.entry((from.to_owned(), (*to).to_owned())).or_insert(place);
            }
        }
    }
    edges
}

/// What is called, a field's type looked up.
fn resolve(callee: &Callee, fields: &BTreeMap<(String, String), Option<String>>) -> Option<Name> {
    match callee {
        Callee::Name(name) => Some(name.clone()),
        Callee::OfField(first, path, method) => {
            let mut ty = first.clone();
            for field in path {
                match fields.get(&(ty, field.clone())) {
                    Some(Some(next)) => ty = next.clone(),
                    _ => return Some(Name::Method(method.clone())),
                }
            }
            Some(Name::Of(ty, method.clone()))
        }
    }
}

/// The file or sub-folder that a module is in, below a folder `depth` deep.
fn node_of(module: &ModulePath, depth: usize) -> &str {
    module.get(depth).map_or("mod", String::as_str)
}

/// The sets of more than one that reach each other.
fn components(edges: &Edges) -> Vec<Vec<String>> {
    let names: BTreeSet<&str> = edges.keys().map(|(from, _)| from.as_str()).collect();
    let from: BTreeMap<&str, BTreeSet<&str>> =
        names.into_iter().map(|name| (name, reached(edges, name))).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (name, reached) in &from {
        if reached.contains(name) {
            let is_mutual =
                |other: &&&str| from.get(**other).is_some_and(|back| back.contains(name));
            found.insert(
                reached.iter().filter(is_mutual).map(|other| (*other).to_owned()).collect(),
            );
        }
    }
    found.into_iter().collect()
}

/// Who can be reached from `start` in one step or more.
fn reached<'a>(edges: &'a Edges, start: &'a str) -> BTreeSet<&'a str> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut left = vec![start];
    while let Some(at) = left.pop() {
        let nexts = edges.keys().filter(|(from, _)| from == at).map(|(_, to)| to.as_str());
        left.extend(nexts.filter(|to| seen.insert(to)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(file, text)| Source::parse(Path::new(file), (*file).to_owned(), text).unwrap())
            .collect();
        let circles = circles(&sources);
        circles
            .iter()
            .map(|circle| format!("{}: {}", circle.folder, circle.files.join(" ")))
            .collect()
    }

    #[test]
    fn methods_of_one_type_in_two_files_go_in_a_circle() {
        let files = [
            ("top/mod.rs", "struct T; impl T { fn c(&self) {} }"),
            ("top/a.rs", "impl T { fn a(&self) { self.b(); self.c(); } }"),
            ("top/b.rs", "impl T { fn b(&self) { debug_assert!(x, self.a()); } }"),
        ];
        assert_eq!(found(&files), ["top: a b"]);
    }

    #[test]
    fn calls_one_way_are_no_circle() {
        let files = [
            ("top/a.rs", "impl T { fn a(&self) { self.b(); super::c::d(); } }"),
            ("top/b.rs", "impl T { fn b(&self) { self.b(); } }"),
            ("top/c.rs", "fn d() { T::b(); }"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn parameters_and_fields_have_types() {
        let files = [
            ("top/a.rs", "struct A { b: B } impl A { fn run(&self) { self.b.run() } }"),
            ("top/b.rs", "struct B; impl B { fn run(&self) {} fn back(x: &A) { x.run() } }"),
            ("top/c.rs", "struct C; impl C { fn len(&self) { Vec::new().len() } }"),
        ];
        assert_eq!(found(&files), ["top: a b"]);
    }

    #[test]
    fn a_name_that_one_file_alone_defines_is_known_without_a_type() {
        let files = [
            ("top/a.rs", "impl A { fn settle(&self) { for x in self.all() { x.refuse() } } }"),
            ("top/b.rs", "impl B { fn refuse(&self) { let a = find(); a.settle() } }"),
            ("other/c.rs", "impl C { fn settle_not(&self) {} }"),
        ];
        assert_eq!(found(&files), ["top: a b"]);
        let mut twice = files.to_vec();
        twice.push(("other/d.rs", "impl D { fn refuse(&self) {} }"));
        assert_eq!(found(&twice), [""; 0]);
    }

    #[test]
    fn a_folder_counts_as_one_and_test_code_not_at_all() {
        let files = [
            ("top/a/mod.rs", "impl T { fn a(&self) { self.b() } }"),
            ("top/a/x.rs", "impl T { fn x(&self) { self.a() } }"),
            ("top/b.rs", "impl T { fn b(&self) {} #[cfg(test)] fn t(&self) { self.a() } }"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }
}
