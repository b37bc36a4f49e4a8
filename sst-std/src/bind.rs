//! [`Endpoint::bind`]: an endpoint on UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sst_nostd::Host;
use tokio::runtime::Handle;
use tracing::info;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::{liking, primitives};
use crate::driver::Driver;
use crate::endpoint::{Endpoint, host_config, open_key_log, storage_for};
use crate::error::BindError;
use crate::shared::{Lifeline, Shared};
use crate::udp::{Receiver, Socket};

impl Endpoint {
    /// Binds the sockets and starts the endpoint's task in the current tokio runtime.
    ///
    /// # Errors
    /// [`BindError`].
    ///
    /// # Examples
    /// ```
    /// use sst_std::{Config, Endpoint, Identity};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let endpoint = Endpoint::bind(Config::new(Identity::generate()?)).await?;
    /// println!("{} at {:?}", endpoint.id(), endpoint.local_addrs());
    /// endpoint.close().await;
    /// # Ok(()) }
    /// ```
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let sockets = bind_all(&config.bind)?;
        let local: Vec<_> = sockets.iter().map(|(socket, _)| socket.local()).collect();
        let clock = Clock::system();
        let storage = storage_for(&config)?;
        let key_log = config.key_log.as_deref().map(open_key_log).transpose()?;
        let primitives = liking(primitives(), config.suite);
        let host = Host::new(host_config(&config), storage, primitives, clock.now())
            .map_err(BindError::Config)?;
        info!(id = ?host.id(), ?local, "endpoint started");
        let shared = Arc::new(Shared::new(host, clock, local, config, key_log));
        runtime.spawn(Driver::new(shared.clone(), sockets));
        Ok(Self::new(Arc::new(Lifeline(shared))))
    }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<(Socket, Receiver)>, BindError> {
    let bind = |address: SocketAddr, dual_stack| {
        Socket::bind(address, dual_stack).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            _ => BindError::Io { address, source },
        })
    };
    if addresses.is_empty() {
        let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
        let four = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        // A system without IPv6 is no reason to fail.
        return bind(both, true).or_else(|_| bind(four, false)).map(|socket| vec![socket]);
    }
    let mut sockets = Vec::with_capacity(addresses.len());
    for (at, &address) in addresses.iter().enumerate() {
        if addresses.iter().take(at).any(|other| other.ip() == address.ip()) {
            return Err(BindError::SameIp { address });
        }
        sockets.push(bind(address, addresses.iter().all(SocketAddr::is_ipv6))?);
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::Identity;

    #[test]
    fn without_a_runtime_an_endpoint_is_refused_and_nothing_panics() {
        let config = Config::new(Identity::generate().unwrap());
        let bound = pin!(Endpoint::bind(config)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Err(error)) = bound else { panic!("{bound:?}") };
        assert!(matches!(error, BindError::NoRuntime));
        assert_eq!(error.to_string(), "there is no tokio runtime here, in which an endpoint lives");
    }
}
