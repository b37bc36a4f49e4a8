//! The core's modules import downward only, and nowhere in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::call;
use crate::imports::{self, Reference, Renames};
use crate::report::{Outcome, StepResult};
use crate::source::{self, ModulePath, Source};
use crate::structure;
use crate::walk;

/// The core's top-level modules, lowest first. A module imports only from lines above its own;
/// modules of one line do not import each other. A new module takes its place here.
const HEIGHTS: &[&[&str]] = &[
    &["bytes", "limits", "path", "time"],
    &["id", "storage"],
    &["crypto", "wire"],
    &["noise", "recovery"],
    &["negotiation", "stream"],
    &["channel"],
    &["session"],
    &["host"],
    &["rows", "sim", "transcript"],
];

/// Who imports whom among the modules of one folder, and where the first such line is.
type Edges = BTreeMap<(String, String), String>;

/// Checks the core, and prints what is wrong. `--write` allows what there is from now on.
pub(crate) fn run(options: &[&str]) -> StepResult {
    let sources = source::of_crate(&call::root().join("sst-nostd/src"), "sst-nostd/src")?;
    let mut faults = faults(&sources, HEIGHTS);
    faults.sort();
    for fault in &faults {
        println!("{fault}");
    }
    let ratchet = call::root().join(structure::RATCHET);
    if options == ["--write"] {
        let text = structure::check(&sources, None)?;
        fs::write(&ratchet, text).map_err(|error| format!("{}: {error}", ratchet.display()))?;
    } else {
        structure::check(&sources, Some(&walk::read(&ratchet)?))?;
    }
    match faults.len() {
        0 => {
            println!("{} files import downward only", sources.len());
            Ok(Outcome::Passed)
        }
        count => Err(format!("{count} imports or circles to undo (see `cargo xtask layers`)")),
    }
}

/// Everything wrong in the imports of `sources`.
fn faults(sources: &[Source], heights: &[&[&str]]) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, edges) in folders(sources) {
        if folder.is_empty() {
            faults.extend(height_faults(&edges, heights));
        }
        faults.extend(circle(&edges).map(|circle| {
            let folder = if folder.is_empty() { "crate".into() } else { folder.join("::") };
            format!("{folder}: a circle of imports: {circle}")
        }));
    }
    for Source { module, shown, .. } in sources {
        let is_listed = |name: &String| heights.iter().any(|line| line.contains(&name.as_str()));
        if let [name] = module.as_slice()
            && !is_listed(name)
        {
            faults
                .push(format!("{shown}: {name} has no height: see HEIGHTS in xtask/src/layers.rs"));
        }
    }
    faults
}

/// The imports between siblings, folder by folder. The root folder has the top-level modules.
fn folders(sources: &[Source]) -> BTreeMap<ModulePath, Edges> {
    let mut modules: BTreeSet<ModulePath> = BTreeSet::new();
    for Source { module, .. } in sources {
        modules.extend((1..=module.len()).map(|len| module[..len].to_vec()));
    }
    let mut renames = Renames::default();
    let mut read: Vec<(&ModulePath, &str, Vec<Reference>)> = Vec::new();
    for source in sources {
        let references = imports::references(source, &modules);
        renames.add(&source.module, &references);
        read.push((&source.module, &source.shown, references));
    }
    let mut folders: BTreeMap<ModulePath, Edges> = BTreeMap::new();
    for (from, shown, references) in read {
        for reference in references {
            let to = renames.resolve(&reference.path);
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let (Some(importer), Some(imported)) = (from.get(shared), to.get(shared)) else {
                continue;
            };
            if modules.contains(&to[..=shared]) {
                let edges = folders.entry(to[..shared].to_vec()).or_default();
                let place = format!("{shown}:{}", reference.line);
                edges.entry((importer.clone(), imported.clone())).or_insert(place);
            }
        }
    }
    folders
}

/// Imports that do not run downward.
fn height_faults(edges: &Edges, heights: &[&[&str]]) -> Vec<String> {
    let height = |name: &str| heights.iter().position(|line| line.contains(&name));
    let mut faults = Vec::new();
    for ((from, to), place) in edges {
        if let (Some(from_height), Some(to_height)) = (height(from), height(to))
            && to_height >= from_height
        {
            faults.push(format!(
                "{place}: {from} (height {from_height}) imports {to} (height {to_height}): \
                 imports go down"
            ));
        }
    }
    faults
}

/// One circle among `edges`, if there is any.
fn circle(edges: &Edges) -> Option<String> {
    let mut names: BTreeSet<&str> = edges.keys().map(|(from, _)| from.as_str()).collect();
    loop {
        // Whoever imports nobody that is left is in no circle.
        let left: BTreeSet<&str> =
            names.iter().filter(|name| next(edges, name, &names).is_some()).copied().collect();
        if left.len() == names.len() {
            break;
        }
        names = left;
    }
    // Everybody left imports somebody left: walking on must come back.
    let mut walked: Vec<&str> = vec![names.first()?];
    loop {
        let (to, _) = next(edges, walked.last()?, &names)?;
        if let Some(start) = walked.iter().position(|name| *name == to) {
            walked.push(to);
            return Some(describe(edges, &walked[start..]));
        }
        walked.push(to);
    }
}

/// The first of `names` that `from` imports, and where.
fn next<'a>(edges: &'a Edges, from: &str, names: &BTreeSet<&str>) -> Option<(&'a str, &'a str)> {
    edges.iter().find_map(|((importer, imported), place)| {
        let is_next = importer == from && names.contains(imported.as_str());
        is_next.then_some((imported.as_str(), place.as_str()))
    })
}

fn describe(edges: &Edges, walked: &[&str]) -> String {
    let mut text = walked.join(" -> ");
    for pair in walked.windows(2) {
        if let [from, to] = pair
            && let Some(place) = edges.get(&((*from).to_owned(), (*to).to_owned()))
        {
            text += &format!("\n  {place}: {from} imports {to}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const THREE: &[&[&str]] = &[&["low", "base"], &["middle"], &["top"]];

    fn check(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<_> = files
            .iter()
            .map(|(file, text)| Source::parse(Path::new(file), (*file).to_owned(), text).unwrap())
            .collect();
        faults(&sources, THREE)
    }

    #[test]
    fn downward_imports_pass() {
        let files = [
            ("lib.rs", "pub mod low; pub use top::Top;"),
            ("low.rs", ""),
            ("middle.rs", "use crate::low::Low;"),
            ("top.rs", "use crate::{low, middle::Middle};"),
        ];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn an_upward_import_is_named_with_its_line() {
        let faults = check(&[("low.rs", "\nfn f() -> crate::top::Top {}"), ("top.rs", "")]);
        assert_eq!(faults, ["low.rs:2: low (height 0) imports top (height 2): imports go down"]);
    }

    #[test]
    fn neighbours_of_one_height_may_not_import_each_other() {
        let faults = check(&[("low.rs", "use crate::base;"), ("base.rs", "")]);
        assert_eq!(faults.len(), 1, "{faults:?}");
    }

    #[test]
    fn the_root_hides_nothing() {
        let files =
            [("lib.rs", "pub use top::Top;"), ("low.rs", "use crate::Top;"), ("top.rs", "")];
        assert!(check(&files)[0].contains("low (height 0) imports top"));
    }

    #[test]
    fn a_module_without_a_height_is_a_fault() {
        assert!(check(&[("stray.rs", "")])[0].contains("stray has no height"));
    }

    #[test]
    fn a_circle_of_siblings_is_found_inside_a_folder() {
        let files = [
            ("top/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("top/a.rs", "use super::b::B;"),
            ("top/b.rs", "use super::c::C;"),
            ("top/c.rs", "use super::A;"),
        ];
        let faults = check(&files);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("top: a circle of imports: a -> b -> c -> a\n"),
            "{faults:?}"
        );
        assert!(faults[0].contains("top/c.rs:1: c imports a"), "{faults:?}");
    }

    #[test]
    fn children_may_use_what_their_parent_defines() {
        let files = [
            ("top/mod.rs", "mod a; mod b; pub struct T; use a::A;"),
            ("top/a.rs", "use super::T; use super::b::B;"),
            ("top/b.rs", "use super::T;"),
        ];
        assert_eq!(check(&files), [""; 0]);
    }
}
