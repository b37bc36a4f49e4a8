//! The gateway, without a browser: packets, refusals, ends, and SST through it.
#![allow(clippy::disallowed_methods, reason = "deadlines need a clock")]

mod carried;
mod command;
mod ended;
mod host;
// Only Linux has all addresses of 127.0.0.0/8, by which a test is several neighbours. Elsewhere
// these tests are left out: what they try is the same code on every system.
#[cfg(target_os = "linux")]
mod neighbours;
mod page;
mod refused;
mod through;
#[path = "../cli/tool.rs"]
#[allow(dead_code, reason = "the tests of the command use the rest")]
mod tool;

use std::net::SocketAddr;
use std::time::Duration;

use sst_std::gateway::{Gateway, GatewayStats, Settings};
use sst_std::{HostId, Identity, Url};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A gateway that runs until it is dropped.
pub(crate) struct Started {
    pub(crate) at: SocketAddr,
    gateway: std::sync::Arc<Gateway>,
    task: JoinHandle<()>,
}

impl Started {
    pub(crate) async fn new(settings: Settings) -> Self {
        let gateway = std::sync::Arc::new(Gateway::bind(settings).await.unwrap());
        let running = gateway.clone();
        let task = tokio::spawn(async move { running.run().await });
        Self { at: gateway.local_addr(), gateway, task }
    }

    pub(crate) fn stats(&self) -> GatewayStats {
        self.gateway.stats()
    }

    /// Waits until the numbers are as they should be.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&GatewayStats) -> bool) {
        let begun = page::now();
        while !is_so(&self.stats()) {
            assert!(begun.elapsed() < page::DEADLINE, "{what}: {}", self.stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it in order.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.gateway.close().await;
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens at any port of this host, for `targets`.
pub(crate) fn settings(targets: &[Url]) -> Settings {
    Settings::new("127.0.0.1:0".parse().unwrap(), targets.to_vec())
}

/// An identity.
pub(crate) fn some_id() -> HostId {
    Identity::generate().unwrap().id()
}

/// A host that is no SST: says everything again, with the port it came from in front.
pub(crate) async fn parrot() -> Url {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 2_000];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            let answer = [&from.port().to_be_bytes(), &buffer[..len]].concat();
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    Url::new(some_id(), at, "")
}
