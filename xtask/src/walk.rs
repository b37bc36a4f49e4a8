//! The repository's files.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const NOT_OURS: &[&str] =
    &[".git", ".venv", "__pycache__", "artifacts", "corpus", "node_modules", "pkg", "target"];

/// Every file under `folder` with one of the `extensions`, sorted.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let extension = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
            if path.is_dir() && !path.is_symlink() {
                if !NOT_OURS.contains(&name) {
                    folders.push(path);
                }
            } else if extensions.contains(&extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's text.
///
/// # Errors
/// A file that is gone, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether a whole file is test code: `tests.rs`, `*_tests.rs`, or in a folder of tests or benches.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem == "tests"
        || stem.ends_with("_tests")
        || path.components().any(|part| ["benches", "tests"].iter().any(|t| part.as_os_str() == *t))
}
