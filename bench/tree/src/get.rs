//! The fetching side.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::messages::{HASH_LEN, PIECE_LEN, is_plain, parse_listing, write_path};
use crate::tls::server_name;

/// A file whose connection fails is asked for again.
const MAX_ATTEMPTS: u32 = 3;

/// Fetches from one server into one directory.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) connector: TlsConnector,
    pub(crate) output: PathBuf,
    pub(crate) is_synced: bool,
}

#[derive(Default)]
struct Sum {
    files: u64,
    bytes: u64,
    attempts: u64,
}

impl Client {
    /// Fetches everything below `path`, by `jobs` connections at a time.
    pub(crate) async fn run(self, path: &str, jobs: usize) -> io::Result<()> {
        let started_at = Instant::now();
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let paths = self.list(&below).await?;
        let connected_secs = started_at.elapsed().as_secs_f64();
        let (client, below) = (Arc::new(self), Arc::<str>::from(below));
        client.make_directories(&paths, &below)?;
        let queue = Arc::new(Mutex::new(paths.into_iter()));
        let mut workers = JoinSet::new();
        for _ in 0..jobs.max(1) {
            let (client, queue, below) = (client.clone(), queue.clone(), below.clone());
            workers.spawn(async move {
                let mut sum = Sum::default();
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(path) = next() {
                    client.fetch(&path, &below, &mut sum).await?;
                }
                io::Result::Ok(sum)
            });
        }
        let mut sum = Sum::default();
        while let Some(done) = workers.join_next().await {
            let done = done??;
            sum.files += done.files;
            sum.bytes += done.bytes;
            sum.attempts += done.attempts;
        }
        let Sum { files, bytes, attempts } = sum;
        let seconds = started_at.elapsed().as_secs_f64();
        println!(
            "{{\"files\":{files},\"bytes\":{bytes},\"jobs\":{jobs},\"connections\":{attempts},\
             \"listing_seconds\":{connected_secs:.3},\"seconds\":{seconds:.3}}}"
        );
        Ok(())
    }

    async fn connect(&self, path: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut stream = self.connector.connect(server_name(), stream).await?;
        write_path(&mut stream, path).await?;
        Ok(stream)
    }

    async fn list(&self, below: &str) -> io::Result<Vec<String>> {
        let mut listing = Vec::new();
        self.connect(below).await?.read_to_end(&mut listing).await?;
        parse_listing(&listing)
    }

    fn make_directories(&self, paths: &[String], below: &str) -> io::Result<()> {
        fs::create_dir_all(&self.output)?;
        let mut last = PathBuf::new();
        for path in paths {
            let to = self.local(path, below)?;
            let Some(parent) = to.parent() else { continue };
            if parent != last {
                fs::create_dir_all(parent)?;
                last = parent.into();
            }
        }
        Ok(())
    }

    fn local(&self, path: &str, below: &str) -> io::Result<PathBuf> {
        let inside = path.strip_prefix(below).filter(|inside| is_plain(inside));
        Ok(self.output.join(inside.ok_or(io::ErrorKind::InvalidData)?))
    }

    async fn fetch(&self, path: &str, below: &str, sum: &mut Sum) -> io::Result<()> {
        let to = self.local(path, below)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            sum.attempts += 1;
            match self.fetch_once(path, to.clone()).await {
                Ok(bytes) => {
                    sum.files += 1;
                    sum.bytes += bytes;
                    return Ok(());
                }
                Err(error) if attempt == MAX_ATTEMPTS => return Err(error),
                Err(error) => eprintln!("tls-tree: {path}: {error}; again"),
            }
        }
    }

    async fn fetch_once(&self, path: &str, to: PathBuf) -> io::Result<u64> {
        let mut stream = self.connect(path).await?;
        let size = stream.read_u64().await?;
        let temporary = to.with_added_extension("part");
        let (mut rest, mut hasher, mut file) = (size, blake3::Hasher::new(), None);
        let mut piece = vec![0; PIECE_LEN.min(usize::try_from(size).unwrap_or(PIECE_LEN))];
        loop {
            let want = piece.len().min(usize::try_from(rest).unwrap_or(PIECE_LEN));
            stream.read_exact(&mut piece[..want]).await?;
            piece.truncate(want);
            hasher.update(&piece);
            rest -= want as u64;
            if rest == 0 {
                break;
            }
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(File::create(&temporary)?),
            };
            file.write_all(&piece)?;
        }
        let mut hash = [0; HASH_LEN];
        stream.read_exact(&mut hash).await?;
        if hasher.finalize() != hash {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the hash does not match"));
        }
        let is_synced = self.is_synced;
        // A small file is on the disk in one step.
        spawn_blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => File::create(&temporary)?,
            };
            file.write_all(&piece)?;
            if is_synced {
                file.sync_all()?;
            }
            fs::rename(&temporary, &to)
        })
        .await??;
        Ok(size)
    }
}
