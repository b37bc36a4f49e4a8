//! [`Files`]: a directory of pages for browsers. Small on purpose: nothing but the directory is
//! reachable, links that lead out of it included; [`Contents`]: a file of it, on its way out.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use super::error::GatewayError;

/// Larger files are refused: a page's parts are smaller, and a connection has its time. Large files
/// are what the SST behind the gateway is for.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Of a file, what is in memory while it is sent.
const PIECE_BYTES: usize = 32 << 10;

/// The directory.
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    pub(super) fn new(root: PathBuf) -> Result<Self, GatewayError> {
        let root = root.canonicalize().map_err(|_| GatewayError::Files { path: root })?;
        Ok(Self { root })
    }

    /// What the path of a URL means.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn open(&self, path: &str) -> Result<Contents, &'static str> {
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
        // A pipe would wait for its writer to be opened at all.
        if !tokio::fs::metadata(&found).await.is_ok_and(|metadata| metadata.is_file()) {
            return Err(NONE);
        }
        let file = File::open(&found).await.map_err(|_| NONE)?;
        let metadata = file.metadata().await.map_err(|_| NONE)?;
        if !metadata.is_file() {
            return Err(NONE);
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err("the file is larger than 16 MiB");
        }
        Ok(Contents { kind: kind(&found), file, len: metadata.len(), left: metadata.len() })
    }
}

/// A file that is sent piece by piece, as the browser takes it.
pub(super) struct Contents {
    kind: &'static str,
    file: File,
    len: u64,
    left: u64,
}

impl Contents {
    /// Its content type.
    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its length in bytes when it was opened.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }
}

impl Body for Contents {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = vec![0; most];
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.file).poll_read(cx, &mut buffer))?;
        let len = buffer.filled().len();
        if len == 0 {
            // Its length is promised; an end in order would pass a part for the whole.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        piece.truncate(len);
        self.left = self.left.saturating_sub(len as u64);
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
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
    use http_body_util::BodyExt;

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
    async fn a_file_is_sent_in_pieces_and_never_as_a_shorter_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("large.bin");
        std::fs::write(&path, vec![7; 3 * PIECE_BYTES]).unwrap();
        let files = Files::new(root.path().into()).unwrap();
        let mut contents = files.open("/large.bin").await.unwrap();
        let piece = contents.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
        let mut rest = piece.len();
        let end = loop {
            match contents.frame().await {
                Some(Ok(frame)) => rest += frame.into_data().unwrap().len(),
                end => break end,
            }
        };
        let error = end.expect("an error, not an end in order").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(rest < 3 * PIECE_BYTES);
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
        let page = files.open("/").await.unwrap();
        assert_eq!((page.kind(), page.len()), ("text/html; charset=utf-8", 4));
        assert_eq!(page.collect().await.unwrap().to_bytes(), "page");
        assert_eq!(files.open("/sub/a.wasm").await.unwrap().kind(), "application/wasm");
        for bad in ["/none", "/sub", "/sub/", "/out/secret", "/out", "/index.html/x"] {
            assert!(files.open(bad).await.is_err(), "{bad}");
        }
    }
}
