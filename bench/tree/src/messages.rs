//! What goes over a connection: a path there; an answer back, ended by the connection's end.
//!
//! A path that is a file: its size (8 bytes), its contents, its BLAKE3 hash. A path that ends in
//! `/`, or is empty: for every file below it, the path (2 bytes of length before it).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Length of a hash, in bytes.
pub(crate) const HASH_LEN: usize = 32;
/// Pieces in which files are read, hashed and written, as those of `sst`.
pub(crate) const PIECE_LEN: usize = 128 << 10;

pub(crate) async fn write_path(to: &mut (impl AsyncWrite + Unpin), path: &str) -> io::Result<()> {
    to.write_all(&encode_path(path)?).await?;
    to.flush().await
}

pub(crate) fn encode_path(path: &str) -> io::Result<Vec<u8>> {
    let len = u16::try_from(path.len()).map_err(io::Error::other)?;
    Ok([&len.to_be_bytes(), path.as_bytes()].concat())
}

pub(crate) async fn read_path(from: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut bytes = vec![0; from.read_u16().await?.into()];
    from.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The paths of a listing.
pub(crate) fn parse_listing(mut bytes: &[u8]) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len));
        let (path, rest) = rest.split_at_checked(len).ok_or(io::ErrorKind::UnexpectedEof)?;
        paths.push(String::from_utf8(path.to_vec()).map_err(io::Error::other)?);
        bytes = rest;
    }
    Ok(paths)
}

/// Only names, none of them special: nothing leads out of the directory.
pub(crate) fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}
