//! Services: names by which peers ask for what a host offers, over one session.
//!
//! A stream opened with the SERVICE attribute begins with a request record: the service's name
//! and the protocol's. [`open_service`](crate::Session::open_service) sends it; a
//! [`ServiceListener`] reads it, answers the service `sst` / `list` itself, and refuses what is
//! not offered.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use sst_nostd::StreamCode;
use tracing::debug;

use crate::alarm::within;
use crate::branch::OpenOptions;
use crate::error::{ReadError, ServiceError, SessionClosed};
use crate::listener::Listener;
use crate::session::Session;
use crate::stream::Stream;

/// The longest request record (docs/PROTOCOL.md), in bytes.
const MAX_REQUEST_LEN: usize = 1_024;
/// The longest answer of `list` per service, in bytes.
const MAX_OFFER_LEN: usize = 4_096;
/// How long a peer may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How far ahead the peer may open.
const BACKLOG: u32 = 64;
/// Streams that were accepted, and have not said what they want or are not taken by the application
/// yet. One that is silent costs nothing before that: the next ones wait as streams not accepted.
const MAX_ASKING: usize = 16;
const LIST: (&str, &str) = ("sst", "list");

/// A service that a host offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is offered, such as `files`.
    pub service: String,
    /// How it is spoken to, such as `1`.
    pub protocol: String,
    /// For people.
    pub description: String,
}

/// The services offered in one session, and the requests for them as they come. Requests are read,
/// and `sst` / `list` is answered, while someone waits in [`accept`](Self::accept).
pub struct ServiceListener {
    listener: Listener,
    offers: Arc<[Offer]>,
    /// One for each request: one peer's slow request must not hold up the others.
    answering: FuturesUnordered<Answering>,
    has_ended: bool,
    session: Session,
}

type Answering = Pin<Box<dyn Future<Output = Option<ServiceRequest>> + Send>>;

/// A peer's request for a service that is offered.
#[derive(Debug)]
pub struct ServiceRequest {
    offer: Offer,
    stream: Stream,
}

impl Offer {
    /// An offer of `service` by `protocol`.
    #[must_use]
    pub fn new(service: &str, protocol: &str, description: &str) -> Self {
        let [service, protocol, description] = [service, protocol, description].map(String::from);
        Self { service, protocol, description }
    }
}

impl Session {
    /// Opens a stream to a service of the peer. It is usable at once; a refusal shows as
    /// [`ReadError::Reset`] with one of the `CODE_*` constants.
    ///
    /// # Errors
    /// [`ServiceError`].
    ///
    /// # Examples
    /// ```
    /// # async fn example(session: sst_std::Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut clock = session.open_service("clock", "1").await?;
    /// clock.write_record(b"what time is it?").await?;
    /// let answer = clock.read_record(100).await?;
    /// # Ok(()) }
    /// ```
    pub async fn open_service(
        &self,
        service: &str,
        protocol: &str,
    ) -> Result<Stream, ServiceError> {
        let request = encode(&[service, protocol]);
        if request.len() > MAX_REQUEST_LEN {
            return Err(ServiceError::NamesTooLong);
        }
        let mut stream = self.open_substream(OpenOptions::new().service()).await?;
        stream.write_record(&request).await?;
        Ok(stream)
    }

    /// Asks what services the peer offers.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn list_services(&self) -> Result<Vec<Offer>, ServiceError> {
        let mut stream = self.open_service(LIST.0, LIST.1).await?;
        stream.start_finish()?;
        let mut offers = Vec::new();
        while let Some(record) = stream.read_record(MAX_OFFER_LEN).await? {
            if let Some([service, protocol, description]) = parse(&record) {
                offers.push(Offer::new(service, protocol, description));
            }
        }
        Ok(offers)
    }

    /// Offers services to the peer of this session.
    ///
    /// # Examples
    /// ```
    /// use sst_std::{Offer, Session};
    /// # async fn example(session: Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut services = session.offer_services(vec![Offer::new("echo", "1", "says it again")]);
    /// while let Some(request) = services.accept().await {
    ///     let mut stream = request.into_stream();
    ///     tokio::spawn(async move {
    ///         while let Some(record) = stream.read_record(1_000).await? {
    ///             stream.write_record(&record).await?;
    ///         }
    ///         stream.finish().await?;
    ///         Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    ///     });
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn offer_services(&self, offers: Vec<Offer>) -> ServiceListener {
        ServiceListener {
            listener: self.listen(BACKLOG),
            offers: offers.into(),
            answering: FuturesUnordered::new(),
            has_ended: false,
            session: self.clone(),
        }
    }
}

impl ServiceListener {
    /// The next request for an offered service; `None` when the session has ended.
    ///
    /// Cancel-safe.
    pub async fn accept(&mut self) -> Option<ServiceRequest> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`accept`](Self::accept) as a poll function.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<ServiceRequest>> {
        loop {
            let accepted = self.poll_stream(cx);
            match self.answering.poll_next_unpin(cx) {
                Poll::Ready(Some(Some(request))) => return Poll::Ready(Some(request)),
                Poll::Ready(Some(None)) => continue,
                Poll::Ready(None) if self.has_ended => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => {}
            }
            if accepted.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes in one stream, if there is room for its request.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_ended || self.answering.len() >= MAX_ASKING {
            return Poll::Pending;
        }
        self.listener.poll_accept(cx).map(|stream| match stream {
            Some(stream) => {
                let (offers, session) = (self.offers.clone(), self.session.clone());
                self.answering.push(Box::pin(answer(session, stream, offers)));
            }
            None => self.has_ended = true,
        })
    }

    /// Why nothing more comes; `None` while the session lasts.
    #[must_use]
    pub fn close_reason(&self) -> Option<SessionClosed> {
        self.session.close_reason()
    }
}

impl std::fmt::Debug for ServiceListener {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ServiceListener").field("offers", &self.offers).finish_non_exhaustive()
    }
}

impl ServiceRequest {
    /// What is asked for: one of the offers.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Serves it: the stream after the request record.
    #[must_use]
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Says no.
    pub fn refuse(self) {
        refuse(&self.stream, StreamCode::REFUSED);
    }
}

/// Reads what one stream asks for; the request, if it is for the application.
async fn answer(
    session: Session,
    mut stream: Stream,
    offers: Arc<[Offer]>,
) -> Option<ServiceRequest> {
    match read_request(&session, &mut stream, &offers).await {
        Ok(Some(offer)) => Some(ServiceRequest { offer, stream }),
        Ok(None) => None,
        Err(code) => {
            refuse(&stream, code);
            None
        }
    }
}

/// The offer that is asked for; `None` if nothing is left to do; the code to refuse with.
async fn read_request(
    session: &Session,
    stream: &mut Stream,
    offers: &[Offer],
) -> Result<Option<Offer>, StreamCode> {
    if !stream.info().is_some_and(|info| info.is_service) {
        return Err(StreamCode::REFUSED);
    }
    let shared = &session.reference().shared;
    let request = match within(shared, REQUEST_TIMEOUT, stream.read_record(MAX_REQUEST_LEN)).await {
        Some(Ok(Some(request))) => request,
        Some(
            Err(ReadError::RecordTooLong { .. } | ReadError::UnfinishedRecord { .. }) | Ok(None),
        )
        | None => return Err(StreamCode::REFUSED),
        Some(Err(_)) => return Ok(None),
    };
    let [service, protocol] = parse(&request).ok_or(StreamCode::REFUSED)?;
    debug!(service, protocol, "service requested");
    if (service, protocol) == LIST {
        let _ = list(stream, offers).await;
        return Ok(None);
    }
    choose(offers, service, protocol).map(Some)
}

/// The offer asked for, or the code that says why there is none.
fn choose(offers: &[Offer], service: &str, protocol: &str) -> Result<Offer, StreamCode> {
    let mut of_service = offers.iter().filter(|offer| offer.service == service).peekable();
    if of_service.peek().is_none() {
        return Err(StreamCode::SERVICE_UNKNOWN);
    }
    of_service.find(|offer| offer.protocol == protocol).cloned().ok_or(StreamCode::PROTOCOL_UNKNOWN)
}

async fn list(stream: &mut Stream, offers: &[Offer]) -> Result<(), crate::WriteError> {
    for Offer { service, protocol, description } in offers {
        stream.write_record(&encode(&[service, protocol, description])).await?;
    }
    stream.finish().await
}

fn refuse(stream: &Stream, code: StreamCode) {
    stream.branch().reset_as(code);
    stream.branch().stop_as(code);
}

/// Texts, each after its length as the protocol's varint of one or two bytes.
fn encode(texts: &[&str]) -> Vec<u8> {
    let mut record = Vec::new();
    for text in texts {
        // Two bytes hold 2^14 - 1, far more than a whole record may have.
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX).min(0x3fff);
        match u8::try_from(len) {
            Ok(len) if len < 0x80 => record.push(len),
            _ => record.extend((0x8000 | len).to_be_bytes()),
        }
        record.extend(text.as_bytes());
    }
    record
}

fn parse<const N: usize>(mut record: &[u8]) -> Option<[&str; N]> {
    let mut texts = [""; N];
    for text in &mut texts {
        let (&first, rest) = record.split_first()?;
        let (len, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else if first < 0xc0 {
            let (&second, rest) = rest.split_first()?;
            let len = usize::from(first & 0x3f) << 8 | usize::from(second);
            // One length has one encoding.
            if len < 0x80 {
                return None;
            }
            (len, rest)
        } else {
            return None;
        };
        let bytes = rest.get(..len)?;
        *text = std::str::from_utf8(bytes).ok()?;
        record = &rest[len..];
    }
    record.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::{CODE_REFUSED, Config, Endpoint, Identity, Url};

    /// Spec: R-7.12-2
    #[tokio::test]
    async fn a_request_that_the_end_cuts_off_is_refused() {
        let endpoint = || {
            let mut config = Config::new(Identity::generate().unwrap());
            config.bind = vec!["127.0.0.1:0".parse().unwrap()];
            config.accept = true;
            Endpoint::bind(config)
        };
        let (here, there) = (endpoint().await.unwrap(), endpoint().await.unwrap());
        let url = Url::new(there.id(), there.local_addrs()[0], "");
        let session = here.connect(&url).await.unwrap();
        let theirs = there.accept().await.unwrap();
        let mut services = theirs.offer_services(vec![Offer::new("echo", "1", "")]);
        let asking = async {
            let mut stream = session.open_substream(OpenOptions::new().service()).await.unwrap();
            stream.write_all(&encode(&["echo", "1"])).await.unwrap();
            stream.start_finish().unwrap();
            stream.read_record(9).await
        };
        tokio::select! {
            _ = services.accept() => panic!("a request without its mark is served"),
            refused = asking => assert_eq!(refused, Err(ReadError::Reset(CODE_REFUSED))),
        }
    }

    // Spec: R-7.12-2.
    #[test]
    fn requests_round_trip_and_damaged_ones_are_refused() {
        let long = "x".repeat(500);
        for texts in [["files", "1"], ["", ""], [&long, "ü"]] {
            assert_eq!(parse(&encode(&texts)), Some(texts));
        }
        assert_eq!(encode(&["files", "1"]), b"\x05files\x011");
        for bad in [&b""[..], b"\x05file", b"\x01a", b"\x01a\x01b\x00", b"\x80\x01a\x01b"] {
            assert_eq!(parse::<2>(bad), None, "{bad:?}");
        }
        assert_eq!(parse::<2>(b"\x01\xff\x01a"), None);
        assert_eq!(parse::<2>(b"\xc1\x00\x00"), None);
    }
}
