//! What a module refers to, as paths from the crate's root.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Token};

/// A path from the crate's root: `["wire", "frame", "Ack"]`.
pub(crate) type ModulePath = Vec<String>;

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

/// The references in `text`, the source of module `here`; test code is not looked at.
///
/// Sees `use` trees and written-out paths that begin with `crate`, `self` or `super`, and `use` of
/// a child by its bare name. A glob names nothing, so nothing can be learnt through one.
pub(crate) fn references(
    text: &str,
    here: &ModulePath,
    modules: &BTreeSet<ModulePath>,
) -> Vec<Reference> {
    let tokens = source::tokens(&source::split(text).code);
    let mut is_test = vec![false; tokens.len()];
    for range in source::test_items(&tokens) {
        is_test[range].fill(true);
    }
    let kept = tokens.into_iter().zip(is_test).filter(|(_, test)| !test);
    let tokens: Vec<Token> = kept.map(|(token, _)| token).collect();
    let mut reader = Reader { tokens: &tokens, modules, here: here.clone(), found: Vec::new() };
    reader.read();
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token],
    modules: &'a BTreeSet<ModulePath>,
    /// The module being read, the blocks `mod x { … }` entered so far included.
    here: ModulePath,
    found: Vec<Reference>,
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn read(&mut self) {
        let mut block_ends: Vec<usize> = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            while block_ends.pop_if(|end| *end <= at).is_some() {
                self.here.pop();
            }
            match self.word(at) {
                "mod" if self.word(at + 2) == "{" => {
                    self.here.push(self.word(at + 1).to_owned());
                    block_ends.push(source::item_end(self.tokens, at));
                    at += 3;
                }
                "use" => at = self.read_tree(at + 1, Vec::new(), true),
                "crate" | "self" | "super" if self.word(at + 1) == "::" => {
                    at = self.read_tree(at, Vec::new(), false);
                }
                _ => at += 1,
            }
        }
    }

    /// Reads one path, or one branch of a `use` tree, after `prefix`; returns where it ends.
    fn read_tree(&mut self, start: usize, mut prefix: Vec<String>, is_use: bool) -> usize {
        let line = self.tokens.get(start).map_or(0, |token| token.line);
        let mut at = start;
        loop {
            let word = self.word(at).to_owned();
            if word == "{" && is_use {
                at += 1;
                while !["}", ""].contains(&self.word(at)) {
                    at = self.read_tree(at, prefix.clone(), true);
                    at += usize::from(self.word(at) == ",");
                }
                return at + 1;
            }
            let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if !is_name {
                // `use ::other_crate`, a glob, or the turbofish of an expression.
                let is_foreign = word == "::" && at == start;
                self.add(prefix, None, line);
                return if is_foreign { self.skip_path(at) } else { at + 1 };
            }
            if word != "self" || prefix.is_empty() {
                prefix.push(word);
            }
            if self.word(at + 1) != "::" {
                break;
            }
            at += 2;
        }
        let is_renamed = is_use && self.word(at + 1) == "as";
        at += if is_renamed { 2 } else { 0 };
        let name = is_use.then(|| match self.word(at) {
            "self" => prefix.last().cloned().unwrap_or_default(),
            name => name.to_owned(),
        });
        self.add(prefix, name, line);
        at + 1
    }

    fn skip_path(&self, start: usize) -> usize {
        let mut at = start;
        while ![";", ",", "}", ""].contains(&self.word(at)) {
            at += 1;
        }
        at
    }

    fn add(&mut self, written: Vec<String>, name: Option<String>, line: usize) {
        if let Some(path) = self.absolute(&written) {
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

    fn found(here: &str, text: &str) -> Vec<String> {
        let modules = BTreeSet::from([path("a"), path("a::b"), path("c")]);
        let references = references(text, &path(here), &modules);
        references.iter().map(|reference| reference.path.join("::")).collect()
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
        renames.add(&path("a"), &references("pub use b::X as Y;", &path("a"), &modules));
        assert_eq!(renames.resolve(&path("a::Y::new")), path("a::b::X::new"));
        assert_eq!(renames.resolve(&path("a::Z")), path("a::Z"));
    }
}
