//! What a module refers to, as paths from the crate's root.

use std::collections::{BTreeMap, BTreeSet};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemMod, ItemUse, UseTree};

use crate::source::{self, ModulePath, Source};

/// One reference of a module to something of its own crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// What is meant.
    pub(crate) path: ModulePath,
    /// The name that a `use` gives it here.
    pub(crate) name: Option<String>,
    /// Where, counted from 1.
    pub(crate) line: usize,
}

/// The references in a file; test code is not looked at.
///
/// Sees `use` trees and written-out paths that begin with `crate`, `self` or `super`, and `use` of
/// a child by its bare name. A glob names nothing, so nothing can be learnt through one.
pub(crate) fn references(source: &Source, modules: &BTreeSet<ModulePath>) -> Vec<Reference> {
    let mut reader = Reader { modules, here: source.module.clone(), found: Vec::new() };
    reader.visit_file(&source.file);
    reader.found
}

struct Reader<'a> {
    modules: &'a BTreeSet<ModulePath>,
    /// The module being read, the blocks `mod x { … }` entered so far included.
    here: ModulePath,
    found: Vec<Reference>,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !source::is_test(source::attrs(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !source::is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.add_tree(&item.tree, Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let is_inside =
            matches!(written.first().map(String::as_str), Some("crate" | "self" | "super"));
        if is_inside && written.len() > 1 && path.leading_colon.is_none() {
            self.add(&written, None, path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        source::visit_inside(mac, self);
    }
}

impl Reader<'_> {
    fn add_tree(&mut self, tree: &UseTree, mut prefix: ModulePath) {
        let line = tree.span().start().line;
        let (last, name) = match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                return self.add_tree(&path.tree, prefix);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_tree(tree, prefix.clone()));
            }
            UseTree::Glob(_) => return self.add(&prefix, None, line),
            UseTree::Name(name) => (name.ident.to_string(), None),
            UseTree::Rename(rename) => (rename.ident.to_string(), Some(rename.rename.to_string())),
        };
        if last != "self" {
            prefix.push(last);
        }
        let name = name.or_else(|| prefix.last().cloned());
        self.add(&prefix, name, line);
    }

    fn add(&mut self, written: &[String], name: Option<String>, line: usize) {
        if let Some(path) = self.absolute(written) {
            self.found.push(Reference { path, name, line });
        }
    }

    /// The path from the root, or `None` if it leads out of the crate.
    fn absolute(&self, written: &[String]) -> Option<ModulePath> {
        let first = written.first()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.here.clone(),
            _ => {
                let child: ModulePath = self.here.iter().chain([first]).cloned().collect();
                return self
                    .modules
                    .contains(&child)
                    .then(|| child.into_iter().chain(written[1..].iter().cloned()).collect());
            }
        };
        for word in written {
            match word.as_str() {
                "crate" | "self" => {}
                "super" => {
                    path.pop();
                }
                _ => path.push(word.clone()),
            }
        }
        Some(path)
    }
}

/// Which names a module passes on from elsewhere: `(module, name)` to what it means.
#[derive(Default)]
pub(crate) struct Renames(BTreeMap<(ModulePath, String), ModulePath>);

impl Renames {
    /// Notes what the `use` lines of `module` mean.
    pub(crate) fn add(&mut self, module: &ModulePath, references: &[Reference]) {
        for Reference { path, name, .. } in references {
            if let Some(name) = name {
                self.0.insert((module.clone(), name.clone()), path.clone());
            }
        }
    }

    /// Follows `path` to where its first renamed part is really from.
    pub(crate) fn resolve(&self, path: &ModulePath) -> ModulePath {
        let mut path = path.clone();
        // A chain of re-exports longer than this would be a riddle; also ends a circle of them.
        for _ in 0..8 {
            let step = (0..path.len()).find_map(|at| {
                let target = self.0.get(&(path[..at].to_vec(), path[at].clone()))?;
                let followed: ModulePath = target.iter().chain(&path[at + 1..]).cloned().collect();
                (followed != path).then_some(followed)
            });
            match step {
                Some(followed) => path = followed,
                None => break,
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ModulePath {
        text.split("::").map(str::to_owned).collect()
    }

    fn source(module: &str, text: &str) -> Source {
        let file = syn::parse_file(text).unwrap();
        Source { module: path(module), shown: String::new(), file }
    }

    fn found(here: &str, text: &str) -> Vec<String> {
        let modules = BTreeSet::from([path("a"), path("a::b"), path("c")]);
        references(&source(here, text), &modules)
            .iter()
            .map(|reference| reference.path.join("::"))
            .collect()
    }

    #[test]
    fn use_trees_are_spread_out() {
        let text = "use crate::{a::{self, b::X as Y}, c::*};\nuse core::{mem, fmt};\nuse ::a::Z;";
        assert_eq!(found("d", text), ["a", "a::b::X", "c"]);
    }

    #[test]
    fn written_out_paths_count() {
        let text = "fn f() { crate::c::g::<u8>(super::b::H, self::i()); }";
        assert_eq!(found("a::d", text), ["c::g", "a::b::H", "a::d::i"]);
    }

    #[test]
    fn a_child_is_known_by_its_bare_name() {
        assert_eq!(found("a", "pub use b::X; use other::Y;"), ["a::b::X"]);
    }

    #[test]
    fn blocks_shift_what_super_means() {
        assert_eq!(found("a", "mod x { use super::Y; } use super::c::Z;"), ["a::Y", "c::Z"]);
    }

    #[test]
    fn test_code_and_comments_do_not_count() {
        let text = "// crate::c\n/// [`crate::c::X`]\n#[cfg(test)]\nmod tests { use crate::c::X; }";
        assert_eq!(found("a", text), [""; 0]);
    }

    #[test]
    fn re_exports_are_followed() {
        let modules = BTreeSet::from([path("a"), path("a::b")]);
        let mut renames = Renames::default();
        renames.add(&path("a"), &references(&source("a", "pub use b::X as Y;"), &modules));
        assert_eq!(renames.resolve(&path("a::Y::new")), path("a::b::X::new"));
        assert_eq!(renames.resolve(&path("a::Z")), path("a::Z"));
    }
}
