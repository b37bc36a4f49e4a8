//! The application's door: what it does to streams, and what it hears of them.

mod datagrams;
mod halves;
pub(super) mod inspect;
mod news;
mod settings;
mod tree;
