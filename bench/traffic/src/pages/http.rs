//! What HTTP/2 and HTTP/3 have alike: a request names in its path how long the reply shall be.

use std::io;

use bytes::Bytes;
use http::{Request, Response, Uri};

use crate::certificate::NAME;

/// Makes a request about as long, before its headers are compressed, as those of the others.
const USER_AGENT: &str = "bench/0.1 (laboratory) as-long-as-the-requests-of-the-others-are";
const CONTENT_TYPE: &str = "application/octet-stream";

pub(crate) fn request(bytes: u64) -> io::Result<Request<()>> {
    let request = Request::get(format!("https://{NAME}/{bytes}"));
    request.header("user-agent", USER_AGENT).body(()).map_err(io::Error::other)
}

pub(crate) fn response() -> io::Result<Response<()>> {
    let response = Response::builder().header("content-type", CONTENT_TYPE);
    response.body(()).map_err(io::Error::other)
}

/// The reply's body; empty if the path is no length.
pub(crate) fn body(uri: &Uri) -> Bytes {
    let len = uri.path().trim_start_matches('/').parse().unwrap_or(0);
    vec![0xa5; len].into()
}

/// Whether as much came as was asked for.
pub(crate) fn check(wanted: u64, came: u64) -> io::Result<()> {
    if came == wanted { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_long_as_the_request_says() {
        let asked = request(1_234).unwrap();
        assert_eq!(body(asked.uri()).len(), 1_234);
        assert!(body(&"https://bench/x".parse().unwrap()).is_empty());
    }
}
