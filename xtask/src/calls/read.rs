//! What a file defines and what it calls.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, FnArg, Item, Pat, Signature};

use crate::source;

/// How a function is named at its definition or in a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A function outside of any type.
    Free(String),
    /// A method or an associated function of a type.
    Of(String, String),
    /// A method of a type that is not known.
    Method(String),
}

/// What is called, and the line.
pub(super) type Called = (Callee, usize);

#[derive(Debug)]
pub(super) enum Callee {
    Name(Name),
    /// A method of a field: the type that the first value has, the fields after it, the method.
    OfField(String, Vec<String>, String),
}

/// What one file defines and calls.
#[derive(Default)]
pub(super) struct Read {
    pub(super) defined: BTreeSet<Name>,
    pub(super) called: Vec<Called>,
    /// The type of each field of each type.
    pub(super) fields: Vec<((String, String), Option<String>)>,
    /// The type whose methods are being read.
    own: Option<String>,
    /// The types of the parameters of the function being read.
    parameters: BTreeMap<String, String>,
}

impl Read {
    pub(super) fn of(file: &syn::File) -> Self {
        let mut read = Self::default();
        read.visit_file(file);
        read
    }

    fn define(&mut self, signature: &Signature) {
        let name = signature.ident.to_string();
        self.defined.insert(match &self.own {
            Some(own) => Name::Of(own.clone(), name),
            None => Name::Free(name),
        });
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input
                && let Pat::Ident(pattern) = &*typed.pat
                && let Some(ty) = source::type_name(&typed.ty)
            {
                self.parameters.insert(pattern.ident.to_string(), ty);
            }
        }
    }

    /// A type's name, `Self` replaced.
    fn known(&self, name: String) -> Option<String> {
        if name == "Self" { self.own.clone() } else { Some(name) }
    }

    /// The type that an expression begins with, and the fields that lead on from there.
    fn receiver(&self, expr: &Expr) -> Option<(String, Vec<String>)> {
        match expr {
            Expr::Path(path) => {
                let name = path.path.get_ident()?.to_string();
                let known = if name == "self" { self.own.clone() } else { None };
                Some((known.or_else(|| self.parameters.get(&name).cloned())?, Vec::new()))
            }
            Expr::Field(field) => {
                let (first, mut fields) = self.receiver(&field.base)?;
                let syn::Member::Named(name) = &field.member else { return None };
                fields.push(name.to_string());
                Some((first, fields))
            }
            Expr::Paren(paren) => self.receiver(&paren.expr),
            Expr::Reference(reference) => self.receiver(&reference.expr),
            _ => None,
        }
    }
}

impl<'ast> Visit<'ast> for Read {
    fn visit_item(&mut self, item: &'ast Item) {
        if source::is_test(source::attrs(item)) {
            return;
        }
        let before = self.own.take();
        match item {
            Item::Impl(item) => self.own = source::type_name(&item.self_ty),
            Item::Trait(item) => self.own = Some(item.ident.to_string()),
            Item::Struct(item) => {
                for field in &item.fields {
                    if let Some(name) = &field.ident {
                        let key = (item.ident.to_string(), name.to_string());
                        self.fields.push((key, source::type_name(&field.ty)));
                    }
                }
            }
            _ => {}
        }
        visit::visit_item(self, item);
        self.own = before;
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let before = std::mem::take(&mut self.parameters);
        self.define(&function.sig);
        visit::visit_item_fn(self, function);
        self.parameters = before;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if source::is_test(&function.attrs) {
            return;
        }
        self.parameters.clear();
        self.define(&function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let method = call.method.to_string();
        let callee = match self.receiver(&call.receiver) {
            Some((first, fields)) => Callee::OfField(first, fields, method),
            None => Callee::Name(Name::Method(method)),
        };
        self.called.push((callee, call.method.span().start().line));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func
            && let Some(name) = path.path.get_ident()
        {
            let callee = Callee::Name(Name::Free(name.to_string()));
            self.called.push((callee, name.span().start().line));
        }
        visit::visit_expr_call(self, call);
    }

    /// `Type::name` and `module::name`, called or handed on.
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let names: Vec<&syn::Ident> = path.path.segments.iter().map(|part| &part.ident).collect();
        if let [.., owner, name] = names.as_slice() {
            let owner = owner.to_string();
            let name_text = name.to_string();
            let is_type = owner.starts_with(char::is_uppercase);
            let found = match self.known(owner) {
                Some(owner) if is_type => Name::Of(owner, name_text),
                _ => Name::Free(name_text),
            };
            self.called.push((Callee::Name(found), name.span().start().line));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        source::visit_inside(mac, self);
    }
}
