//! [`Substreams`]: a substream for each request.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::REQUEST_LEN;
use crate::address::{Far, Protocol};
use crate::connect::{Connection, Dialer};
use crate::exchange::{ask, read_reply};

/// A browser with one session.
pub(crate) struct Substreams {
    dialer: Dialer,
    session: Option<Connection>,
}

impl Substreams {
    pub(crate) async fn new(far: &Far) -> io::Result<Self> {
        Ok(Self { dialer: Dialer::new(Protocol::Sst, far).await?, session: None })
    }

    /// Fetches all of them at once.
    pub(crate) async fn fetch(&mut self, objects: &[u64]) -> io::Result<()> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.dialer.connect().await?),
        };
        let mut replies = JoinSet::new();
        for &bytes in objects {
            let (mut reader, mut writer) = session.open().await?;
            ask(&mut writer, REQUEST_LEN, bytes).await?;
            replies.spawn(async move {
                // The end of the request is said, but nobody waits for it to be heard.
                let ended = tokio::spawn(async move { writer.shutdown().await });
                read_reply(&mut reader, bytes).await?;
                drop(ended);
                io::Result::Ok(())
            });
        }
        while let Some(done) = replies.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Says goodbye.
    pub(crate) fn end(self) {
        if let Some(session) = self.session {
            session.end();
        }
    }
}
