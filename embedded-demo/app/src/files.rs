//! `files` / `1`: a note about the board, its log and its counters, read-only (docs/FILES.md).

use core::fmt::Write;
use core::ops::Range;

use embassy_executor::Spawner;
use embassy_futures::select::select;
use face::{ReadError, RecordEnd, Stream, StreamCode, WriteError};
use heapless::String;

use crate::App;
use crate::serve::{BACKLOG, Job, serve_children};

const ABOUT: &str = "A microcontroller speaks Structured Stream Transport.\n\
                     `sst get` fetched this from its flash; log.txt is in its memory.\n";
const NAMES: [&str; 3] = ["about.txt", "log.txt", "state.txt"];
/// `state.txt` is shorter.
const MAX_STATE_BYTES: usize = 160;

/// A request and a path: no file here has a long one.
const MAX_REQUEST_BYTES: usize = 96;
const PIECE_BYTES: usize = 64;

const LIST: u8 = 1;
const GET: u8 = 2;
const PUT: u8 = 3;

const YES: u8 = 0;
const MALFORMED: u8 = 1;
const NO_SUCH: u8 = 5;
const READ_ONLY: u8 = 6;
const OTHER_KIND: u8 = 7;
/// The code of a reset when a file shrinks while it is sent.
const SHRANK: StreamCode = StreamCode::application(1);

/// A file, as it was when it was asked for.
#[derive(Clone)]
enum File {
    About,
    /// A part of the log, by its places there.
    Log(Range<u64>),
    /// What the board had counted then: its [`State`], while that is the newest.
    State(u32),
}

/// What the board has counted, told once and then read: the text lies here, and not with each of
/// those who read it.
pub(crate) struct State {
    text: String<MAX_STATE_BYTES>,
    /// How often it was told anew.
    number: u32,
}

/// What a request asks for, and the answer to it.
enum Plan {
    /// A listing of everything.
    ListAll,
    List(File),
    /// From this byte on.
    Get(File, u64),
    Refuse(u8),
}

/// Why an answer was not given to its end: the peer has gone, or the file.
enum Failure {
    Gone,
    Shrank,
}

/// Serves one stream: the service's own or one below it.
pub(crate) async fn serve(app: &'static App, spawner: Spawner, stream: &Stream) {
    match answer(app, spawner, stream).await {
        // A peer that has gone needs no end.
        Ok(()) => stream.finish().await.unwrap_or_default(),
        Err(Failure::Gone) => {}
        Err(Failure::Shrank) => stream.reset(SHRANK),
    }
}

async fn answer(app: &'static App, spawner: Spawner, stream: &Stream) -> Result<(), Failure> {
    match read_request(app, stream).await? {
        None => return Ok(()),
        Some(Plan::Get(file, offset)) => return get(app, stream, &file, offset).await,
        Some(Plan::Refuse(status)) => return refuse(stream, status).await,
        Some(Plan::List(file)) => {
            write_entry(stream, &[YES, b'f'], file.size(app), "").await?;
        }
        Some(Plan::ListAll) => list_all(app, stream).await?,
    }
    // A listing lasts as long as what is opened below it.
    let mut rest = [0; 8];
    let ended = async { while stream.read(&mut rest).await.is_ok_and(|len| len > 0) {} };
    select(serve_children(app, spawner, stream, BACKLOG, Job::File), ended).await;
    Ok(())
}

/// What the stream asks for, if it asks; only that is kept, and not its words.
async fn read_request(app: &App, stream: &Stream) -> Result<Option<Plan>, Failure> {
    let mut request = [0; MAX_REQUEST_BYTES];
    let Some(record) = stream.read_record(&mut request).await? else { return Ok(None) };
    let request =
        request.get(..record.len).filter(|_| record.end == RecordEnd::Mark).unwrap_or_default();
    Ok(Some(match request.split_first() {
        Some((&LIST, b"")) => Plan::ListAll,
        Some((&LIST, path)) => find(app, path).map_or(Plan::Refuse(NO_SUCH), Plan::List),
        Some((&GET, rest)) => plan_get(app, rest),
        Some((&PUT, _)) => Plan::Refuse(READ_ONLY),
        _ => Plan::Refuse(MALFORMED),
    }))
}

fn plan_get(app: &App, rest: &[u8]) -> Plan {
    let Some((had, rest)) = rest.split_first_chunk::<8>() else { return Plan::Refuse(MALFORMED) };
    let Some((hash, path)) = rest.split_first_chunk::<32>() else {
        return Plan::Refuse(MALFORMED);
    };
    let Some(file) = find(app, path) else {
        return Plan::Refuse(if path.is_empty() { OTHER_KIND } else { NO_SUCH });
    };
    let had = u64::from_be_bytes(*had);
    let is_same = had <= file.size(app) && file.hash(app, had).is_some_and(|ours| ours == *hash);
    Plan::Get(file, if is_same { had } else { 0 })
}

async fn list_all(app: &App, stream: &Stream) -> Result<(), WriteError> {
    write_entry(stream, &[YES, b'd'], 0, "").await?;
    for name in NAMES {
        let size = find(app, name.as_bytes()).map_or(0, |file| file.size(app));
        write_entry(stream, b"f", size, name).await?;
    }
    stream.write_record(b"").await
}

async fn get(app: &App, stream: &Stream, file: &File, offset: u64) -> Result<(), Failure> {
    let size = file.size(app);
    stream.write(&[YES]).await?;
    stream.write(&size.to_be_bytes()).await?;
    stream.write_record(&offset.to_be_bytes()).await?;
    let mut piece = [0; PIECE_BYTES];
    let mut at = offset;
    while at < size {
        let len = (size - at).min(PIECE_BYTES as u64);
        let bytes = piece.get_mut(..len as usize).unwrap_or_default();
        if !file.copy(app, at, bytes) {
            return Err(Failure::Shrank);
        }
        stream.write(bytes).await?;
        at += len;
    }
    let hash = file.hash(app, size).ok_or(Failure::Shrank)?;
    Ok(stream.write_record(&hash).await?)
}

async fn refuse(stream: &Stream, status: u8) -> Result<(), Failure> {
    Ok(stream.write_record(&[status]).await?)
}

async fn write_entry(
    stream: &Stream,
    kind: &[u8],
    size: u64,
    name: &'static str,
) -> Result<(), WriteError> {
    stream.write(kind).await?;
    stream.write(&size.to_be_bytes()).await?;
    stream.write_record(name.as_bytes()).await
}

/// The file of this name, as it is now.
fn find(app: &App, path: &[u8]) -> Option<File> {
    match path.strip_suffix(b"/").unwrap_or(path) {
        b"about.txt" => Some(File::About),
        b"log.txt" => Some(File::Log(app.log.borrow().range())),
        b"state.txt" => Some(File::State(app.state.borrow_mut().tell(app))),
        _ => None,
    }
}

impl State {
    pub(crate) const fn new() -> Self {
        Self { text: String::new(), number: 0 }
    }

    /// Tells it anew; the number it has now.
    fn tell(&mut self, app: &App) -> u32 {
        let stats = app.endpoint.stats();
        self.text.clear();
        // What does not fit is cut.
        let _ = write!(
            self.text,
            "stack {}\nsessions {}\nstreams {}\nhandshakes {}\npackets {} in, {} out\nheld {}\n",
            (app.board.stack_used)(),
            stats.sessions,
            stats.streams,
            stats.handshakes,
            stats.received_packets,
            stats.sent_packets,
            stats.bytes_held,
        );
        self.number = self.number.wrapping_add(1);
        self.number
    }
}

/// Copies what is there from `at` on. False if it is too little.
fn copy_from(bytes: &[u8], at: u64, to: &mut [u8]) -> bool {
    let bytes = bytes.get(at as usize..).unwrap_or_default();
    to.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    to.len() <= bytes.len()
}

impl File {
    fn size(&self, app: &App) -> u64 {
        match self {
            Self::About => ABOUT.len() as u64,
            Self::Log(range) => range.end.saturating_sub(range.start),
            Self::State(_) => app.state.borrow().text.len() as u64,
        }
    }

    /// Copies the bytes from `at` on. False if they are not there any more.
    fn copy(&self, app: &App, at: u64, to: &mut [u8]) -> bool {
        match self {
            Self::About => copy_from(ABOUT.as_bytes(), at, to),
            Self::State(number) => {
                let state = app.state.borrow();
                *number == state.number && copy_from(state.text.as_bytes(), at, to)
            }
            Self::Log(range) => app.log.borrow().copy(range.start.saturating_add(at), to),
        }
    }

    /// The hash of the first `len` bytes; `None` if they are not there any more. The hasher is
    /// large, so it lives only here, and not while anything is waited for.
    fn hash(&self, app: &App, len: u64) -> Option<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        let mut piece = [0; PIECE_BYTES];
        let mut at = 0;
        while at < len {
            let bytes = piece.get_mut(..(len - at).min(PIECE_BYTES as u64) as usize)?;
            if !self.copy(app, at, bytes) {
                return None;
            }
            hasher.update(bytes);
            at += bytes.len() as u64;
        }
        Some(*hasher.finalize().as_bytes())
    }
}

impl From<ReadError> for Failure {
    fn from(_: ReadError) -> Self {
        Self::Gone
    }
}

impl From<WriteError> for Failure {
    fn from(_: WriteError) -> Self {
        Self::Gone
    }
}
