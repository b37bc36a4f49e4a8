//! What goes over a stream, whatever carries it: requests, and a reply to each, in order.
//!
//! A request is the length of the wanted reply and that of the rest of the request, 8 bytes each,
//! and the rest. It is 16 bytes at least.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) const HEADER_LEN: u64 = 16;
/// Pieces in which long messages are written and read.
pub(crate) const PIECE_LEN: usize = 64 << 10;

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// The first bytes of a request.
pub(crate) fn header(request_len: u64, reply_len: u64) -> [u8; 16] {
    let mut header = [0; 16];
    let rest = request_len.saturating_sub(HEADER_LEN);
    header[..8].copy_from_slice(&reply_len.to_be_bytes());
    header[8..].copy_from_slice(&rest.to_be_bytes());
    header
}

/// The lengths of the reply and of the rest, if it is a request.
pub(crate) fn parse(request: &[u8]) -> Option<(u64, u64)> {
    let (reply, rest) = request.split_first_chunk()?;
    Some((u64::from_be_bytes(*reply), u64::from_be_bytes(*rest.first_chunk()?)))
}

/// Writes a request of `request_len` bytes, all together.
pub(crate) async fn ask(to: &mut Writer, request_len: u64, reply_len: u64) -> io::Result<()> {
    let mut first = header(request_len, reply_len).to_vec();
    let mut rest = request_len.saturating_sub(HEADER_LEN);
    // Short requests leave in one piece, and so in as few packets as they need.
    let together = rest.min(PIECE_LEN as u64);
    first.resize(first.len() + together as usize, 0);
    to.write_all(&first).await?;
    rest -= together;
    fill(to, rest).await?;
    to.flush().await
}

/// Reads `len` bytes: how many there were before the end.
pub(crate) async fn read(from: &mut Reader, len: u64) -> io::Result<u64> {
    let (mut piece, mut rest) = (vec![0; PIECE_LEN], len);
    while rest > 0 {
        let want = PIECE_LEN.min(usize::try_from(rest).unwrap_or(PIECE_LEN));
        match from.read(&mut piece[..want]).await? {
            0 => break,
            len => rest -= len as u64,
        }
    }
    Ok(len - rest)
}

/// Reads a whole reply.
pub(crate) async fn read_reply(from: &mut Reader, len: u64) -> io::Result<()> {
    if read(from, len).await? == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Answers until there are no more requests.
pub(crate) async fn answer(mut from: Reader, mut to: Writer) -> io::Result<()> {
    loop {
        let mut request = [0; HEADER_LEN as usize];
        match from.read_exact(&mut request).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let (reply, rest) = parse(&request).unwrap_or_default();
        read(&mut from, rest).await?;
        fill(&mut to, reply).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

async fn fill(to: &mut Writer, len: u64) -> io::Result<()> {
    let (piece, mut rest) = (vec![0xa5; PIECE_LEN], len);
    while rest > 0 {
        let len = PIECE_LEN.min(usize::try_from(rest).unwrap_or(PIECE_LEN));
        to.write_all(&piece[..len]).await?;
        rest -= len as u64;
    }
    Ok(())
}
