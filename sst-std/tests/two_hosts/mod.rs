//! What several test files start from.
#![allow(dead_code, reason = "each test file uses its part")]

use std::future::Future;
use std::time::Duration;

use sst_std::{Config, Endpoint, Identity, OpenOptions, Session, Stream};
use tokio::io::AsyncWriteExt;

/// Two endpoints on the loopback interface and the session between them.
pub(crate) struct Pair {
    pub(crate) near: Endpoint,
    pub(crate) far: Endpoint,
    pub(crate) here: Session,
    pub(crate) there: Session,
}

impl Pair {
    /// A stream from here on which these bytes were written, and its other end.
    pub(crate) async fn stream_with(&self, bytes: &[u8]) -> (Stream, Stream) {
        let mut sent = self.here.open_substream(OpenOptions::new()).await.unwrap();
        sent.write_all(bytes).await.unwrap();
        (sent, self.there.listen(1).accept().await.unwrap())
    }
}

pub(crate) async fn endpoint(change: impl FnOnce(&mut Config)) -> Endpoint {
    let mut config = Config::new(Identity::generate().unwrap());
    config.bind = vec!["127.0.0.1:0".parse().unwrap()];
    change(&mut config);
    Endpoint::bind(config).await.unwrap()
}

pub(crate) async fn pair() -> Pair {
    pair_with(|_| ()).await
}

/// The same, with settings of the one that accepts.
pub(crate) async fn pair_with(change: impl FnOnce(&mut Config)) -> Pair {
    let near = endpoint(|_| ()).await;
    let far = endpoint(|config| {
        config.accept = true;
        change(config);
    })
    .await;
    let here = near.connect_to(Some(far.id()), far.local_addrs()[0]).await.unwrap();
    let there = far.accept().await.unwrap();
    Pair { near, far, here, there }
}

/// Fails instead of hanging: nothing takes so long, on the busiest machine.
pub(crate) async fn timed<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(200), test).await.expect("the test hangs")
}
