//! Requests, answers and directory entries as records (docs/FILES.md).

use std::fmt;

use super::name::{MAX_PATH_LEN, is_plain};

/// The longest record of this protocol, in bytes.
pub(super) const MAX_RECORD_LEN: usize = MAX_PATH_LEN + 64;
/// Length of a BLAKE3 hash, in bytes.
pub(super) const HASH_LEN: usize = 32;

const LIST: u8 = 1;
const GET: u8 = 2;
const PUT: u8 = 3;
const OK: u8 = 0;
const DIRECTORY: u8 = b'd';
const FILE: u8 = b'f';

/// The first record of a stream, by the side that opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// What is at `path`? If a directory: what is in it?
    List { path: String },
    /// The file at `path`, of which the sender has `have` bytes with that hash.
    Get { path: String, have: u64, hash: [u8; HASH_LEN] },
    /// A new file of `size` bytes for `path`.
    Put { path: String, size: u64 },
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File { size: u64 },
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Why the other side does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is malformed, or the path not plain.
    BadRequest,
    /// It lacks descriptors or memory at the moment.
    Busy,
    /// There is such a file already.
    Exists,
    /// The contents did not have the hash they were said to have.
    Hash,
    /// Its system refused; the text says why.
    Io(String),
    /// No such file or directory.
    NotFound,
    /// Nothing may be written there.
    ReadOnly,
    /// Something of another kind: a file for a directory, or neither.
    WrongKind,
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::List { path } => [&[LIST], path.as_bytes()].concat(),
            Self::Get { path, have, hash } => {
                [&[GET][..], &have.to_be_bytes(), hash, path.as_bytes()].concat()
            }
            Self::Put { path, size } => [&[PUT][..], &size.to_be_bytes(), path.as_bytes()].concat(),
        }
    }

    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        let (&operation, rest) = record.split_first()?;
        match operation {
            LIST => Some(Self::List { path: text(rest)? }),
            GET => {
                let (have, rest) = number(rest)?;
                let (&hash, rest) = rest.split_first_chunk()?;
                Some(Self::Get { path: text(rest)?, have, hash })
            }
            PUT => {
                let (size, rest) = number(rest)?;
                Some(Self::Put { path: text(rest)?, size })
            }
            _ => None,
        }
    }
}

impl Kind {
    /// As the record of an answer: with the OK byte in front.
    pub(super) fn encode_answer(self) -> Vec<u8> {
        [&[OK][..], &self.encode()].concat()
    }

    pub(super) fn parse_answer(record: &[u8]) -> Option<Result<Self, Refusal>> {
        let rest = match parse_ok(record)? {
            Ok(rest) => rest,
            Err(refusal) => return Some(Err(refusal)),
        };
        let (kind, rest) = Self::parse(rest)?;
        rest.is_empty().then_some(Ok(kind))
    }

    fn encode(self) -> [u8; 9] {
        let (kind, size) = match self {
            Self::Directory => (DIRECTORY, 0),
            Self::File { size } => (FILE, size),
        };
        let [a, b, c, d, e, f, g, h] = size.to_be_bytes();
        [kind, a, b, c, d, e, f, g, h]
    }

    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&kind, rest) = bytes.split_first()?;
        let (size, rest) = number(rest)?;
        match kind {
            DIRECTORY => Some((Self::Directory, rest)),
            FILE => Some((Self::File { size }, rest)),
            _ => None,
        }
    }
}

impl Entry {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.kind.encode()[..], self.name.as_bytes()].concat()
    }

    /// `None` also for a name that is not plain: it could lead anywhere.
    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        let (kind, name) = Kind::parse(record)?;
        let name = text(name).filter(|name| is_plain(name))?;
        Some(Self { name, kind })
    }
}

/// The answer to [`Request::Get`]: the whole size, and where the bytes that follow begin.
pub(super) fn encode_get_answer(size: u64, offset: u64) -> Vec<u8> {
    [&[OK][..], &size.to_be_bytes(), &offset.to_be_bytes()].concat()
}

pub(super) fn parse_get_answer(record: &[u8]) -> Option<Result<(u64, u64), Refusal>> {
    let rest = match parse_ok(record)? {
        Ok(rest) => rest,
        Err(refusal) => return Some(Err(refusal)),
    };
    let (size, rest) = number(rest)?;
    let (offset, rest) = number(rest)?;
    (rest.is_empty() && offset <= size).then_some(Ok((size, offset)))
}

/// "Yes", with nothing more to say.
pub(super) const fn encode_ok() -> [u8; 1] {
    [OK]
}

/// The rest of an answer that says yes, or why it says no.
pub(super) fn parse_ok(record: &[u8]) -> Option<Result<&[u8], Refusal>> {
    let (&status, rest) = record.split_first()?;
    Some(Err(match status {
        OK => return Some(Ok(rest)),
        1 => Refusal::BadRequest,
        2 => Refusal::Exists,
        3 => Refusal::Hash,
        4 => Refusal::Io(String::from_utf8_lossy(rest).escape_debug().to_string()),
        5 => Refusal::NotFound,
        6 => Refusal::ReadOnly,
        7 => Refusal::WrongKind,
        8 => Refusal::Busy,
        _ => return None,
    }))
}

impl Refusal {
    pub(super) fn encode(&self) -> Vec<u8> {
        let status = match self {
            Self::BadRequest => 1,
            Self::Exists => 2,
            Self::Hash => 3,
            Self::Io(text) => return [&[4], text.as_bytes()].concat(),
            Self::NotFound => 5,
            Self::ReadOnly => 6,
            Self::WrongKind => 7,
            Self::Busy => 8,
        };
        vec![status]
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::BadRequest => {
                "refused: the path leads out of the shared directory, or is strange"
            }
            Self::Busy => "refused: the server is busy; try again",
            Self::Exists => "refused: exists already",
            Self::Hash => "refused: the contents arrived damaged",
            Self::Io(text) => return write!(out, "refused: {text}"),
            Self::NotFound => "no such file or directory",
            Self::ReadOnly => "refused: the directory is shared read-only",
            Self::WrongKind => "of another kind than asked for, or a link, which is not followed",
        })
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let path = String::from("a/ü");
        for request in [
            Request::List { path: path.clone() },
            Request::Get { path: path.clone(), have: 1 << 40, hash: [3; 32] },
            Request::Put { path, size: 7 },
        ] {
            assert_eq!(Request::parse(&request.encode()), Some(request));
        }
        for kind in [Kind::Directory, Kind::File { size: u64::MAX }] {
            assert_eq!(Kind::parse_answer(&kind.encode_answer()), Some(Ok(kind)));
            let entry = Entry { name: "x y".into(), kind };
            assert_eq!(Entry::parse(&entry.encode()), Some(entry));
        }
        assert_eq!(parse_get_answer(&encode_get_answer(9, 4)), Some(Ok((9, 4))));
        let io = Refusal::Io("disk on fire".into());
        for refusal in [Refusal::BadRequest, Refusal::Busy, Refusal::Hash, Refusal::WrongKind, io] {
            assert_eq!(parse_ok(&refusal.encode()), Some(Err(refusal)));
        }
    }

    #[test]
    fn what_is_not_allowed_is_not_parsed() {
        assert_eq!(Request::parse(&[]), None);
        assert_eq!(Request::parse(&[9]), None);
        assert_eq!(Request::parse(&[GET, 0, 0]), None);
        assert_eq!(Request::parse(&[LIST, 0xff]), None);
        assert_eq!(parse_get_answer(&encode_get_answer(3, 4)), None, "begins after its end");
        for name in ["..", "a/b", ""] {
            let entry = Entry { name: name.into(), kind: Kind::Directory };
            assert_eq!(Entry::parse(&entry.encode()), None, "{name}");
        }
    }
}
