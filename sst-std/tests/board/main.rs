//! The application of `embedded-demo`, on a Cortex-M4 in QEMU, and this crate talk to each other
//! over Ethernet. `cargo xtask board test` builds the board's image and runs this; without one
//! (SST_BOARD_ELF names it) these tests only say that they did not run.

mod faults;
mod limits;
mod python;
mod qemu;
mod services;
mod wire;

use std::future::Future;
use std::time::Duration;

use sst_std::{Config, Endpoint, Identity, Session, Url};

/// Two processors, one of them emulated: everything takes longer than it would.
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs a test unless there is no image.
fn with_board(test: impl Future<Output = ()>) {
    if qemu::image().is_none() {
        println!("NOT RUN: SST_BOARD_ELF names no image");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, test).await.expect("the test hangs");
    });
}

async fn endpoint() -> Endpoint {
    let mut config = Config::new(Identity::generate().unwrap());
    config.bind = vec!["127.0.0.1:0".parse().unwrap()];
    config.accept = true;
    Endpoint::bind(config).await.unwrap()
}

async fn dial(endpoint: &Endpoint, url: &str) -> Session {
    endpoint.connect(&url.parse::<Url>().unwrap()).await.unwrap()
}
