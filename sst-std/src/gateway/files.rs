//! [`Files`]: a directory of pages for browsers. Small on purpose: files are read whole, and
//! nothing but the directory is reachable, links that lead out of it included.

use std::path::{Path, PathBuf};

use super::error::GatewayError;

/// Larger files are refused: a page's parts are smaller, and each is held in memory while it is
/// sent. Large files are what the SST behind the gateway is for.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The directory.
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    pub(super) fn new(root: PathBuf) -> Result<Self, GatewayError> {
        let root = root.canonicalize().map_err(|_| GatewayError::Files { path: root })?;
        Ok(Self { root })
    }

    /// The content type and the contents at the path of a URL.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn read(&self, path: &str) -> Result<(&'static str, Vec<u8>), &'static str> {
        const NONE: &str = "there is no such file";
        let relative = relative(path).ok_or("the path is not allowed")?;
        let mut found =
            tokio::fs::canonicalize(self.root.join(relative)).await.map_err(|_| NONE)?;
        if tokio::fs::metadata(&found).await.is_ok_and(|metadata| metadata.is_dir()) {
            // Relative links on a page only work below a path that ends in a slash.
            if !path.ends_with('/') {
                return Err("a directory; its path ends in /");
            }
            found = tokio::fs::canonicalize(found.join("index.html")).await.map_err(|_| NONE)?;
        }
        if !found.starts_with(&self.root) {
            return Err(NONE);
        }
        let metadata = tokio::fs::metadata(&found).await.map_err(|_| NONE)?;
        if !metadata.is_file() {
            return Err(NONE);
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err("the file is larger than 16 MiB");
        }
        let contents = tokio::fs::read(&found).await.map_err(|_| NONE)?;
        Ok((kind(&found), contents))
    }
}

/// The file that the path of a URL means. Hidden files are none.
fn relative(path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = unescape(part)?;
        if part.starts_with('.') || part.contains(['/', '\\', '\0', ':']) {
            return None;
        }
        relative.push(part);
    }
    Some(relative)
}

fn unescape(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? << 4 | digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// Browsers run modules and WebAssembly only with the right type.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "gif" => "image/gif",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "md" | "txt" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_directory() {
        assert_eq!(relative("/a/b%20c.js"), Some("a/b c.js".into()));
        assert_eq!(relative("//a//"), Some("a".into()));
        for bad in ["/..", "/%2e%2e/x", "/a/%2fetc", "/.git", "/a%5cb", "/%zz", "/%f", "/%ff"] {
            assert_eq!(relative(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn files_are_read_and_links_do_not_lead_out() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(root.path().join("index.html"), "page").unwrap();
        std::fs::create_dir(root.path().join("sub")).unwrap();
        std::fs::write(root.path().join("sub/a.wasm"), "wasm").unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outside.path(), root.path().join("out")).unwrap();
        let files = Files::new(root.path().into()).unwrap();
        assert_eq!(files.read("/").await.unwrap(), ("text/html; charset=utf-8", b"page".to_vec()));
        assert_eq!(files.read("/sub/a.wasm").await.unwrap().0, "application/wasm");
        for bad in ["/none", "/sub", "/sub/", "/out/secret", "/out", "/index.html/x"] {
            assert!(files.read(bad).await.is_err(), "{bad}");
        }
    }
}
