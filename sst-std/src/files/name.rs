//! Which paths are allowed: relative, and nothing in them that leads elsewhere. Names are bytes, as
//! file systems have them.

use rustix::io::Errno;

/// The longest path, in bytes.
pub(super) const MAX_PATH_LEN: usize = 4_096;
/// The longest name of one file, in bytes: what Linux file systems allow.
pub(super) const MAX_NAME_LEN: usize = 255;

/// True if `name` can be one component of a path: no separator, and neither `.` nor `..`.
pub(super) fn is_plain(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| b"/\0".contains(byte))
}

/// A plain name that means the same on every system and on a terminal: what lists without
/// attributes may tell.
pub(super) fn portable(name: &[u8]) -> Option<&str> {
    let is_strange = |character: char| character.is_control() || character == '\\';
    std::str::from_utf8(name).ok().filter(|text| is_plain(name) && !text.contains(is_strange))
}

/// The components of `path`; `None` if it is not plain. The empty path has none.
pub(super) fn components(path: &[u8]) -> Option<Vec<&[u8]>> {
    if path.len() > MAX_PATH_LEN {
        return None;
    }
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    path.split(|byte| *byte == b'/').map(|name| is_plain(name).then_some(name)).collect()
}

/// `name` in the directory `path`.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path.strip_suffix(b"/").unwrap_or(path) {
        [] => name.into(),
        path => [path, b"/", name].concat(),
    }
}

/// True for the names of unfinished files: those of [`random_name`], and of what is being fetched.
pub(super) fn is_unfinished(name: &[u8]) -> bool {
    name.starts_with(b".") && (name.ends_with(b".sst-part") || name.ends_with(b".sst-put"))
}

/// A hidden name that is nobody else's: sixteen digits by chance before the `ending`.
pub(super) fn random_name(ending: &str) -> rustix::io::Result<String> {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Errno::AGAIN)?;
    Ok(format!(".{:016x}{ending}", u64::from_be_bytes(random)))
}

/// True if a symbolic link that is `depth` directories below the top of a tree stays in the tree,
/// whatever other links are on its way: it is relative, and goes up only at its beginning.
pub(super) fn stays_inside(target: &[u8], depth: usize) -> bool {
    let mut parts = target.split(|byte| *byte == b'/').filter(|part| *part != b".").peekable();
    let mut ups = 0;
    while parts.next_if(|part| *part == b"..").is_some() {
        ups += 1;
    }
    !target.is_empty()
        && !target.starts_with(b"/")
        && target.len() < MAX_PATH_LEN
        && !target.contains(&0)
        && ups <= depth
        && parts.all(|part| part != b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let good = ["", "a", "a/b", "a/b/", "...", ".hidden", "ü/ ", "a:b", "-rf", "a\\b", "a\n"];
        for good in good {
            assert!(components(good.as_bytes()).is_some(), "{good:?}");
        }
        assert!(components(b"\xff\xfe/x").is_some());
        let long = "x".repeat(256);
        for bad in ["/", "/a", "a//b", ".", "..", "a/../b", "a/.", "a\0", "a//", &long] {
            assert!(components(bad.as_bytes()).is_none() || bad == "/", "{bad:?}");
        }
        assert_eq!(components(b"a/b/"), Some(vec![&b"a"[..], b"b"]));
        assert_eq!((join(b"", b"a"), join(b"a/", b"b")), (b"a".to_vec(), b"a/b".to_vec()));
        assert_eq!(portable("ü x".as_bytes()), Some("ü x"));
        for strange in [&b"a\\b"[..], b"a\n", b"\xff", b"", b".."] {
            assert_eq!(portable(strange), None, "{strange:?}");
        }
    }

    #[test]
    fn links_stay_inside_only_if_nothing_on_their_way_matters() {
        for (target, depth) in [("a", 0), ("./a/b", 0), ("../a", 1), ("../../a/./b", 2), (".", 0)] {
            assert!(stays_inside(target.as_bytes(), depth), "{target}");
        }
        let out = [("/a", 5), ("../a", 0), ("a/../b", 5), ("a/..", 1), ("../../../a", 2), ("", 3)];
        for (target, depth) in out {
            assert!(!stays_inside(target.as_bytes(), depth), "{target}");
        }
    }
}
