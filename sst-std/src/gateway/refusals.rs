//! [`Refusals`]: what is said to a connection for which there is no place.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::places::NoPlace;

/// Refusals that are being said; a connection for which there is none either is closed in silence.
const MAX_AT_ONCE: usize = 16;
/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Says why, to so many at once.
pub(super) struct Refusals {
    places: Arc<Semaphore>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// Answers whatever the other side of `connection` asks with 503 and `why`.
    pub(super) fn say(&self, connection: TcpStream, why: NoPlace) {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            let _ = timeout(TIMEOUT, answer(connection, why)).await;
            drop(place);
        });
    }
}

async fn answer(mut connection: TcpStream, why: NoPlace) -> std::io::Result<()> {
    let body = format!("connections of this gateway: {why}\n");
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8";
    let len = body.len();
    let answer = format!("{head}\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n{body}");
    connection.write_all(answer.as_bytes()).await?;
    connection.shutdown().await?;
    // A socket that is closed with something unread takes back what was said.
    let mut rest = [0; 1_024];
    while connection.read(&mut rest).await? > 0 {}
    Ok(())
}
