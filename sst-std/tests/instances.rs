//! Several sessions of two endpoints.

mod two_hosts;

use sst_std::{Code, InstanceWish, OpenOptions};
use two_hosts::{endpoint, timed};

// Spec: R-5.9-13, R-5.11-6.
#[tokio::test]
async fn each_connect_of_an_endpoint_that_only_dials_is_a_session_of_its_own() {
    timed(async {
        let there = endpoint(|config| config.accept = true).await;
        let here = endpoint(|_| ()).await;
        let address = there.local_addrs()[0];
        let ours = [
            here.connect_to(Some(there.id()), address).await.unwrap(),
            here.connect_to(Some(there.id()), address).await.unwrap(),
        ];
        let theirs = [there.accept().await.unwrap(), there.accept().await.unwrap()];
        assert_ne!(ours[0].instance(), ours[1].instance());
        ours[0].close(3, "only mine").await;
        let gone = theirs.iter().position(|s| s.instance() == ours[0].instance()).unwrap();
        let closed = theirs[gone].closed().await;
        assert_eq!((closed.code(), closed.reason()), (Code::Application(3), "only mine"));
        let left = &theirs[1 - gone];
        let mut stream = left.open_substream(OpenOptions::new()).await.unwrap();
        stream.write_record(b"still here").await.unwrap();
        let mut child = ours[1].listen(8).accept().await.unwrap();
        assert_eq!(child.read_record(100).await.unwrap().as_deref(), Some(&b"still here"[..]));
        // Asked for the one without a name, it gets that, and gets it again.
        let unnamed = InstanceWish::Unnamed;
        let one = here.connect_in(Some(there.id()), &[address], unnamed).await.unwrap();
        let again = here.connect_in(Some(there.id()), &[address], unnamed).await.unwrap();
        assert_eq!((one.instance(), again.instance()), (None, None));
        there.accept().await.unwrap();
        assert_eq!(there.stats().handshakes, 3);
    })
    .await;
}
