//! Which paths are allowed: relative, plain, the same on every system.

/// The longest path, in bytes.
pub(super) const MAX_PATH_LEN: usize = 4_096;
/// The longest name of one file, in bytes: what Linux file systems allow.
const MAX_NAME_LEN: usize = 255;

/// True if `name` can be one component of a path here and anywhere: no separator of any system,
/// no `.` or `..`, no control characters.
pub(super) fn is_plain(name: &str) -> bool {
    let is_strange = |character: char| character.is_control() || "/\\\0".contains(character);
    !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && name != "."
        && name != ".."
        && !name.contains(is_strange)
}

/// The components of `path`; `None` if it is not plain. The empty path has none.
pub(super) fn components(path: &str) -> Option<Vec<&str>> {
    if path.len() > MAX_PATH_LEN {
        return None;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    path.split('/').map(|name| is_plain(name).then_some(name)).collect()
}

/// `name` in the directory `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() { name.into() } else { format!("{path}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for good in ["", "a", "a/b", "a/b/", "...", ".hidden", "ü/ ", "a:b", "-rf"] {
            assert!(components(good).is_some(), "{good:?}");
        }
        let long = "x".repeat(256);
        let bad =
            ["/", "/a", "a//b", ".", "..", "a/../b", "a/.", "a\\b", "a\0", "a\n", "a//", &long];
        for bad in bad {
            assert!(components(bad).is_none() || bad == "/", "{bad:?}");
        }
        assert_eq!(components("a/b/"), Some(vec!["a", "b"]));
        assert_eq!((join("", "a"), join("a/", "b")), ("a".into(), "a/b".into()));
    }
}
