//! Whose the bytes of an image are: by the crate that a symbol's name begins with.

use std::collections::BTreeMap;

use crate::elf::Named;

/// The parts that figures are told of. Names of crates, as symbols have them.
const PARTS: &[(&str, &[&str])] = &[
    ("sst-nostd", &["sst_nostd"]),
    (
        "cryptography",
        &[
            "aead",
            "blake2",
            "blake3",
            "chacha20",
            "chacha20poly1305",
            "cipher",
            "curve25519_dalek",
            "digest",
            "hmac",
            "poly1305",
            "provider",
            "siphasher",
            "subtle",
            "universal_hash",
            "x25519_dalek",
        ],
    ),
    ("face and adapter", &["adapter_embassy", "face"]),
    ("application", &["app"]),
    ("board", &["board_qemu"]),
    // Tasks are compiled into the executor's own functions: they are the application's.
    ("tasks", &["embassy_executor"]),
    (
        "embassy and smoltcp",
        &[
            "embassy_futures",
            "embassy_net",
            "embassy_sync",
            "embassy_time",
            "embassy_time_queue_utils",
            "smoltcp",
            "heapless",
            "managed",
        ],
    ),
    ("core", &["alloc", "compiler_builtins", "core"]),
];
const OTHER: &str = "constants and others";

/// What variables are for, by how their names end: who declares them says little.
const VARIABLES: &[(&str, &[&str])] = &[
    ("rows", &["::MEMORY"]),
    ("host", &["::ENDPOINT"]),
    ("tasks", &["::POOL"]),
    ("packets and frames", &["::RESOURCES", "::BUFFERS", "::PACKET"]),
    ("application", &["::APP"]),
];
const OTHER_VARIABLES: &str = "all else";

/// Bytes of each part.
pub(crate) fn by_part(symbols: &[Named]) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for (name, bytes) in symbols {
        *sums.entry(part_of(name)).or_default() += bytes;
    }
    sums
}

/// Bytes of variables, by what they are for.
pub(crate) fn by_purpose(variables: &[Named]) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for (name, bytes) in variables {
        let ends = |endings: &&[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let part = VARIABLES.iter().find(|(_, endings)| ends(endings));
        *sums.entry(part.map_or(OTHER_VARIABLES, |(part, _)| part)).or_default() += bytes;
    }
    sums
}

/// The part that a function or a variable belongs to.
pub(crate) fn part_of(symbol: &str) -> &'static str {
    let krate = crate_of(symbol);
    let part = PARTS.iter().find(|(_, crates)| crates.contains(&krate));
    part.map_or(OTHER, |(part, _)| part)
}

/// The first crate that a name mentions: `<face::Stream as core::ops::Drop>::drop` is `face`'s.
fn crate_of(symbol: &str) -> &str {
    let start = symbol.trim_start_matches(['<', '&', '_', '$', ' ']);
    let start = start.trim_start_matches("mut ");
    let end = start.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(start.len());
    &start[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_belongs_to_the_crate_it_names_first() {
        assert_eq!(part_of("sst_nostd::host::Host<C>::poll"), "sst-nostd");
        assert_eq!(part_of("<&face::Stream as core::ops::Drop>::drop"), "face and adapter");
        assert_eq!(part_of("memcpy"), OTHER);
    }

    #[test]
    fn variables_are_for_something() {
        let variables = [("app::serve::POOL", 5), ("app::sizes::MEMORY", 7), ("board::X", 1)];
        let variables = variables.map(|(name, bytes)| (name.to_owned(), bytes));
        let sums: Vec<(&str, u64)> = by_purpose(&variables).into_iter().collect();
        assert_eq!(sums, [("all else", 1), ("rows", 7), ("tasks", 5)]);
    }
}
