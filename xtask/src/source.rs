//! Rust source as `syn` reads it: which items are for tests only, and what is inside of macros.

use std::path::Path;

use syn::parse::{ParseStream, Parser};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, Token};

use crate::walk;

/// A module's path from the root of its crate: `["wire", "frame"]`.
pub(crate) type ModulePath = Vec<String>;

/// One file of a crate.
pub(crate) struct Source {
    pub(crate) module: ModulePath,
    /// Its name, as shown.
    pub(crate) shown: String,
    pub(crate) file: syn::File,
}

impl Source {
    /// The file at `inside` a crate's `src`.
    ///
    /// # Errors
    /// Text that is not Rust.
    pub(crate) fn parse(inside: &Path, shown: String, text: &str) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|error| format!("{shown}: {error}"))?;
        Ok(Self { module: module_of(inside), shown, file })
    }
}

/// Every file of the crate in `folder`, shown as `shown/…`, but for those that are test code.
///
/// # Errors
/// A file that cannot be read, or is not Rust.
pub(crate) fn of_crate(folder: &Path, shown: &str) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for file in walk::files(folder, &["rs"])? {
        let inside = file.strip_prefix(folder).unwrap_or(&file);
        if !walk::is_test_file(inside) {
            let shown = format!("{shown}/{}", inside.display());
            sources.push(Source::parse(inside, shown, &walk::read(&file)?)?);
        }
    }
    sources.retain(|source| !is_test(&source.file.attrs));
    Ok(sources)
}

/// The module a file holds: `wire/frame.rs` is `wire::frame`, `wire/mod.rs` is `wire`.
fn module_of(inside: &Path) -> ModulePath {
    let path = inside.with_extension("");
    let mut path: ModulePath =
        path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    path.pop_if(|name| ["lib", "mod"].contains(&name.as_str()));
    path
}

/// Whether what has these attributes is compiled for tests only.
pub(crate) fn is_test(attrs: &[Attribute]) -> bool {
    let mut cfgs = attrs.iter().filter_map(cfg);
    cfgs.any(|cfg| cfg == "test" || cfg.starts_with("all(test,"))
}

/// What a `#[cfg(…)]` says, without spaces.
pub(crate) fn cfg(attr: &Attribute) -> Option<String> {
    let list = attr.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"))?;
    Some(list.tokens.to_string().replace(' ', ""))
}

/// An item's attributes.
pub(crate) fn attrs(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The last name of a type, references taken off: `Tree` of `&mut super::Tree<'_>`.
pub(crate) fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        syn::Type::Paren(paren) => type_name(&paren.elem),
        _ => None,
    }
}

/// Visits the expressions that a macro is called with, as far as they are expressions.
pub(crate) fn visit_inside(mac: &syn::Macro, visitor: &mut impl for<'ast> Visit<'ast>) {
    let read = |input: ParseStream<'_>| {
        while let Ok(expr) = input.parse::<Expr>() {
            visitor.visit_expr(&expr);
            if input.parse::<Option<Token![,]>>()?.is_none() {
                break;
            }
        }
        input.step(|cursor| {
            let mut rest = *cursor;
            while let Some((_, next)) = rest.token_tree() {
                rest = next;
            }
            Ok(((), rest))
        })
    };
    // What is left over is no expression, and holds no call that could be seen.
    let _ = Parser::parse2(read, mac.tokens.clone());
}

/// Every item for tests only: its first and its last line.
pub(crate) fn test_lines(file: &syn::File) -> Vec<(usize, usize)> {
    struct Finder(Vec<(usize, usize)>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_item(&mut self, item: &'ast Item) {
            if is_test(attrs(item)) {
                self.0.push(lines(item));
            } else {
                visit::visit_item(self, item);
            }
        }
    }
    if is_test(&file.attrs) {
        return vec![(0, usize::MAX)];
    }
    let mut finder = Finder(Vec::new());
    finder.visit_file(file);
    finder.0
}

/// The first and the last line of a piece of source, counted from 1.
pub(crate) fn lines(piece: &impl syn::spanned::Spanned) -> (usize, usize) {
    let span = piece.span();
    (span.start().line, span.end().line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_items_are_found_whole() {
        let text = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests { fn b() { [1; 2]; }\n}\n\
                    #[cfg(all(test, feature = \"x\"))]\nconst C: u8 = 1;";
        let file = syn::parse_file(text).unwrap();
        assert_eq!(test_lines(&file), [(2, 5), (6, 7)]);
    }

    #[test]
    fn code_that_tests_share_with_a_feature_is_not_test_code() {
        let text =
            "#[cfg(any(test, feature = \"x\"))] extern crate std; #[cfg(not(test))] fn a() {}";
        assert!(test_lines(&syn::parse_file(text).unwrap()).is_empty());
    }

    #[test]
    fn modules_are_named_after_their_files() {
        assert_eq!(module_of(Path::new("wire/frame.rs")), ["wire", "frame"]);
        assert_eq!(module_of(Path::new("wire/mod.rs")), ["wire"]);
        assert!(module_of(Path::new("lib.rs")).is_empty());
    }
}
