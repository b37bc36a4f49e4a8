//! [`Http1`]: objects over TCP in the ways of HTTP/1.0 and 1.1, a reply after the other on each
//! connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::REQUEST_LEN;
use crate::exchange::{Reader, Writer, ask, read_reply};

/// A browser with so many connections at most.
pub(crate) struct Http1 {
    address: SocketAddr,
    shape: Shape,
    /// Those that stay open; empty if none does.
    open: Vec<Lane>,
}

/// How connections are used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// At once.
    pub(crate) connections: usize,
    /// Requests on one, before the first reply is there; 0: a connection is for one request.
    pub(crate) depth: usize,
}

/// One connection.
type Lane = (Reader, Writer);

/// Sizes of what is still to be asked for.
type Queue = Arc<Mutex<VecDeque<u64>>>;

impl Http1 {
    pub(crate) const fn new(address: SocketAddr, shape: Shape) -> Self {
        Self { address, shape, open: vec![] }
    }

    /// Fetches all of them, over as many connections as there are or may be.
    pub(crate) async fn fetch(&mut self, objects: &[u64]) -> io::Result<()> {
        let queue: Queue = Arc::new(Mutex::new(objects.iter().copied().collect()));
        let (address, depth) = (self.address, self.shape.depth);
        let mut lanes = JoinSet::new();
        for _ in 0..self.shape.connections.min(objects.len()) {
            let (open, queue) = (self.open.pop(), queue.clone());
            lanes.spawn(async move {
                if depth == 0 {
                    return one_each(address, &queue).await.map(|()| None);
                }
                let mut lane = match open {
                    Some(lane) => lane,
                    None => connect(address).await?,
                };
                keep_asking(&mut lane, &queue, depth).await.map(|()| Some(lane))
            });
        }
        while let Some(done) = lanes.join_next().await {
            self.open.extend(done??);
        }
        Ok(())
    }
}

/// A new connection for each.
async fn one_each(address: SocketAddr, queue: &Queue) -> io::Result<()> {
    while let Some(bytes) = next(queue) {
        let (mut reader, mut writer) = connect(address).await?;
        ask(&mut writer, REQUEST_LEN, bytes).await?;
        read_reply(&mut reader, bytes).await?;
    }
    Ok(())
}

/// So many requests are on their way, while there are any.
async fn keep_asking((from, to): &mut Lane, queue: &Queue, depth: usize) -> io::Result<()> {
    let mut asked = VecDeque::new();
    loop {
        while asked.len() < depth
            && let Some(bytes) = next(queue)
        {
            ask(to, REQUEST_LEN, bytes).await?;
            asked.push_back(bytes);
        }
        let Some(bytes) = asked.pop_front() else { return Ok(()) };
        read_reply(from, bytes).await?;
    }
}

async fn connect(address: SocketAddr) -> io::Result<Lane> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Box::new(writer)))
}

fn next(queue: &Queue) -> Option<u64> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;

    use super::*;
    use crate::exchange::answer;

    /// Fetches four objects twice; how many connections that took.
    async fn connections(shape: Shape) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut browser = Http1::new(listener.local_addr().unwrap(), shape);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        tokio::spawn(async move {
            loop {
                let (reader, writer) = listener.accept().await.unwrap().0.into_split();
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(Box::new(reader), Box::new(writer)));
            }
        });
        for _ in 0..2 {
            browser.fetch(&[100, 20_000, 1, 5]).await.unwrap();
        }
        count.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn connections_are_kept_or_made_for_each() {
        let shape = |connections, depth| Shape { connections, depth };
        assert_eq!(connections(shape(1, 0)).await, 8);
        assert_eq!(connections(shape(8, 0)).await, 8);
        assert_eq!(connections(shape(2, 1)).await, 2);
        assert_eq!(connections(shape(2, 4)).await, 2);
    }
}
