//! The names by which a crate's users can import something from it.

use std::collections::BTreeSet;

use syn::{Item, ItemMod, UseTree, Visibility};

use crate::source::{self, ModulePath, Source};

/// Features that open the inside, or tools, to those who ask for it.
const NOT_FOR_USERS: &[&str] = &["insecure-test-hooks", "internals", "sim"];

/// Every public name that can be imported without such a feature: types, functions, constants and
/// modules, each as a path.
pub(crate) fn names(sources: &[Source]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    add(sources, &Vec::new(), &mut names);
    names
}

fn add(sources: &[Source], module: &ModulePath, names: &mut BTreeSet<String>) {
    let Some(source) = sources.iter().find(|source| source.module == *module) else { return };
    add_items(sources, module, &source.file.items, names);
}

fn add_items(
    sources: &[Source],
    module: &ModulePath,
    items: &[Item],
    names: &mut BTreeSet<String>,
) {
    for item in items {
        if !is_for_users(item) {
            continue;
        }
        let mut note = |name: &str| {
            let path: Vec<&str> = module.iter().map(String::as_str).chain([name]).collect();
            names.insert(path.join("::"));
        };
        match item {
            Item::Const(item) => note(&item.ident.to_string()),
            Item::Enum(item) => note(&item.ident.to_string()),
            Item::Fn(item) => note(&item.sig.ident.to_string()),
            Item::Static(item) => note(&item.ident.to_string()),
            Item::Struct(item) => note(&item.ident.to_string()),
            Item::Trait(item) => note(&item.ident.to_string()),
            Item::Type(item) => note(&item.ident.to_string()),
            Item::Use(item) => imported(&item.tree).iter().for_each(|name| note(name)),
            Item::Mod(item) => {
                note(&item.ident.to_string());
                add_module(sources, module, item, names);
            }
            _ => {}
        }
    }
}

fn add_module(
    sources: &[Source],
    parent: &ModulePath,
    item: &ItemMod,
    names: &mut BTreeSet<String>,
) {
    let module: ModulePath = parent.iter().cloned().chain([item.ident.to_string()]).collect();
    match &item.content {
        Some((_, items)) => add_items(sources, &module, items, names),
        None => add(sources, &module, names),
    }
}

/// Whether an item is public, and there without a feature that is not for users.
fn is_for_users(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Mod(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Use(item) => &item.vis,
        _ => return false,
    };
    let needs = |feature: &&str| {
        let asked = format!("feature=\"{feature}\"");
        let cfgs = source::attrs(item).iter().filter_map(source::cfg);
        cfgs.into_iter().any(|cfg| !cfg.starts_with("not(") && cfg.contains(&asked))
    };
    matches!(visibility, Visibility::Public(_))
        && !source::is_test(source::attrs(item))
        && !NOT_FOR_USERS.iter().any(needs)
}

/// The names that a `use` gives.
fn imported(tree: &UseTree) -> Vec<String> {
    match tree {
        UseTree::Path(path) => imported(&path.tree),
        UseTree::Group(group) => group.items.iter().flat_map(imported).collect(),
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(rename) => vec![rename.rename.to_string()],
        UseTree::Glob(_) => vec!["*".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_what_can_be_imported_counts() {
        let files = [
            (
                "lib.rs",
                "mod a; pub mod b; pub use a::{X, Y as Z}; pub(crate) fn f() {} use a::V;\n\
                        #[cfg(feature = \"internals\")] pub mod c;\n\
                        #[cfg(feature = \"alloc\")] pub fn g() {}",
            ),
            ("a.rs", "pub struct X; pub struct Y; pub struct V;"),
            ("b.rs", "pub const N: u8 = 1; impl T { pub fn t() {} } #[cfg(test)] pub mod tests;"),
            ("c.rs", "pub struct Inside;"),
        ];
        let sources: Vec<Source> = files
            .iter()
            .map(|(file, text)| Source::parse(Path::new(file), (*file).to_owned(), text).unwrap())
            .collect();
        assert_eq!(Vec::from_iter(names(&sources)), ["X", "Z", "b", "b::N", "g"]);
    }
}
