//! The serving side.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;

use crate::messages::{PIECE_LEN, encode_path, is_plain, read_path};
use crate::tls;

/// Serves `directory` at `bind`, which is printed when it is there.
pub(crate) async fn run(
    directory: PathBuf,
    bind: SocketAddr,
    certificate: &Path,
) -> io::Result<()> {
    let acceptor = tls::acceptor(certificate)?;
    let listener = TcpListener::bind(bind).await?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let directory: Arc<Path> = directory.into();
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, directory) = (acceptor.clone(), directory.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, acceptor, directory).await {
                eprintln!("tls-tree: {error}");
            }
        });
    }
}

async fn answer(stream: TcpStream, acceptor: TlsAcceptor, root: Arc<Path>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let path = read_path(&mut stream).await?;
    if path.is_empty() || path.ends_with('/') {
        let below = path.trim_end_matches('/').to_string();
        let listing = spawn_blocking(move || listing(&root, &below)).await??;
        stream.write_all(&listing).await?;
    } else if is_plain(&path) {
        send(&mut stream, root.join(path)).await?;
    }
    // The first to close is the one that keeps the port for a minute: not the client, which has
    // only so many.
    stream.shutdown().await
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), path: PathBuf) -> io::Result<()> {
    let (mut file, mut rest, mut answer, mut hasher) =
        spawn_blocking(move || first_piece(&path)).await??;
    while rest > 0 {
        stream.write_all(&answer).await?;
        // Read ahead by the kernel; not worth a thread each.
        answer.resize(PIECE_LEN.min(usize::try_from(rest).unwrap_or(PIECE_LEN)), 0);
        file.read_exact(&mut answer)?;
        hasher.update(&answer);
        rest -= answer.len() as u64;
    }
    answer.extend_from_slice(hasher.finalize().as_bytes());
    stream.write_all(&answer).await
}

/// Everything there is to do on the disk for a small file.
fn first_piece(path: &Path) -> io::Result<(File, u64, Vec<u8>, blake3::Hasher)> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let len = PIECE_LEN.min(usize::try_from(size).unwrap_or(PIECE_LEN));
    let mut answer = size.to_be_bytes().to_vec();
    answer.resize(8 + len, 0);
    file.read_exact(&mut answer[8..])?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&answer[8..]);
    Ok((file, size - len as u64, answer, hasher))
}

fn listing(root: &Path, below: &str) -> io::Result<Vec<u8>> {
    let (mut listing, mut directories) = (Vec::new(), vec![below.to_string()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                listing.extend(encode_path(&path)?);
            }
        }
    }
    Ok(listing)
}
