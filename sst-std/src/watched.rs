//! [`Watched`]: a UDP socket and what the task that has it is woken for: always for packets, for
//! room only while it waits for some.
//!
//! A socket that is watched for room too, as tokio's own is, wakes its task after every packet it
//! has sent: one system call for each, to learn what nobody asked.

use std::io;
use std::task::{Context, Poll, ready};

#[cfg(not(unix))]
pub(crate) use portable::{Room, Watched};
#[cfg(unix)]
pub(crate) use watching::{Room, Watched};

/// What a try to receive found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something, and there may be more.
    Some,
    /// Something, and the socket was seen empty after it.
    Last,
}

#[cfg(unix)]
mod watching {
    use socket2::Socket as RawSocket;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::*;

    pub(crate) struct Watched {
        io: AsyncFd<RawSocket>,
    }

    /// Another descriptor of a socket, while room is waited for.
    #[derive(Default)]
    pub(crate) struct Room(Option<AsyncFd<RawSocket>>);

    impl Watched {
        /// Watches a socket, which must not block, in the current runtime.
        pub(crate) fn new(raw: RawSocket) -> io::Result<Self> {
            Ok(Self { io: watch(raw, Interest::READABLE)? })
        }

        /// Tries to receive if there may be something. Pending: there is nothing, and the task is
        /// woken when there is.
        pub(crate) fn poll_receive(
            &self,
            cx: &mut Context<'_>,
            receive: impl FnOnce(&RawSocket) -> io::Result<Found>,
        ) -> Poll<io::Result<()>> {
            let mut guard = ready!(self.io.poll_read_ready(cx))?;
            // What arrives from here on makes the socket ready again.
            let received = receive(self.io.get_ref());
            match received {
                Ok(Found::Some) => {}
                Ok(Found::Last) => guard.clear_ready(),
                Err(ref error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(_) => {}
            }
            Poll::Ready(received.map(|_| ()))
        }

        /// Tries to send, whatever is known of the room there is.
        pub(crate) fn try_send(
            &self,
            send: impl FnOnce(&RawSocket) -> io::Result<()>,
        ) -> io::Result<()> {
            send(self.io.get_ref())
        }

        /// Tries to receive, whatever is known of what there is.
        pub(crate) fn try_receive(
            &self,
            receive: impl FnOnce(&RawSocket) -> io::Result<()>,
        ) -> io::Result<()> {
            receive(self.io.get_ref())
        }
    }

    impl Room {
        /// Ready when there may be room again, after a try that found none.
        pub(crate) fn poll(
            &mut self,
            socket: &Watched,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0.is_none() {
                let other = socket.io.get_ref().try_clone()?;
                self.0 = Some(watch(other, Interest::WRITABLE)?);
            }
            let Some(room) = &self.0 else { return Poll::Ready(Ok(())) };
            ready!(room.poll_write_ready(cx))?.clear_ready();
            Poll::Ready(Ok(()))
        }

        /// There was room: nobody waits for it any more.
        pub(crate) fn on_found(&mut self) {
            self.0 = None;
        }
    }

    /// What is unsafe about it in general, a descriptor that changes or closes while it is watched,
    /// cannot happen to a socket that owns its own.
    #[allow(deprecated, reason = "its replacement is an unsafe function, for no reason here")]
    fn watch(socket: RawSocket, interest: Interest) -> io::Result<AsyncFd<RawSocket>> {
        AsyncFd::with_interest(socket, interest)
    }
}

#[cfg(not(unix))]
mod portable {
    use socket2::Socket as RawSocket;
    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    use super::*;

    pub(crate) struct Watched {
        io: UdpSocket,
    }

    impl Watched {
        pub(crate) fn new(raw: RawSocket) -> io::Result<Self> {
            Ok(Self { io: UdpSocket::from_std(raw.into())? })
        }

        pub(crate) fn poll_receive(
            &self,
            cx: &mut Context<'_>,
            receive: impl FnOnce(&UdpSocket) -> io::Result<Found>,
        ) -> Poll<io::Result<()>> {
            ready!(self.io.poll_recv_ready(cx))?;
            let received = self.io.try_io(Interest::READABLE, || receive(&self.io));
            Poll::Ready(received.map(|_| ()))
        }

        pub(crate) fn try_send(
            &self,
            send: impl FnOnce(&UdpSocket) -> io::Result<()>,
        ) -> io::Result<()> {
            self.io.try_io(Interest::WRITABLE, || send(&self.io))
        }

        pub(crate) fn try_receive(
            &self,
            receive: impl FnOnce(&UdpSocket) -> io::Result<()>,
        ) -> io::Result<()> {
            receive(&self.io)
        }
    }

    /// Tokio's socket knows by itself whether there is room.
    #[derive(Default)]
    pub(crate) struct Room;

    impl Room {
        pub(crate) fn poll(
            &mut self,
            socket: &Watched,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            socket.io.poll_send_ready(cx)
        }

        pub(crate) fn on_found(&mut self) {}
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::future::poll_fn;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    /// A socket that fills up, unlike UDP's over loopback, and who empties it.
    fn pair() -> (Watched, UnixDatagram) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Watched::new(OwnedFd::from(ours).into()).unwrap(), theirs)
    }

    fn send(watched: &Watched) -> io::Result<()> {
        watched.try_send(|socket| socket.send(&[7; 1_000]).map(|_| ()))
    }

    /// Whether there was room for one more packet; any other failure is the test's.
    fn had_room(watched: &Watched) -> bool {
        match send(watched) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn room_is_waited_for_when_there_is_none() {
        let ((watched, theirs), mut room) = (pair(), Room::default());
        let mut sent = 0;
        while had_room(&watched) {
            sent += 1;
        }
        // It gives the socket back: a closed one is ready for ever, and has no room.
        let reading = tokio::task::spawn_blocking(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let read = |_| theirs.recv(&mut [0; 1_000]).is_ok_and(|len| len == 1_000);
            ((0..sent).all(read), theirs)
        });
        let mut waits = 0;
        poll_fn(|cx| {
            loop {
                if had_room(&watched) {
                    return Poll::Ready(());
                }
                waits += 1;
                ready!(room.poll(&watched, cx)).unwrap();
            }
        })
        .await;
        room.on_found();
        assert!((1..100).contains(&waits), "waited, and did not spin: {waits}");
        let (all_read, _theirs) = reading.await.unwrap();
        assert!(all_read);
    }

    #[tokio::test]
    async fn a_socket_seen_empty_is_not_asked_again_before_something_comes() {
        let (watched, theirs) = pair();
        let mut asked = 0;
        for _ in 0..3 {
            theirs.send(b"one").unwrap();
            poll_fn(|cx| {
                watched.poll_receive(cx, |socket| {
                    asked += 1;
                    socket.recv(&mut [std::mem::MaybeUninit::uninit(); 8])?;
                    Ok(Found::Last)
                })
            })
            .await
            .unwrap();
            let again = poll_fn(|cx| {
                Poll::Ready(watched.poll_receive(cx, |_| {
                    asked += 1;
                    Ok(Found::Some)
                }))
            });
            assert!(again.await.is_pending());
        }
        assert_eq!(asked, 3);
    }
}
