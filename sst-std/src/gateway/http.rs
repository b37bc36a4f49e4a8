//! The gateway's HTTP: `POST /sst` makes a peer, `DELETE` ends it, `GET /sst` lists the hosts, and
//! any other path is a file, if there are files.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::files::Contents;
use super::signalling::{Ends, Refusal, Signalling};

/// An offer of a data channel is about 1 KB, with many candidates a few.
const MAX_OFFER_BYTES: usize = 16 * 1_024;
/// A request has a few headers of a browser's; hyper's least buffer is 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
/// How long a request, or the pause between two, may take. Slower ones only hold places.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Where offers go.
const PLACE: &str = "/sst";

type Answer = Response<Either<Full<Bytes>, Contents>>;

/// Serves one connection until it ends.
pub(super) async fn serve(
    connection: TcpStream,
    from: SocketAddr,
    signalling: Arc<Signalling>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let ends = Ends { from: from.ip(), local: connection.local_addr()?.ip() };
    let service = hyper::service::service_fn(|request| {
        let signalling = signalling.clone();
        async move { Ok::<_, Infallible>(answer(request, &signalling, ends).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
    builder.max_buf_size(MAX_HEAD_BYTES);
    // A connection has its time, and a request that comes late in it would be cut off.
    builder.keep_alive(false);
    Ok(builder.serve_connection(TokioIo::new(connection), service).await?)
}

async fn answer(request: Request<Incoming>, signalling: &Signalling, ends: Ends) -> Answer {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let path = request.uri().path().to_owned();
    let is_signalling =
        path.strip_prefix(PLACE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !is_signalling {
        return file(&request, signalling, &path).await;
    }
    if !signalling.origins.allows(text(header::ORIGIN), text(header::HOST)) {
        signalling.count_refusal();
        let why = "pages of this origin may not use the gateway; start it with --origin to allow";
        return plain(StatusCode::FORBIDDEN, why);
    }
    let mut answer = match *request.method() {
        Method::OPTIONS => empty(StatusCode::NO_CONTENT),
        Method::GET if path == PLACE => hosts(signalling),
        Method::POST if path == PLACE => match offer(request, signalling, ends).await {
            Ok(answer) => answer,
            Err((status, why)) => {
                signalling.count_refusal();
                plain(status, &why)
            }
        },
        Method::DELETE if path != PLACE => delete(&path, signalling),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "POST or GET /sst, or DELETE what POST named"),
    };
    allow(answer.headers_mut(), origin);
    answer
}

/// An offer, answered.
async fn offer(
    request: Request<Incoming>,
    signalling: &Signalling,
    ends: Ends,
) -> Result<Answer, (StatusCode, String)> {
    let bad = |status, why: &str| (status, why.to_owned());
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind != Some(b"application/sdp") {
        let why = "the offer must have the content type application/sdp";
        return Err(bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let to = query.split('&').find_map(|part| part.strip_prefix("to="));
    let body = Limited::new(request.into_body(), MAX_OFFER_BYTES).collect();
    let body = match timeout(REQUEST_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(bad(StatusCode::PAYLOAD_TOO_LARGE, "the offer is too long")),
        Err(_) => return Err(bad(StatusCode::REQUEST_TIMEOUT, "the offer takes too long")),
    };
    let body = std::str::from_utf8(&body)
        .map_err(|_| bad(StatusCode::BAD_REQUEST, "the offer is not text"))?;
    let made = signalling.offer(to, body, ends).await;
    let (token, answer) = made.map_err(|refusal| (status(&refusal), refusal.to_string()))?;
    let mut response = whole(answer);
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    if let Ok(location) = HeaderValue::from_str(&format!("{PLACE}/{token:032x}")) {
        headers.insert(header::LOCATION, location);
    }
    Ok(response)
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Lookup(_) => StatusCode::BAD_GATEWAY,
        Refusal::Offer(_) | Refusal::WhichHost => StatusCode::BAD_REQUEST,
        Refusal::Socket(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::UnknownHost => StatusCode::NOT_FOUND,
    }
}

fn delete(path: &str, signalling: &Signalling) -> Answer {
    let token = path.rsplit('/').next().filter(|token| token.len() == 32);
    match token.and_then(|token| u128::from_str_radix(token, 16).ok()) {
        Some(token) if signalling.peers.end(token) => empty(StatusCode::OK),
        _ => plain(StatusCode::NOT_FOUND, "there is no such peer; perhaps it has ended"),
    }
}

/// Identities are letters and digits: JSON needs no escapes for them.
fn hosts(signalling: &Signalling) -> Answer {
    let ids: Vec<String> = signalling.hosts().map(|id| format!("\"{id}\"")).collect();
    let mut answer = plain(StatusCode::OK, &format!("{{\"hosts\":[{}]}}", ids.join(",")));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

async fn file(request: &Request<Incoming>, signalling: &Signalling, path: &str) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "files are only to be read");
    }
    let Some(files) = &signalling.files else {
        let why = "this gateway serves no pages (start it with --serve DIR); offers go to /sst";
        return plain(StatusCode::NOT_FOUND, why);
    };
    // hyper leaves the body out when it answers HEAD.
    match files.open(path).await {
        Ok(contents) => {
            let (kind, len) = (contents.kind(), contents.len());
            let mut answer = Response::new(Either::Right(contents));
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let nosniff = HeaderValue::from_static("nosniff");
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
            answer
        }
        Err(why) => plain(StatusCode::NOT_FOUND, why),
    }
}

/// What lets a page of another origin read the answer, and learn where its peer is.
fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    let Some(origin) = origin else { return };
    let fixed = [
        (header::VARY, "origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "location"),
    ];
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn plain(status: StatusCode, why: &str) -> Answer {
    let mut answer = whole(format!("{why}\n"));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

fn whole(body: String) -> Answer {
    Response::new(Either::Left(Full::new(Bytes::from(body))))
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = whole(String::new());
    *answer.status_mut() = status;
    answer
}
