//! Requests, answers and directory entries as records (docs/FILES.md).

use std::fmt;

use super::name::{MAX_NAME_LEN, MAX_PATH_LEN, is_plain, portable};

/// The longest record by a server, in bytes: an entry that is a link.
pub(super) const MAX_RECORD_LEN: usize = MAX_PATH_LEN + MAX_NAME_LEN + 64;
/// The longest request, in bytes: for a link, with its path and where it leads.
pub(super) const MAX_REQUEST_LEN: usize = 2 * MAX_PATH_LEN + 64;
/// Length of a BLAKE3 hash, in bytes.
pub(super) const HASH_LEN: usize = 32;

const LIST: u8 = 1;
const GET: u8 = 2;
const PUT: u8 = 3;
const LIST_ALL: u8 = 4;
const PUT_WHOLE: u8 = 5;
const MAKE_DIRECTORY: u8 = 6;
const MAKE_LINK: u8 = 7;
const OK: u8 = 0;
const DIRECTORY: u8 = b'd';
const FILE: u8 = b'f';
const LINK: u8 = b'l';
const LINK_OUT: u8 = b'o';
const SPECIAL: u8 = b's';

/// The first record of a stream, by the side that opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// What is at `path`? If a directory: what is in it?
    List { path: Vec<u8>, form: Form },
    /// The file at `path`, of which the sender has `have` bytes with that hash.
    Get { path: Vec<u8>, have: u64, hash: [u8; HASH_LEN] },
    /// A new file of `size` bytes for `path`; without attributes, the sender waits for an answer
    /// before it sends the contents.
    Put { path: Vec<u8>, size: u64, attributes: Option<Attributes> },
    /// A directory at `path`, unless it is there.
    MakeDirectory { path: Vec<u8>, attributes: Attributes },
    /// A symbolic link at `path` that leads to `target`, unless it is there.
    MakeLink { path: Vec<u8>, target: Vec<u8> },
}

/// How much a list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Directories and files with portable names, without attributes.
    Plain,
    /// Everything, with attributes.
    Full,
}

/// What is at a path that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File { size: u64 },
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) thing: Thing,
    pub(super) attributes: Option<Attributes>,
}

/// What an entry of a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Kind(Kind),
    /// A symbolic link that stays in the shared directory, and where it leads.
    Link(Vec<u8>),
    /// One that leads out of it: where to is not told.
    LinkOut,
    /// A device, a pipe, a socket.
    Special,
}

/// What a file or directory has beside its contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// The permission bits.
    pub(super) mode: u32,
    /// Seconds since 1970, and nanoseconds.
    pub(super) modified: (i64, u32),
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
            Self::List { path, form } => {
                let operation = if *form == Form::Plain { LIST } else { LIST_ALL };
                [&[operation], &path[..]].concat()
            }
            Self::Get { path, have, hash } => {
                [&[GET][..], &have.to_be_bytes(), hash, path].concat()
            }
            Self::Put { path, size, attributes: None } => {
                [&[PUT][..], &size.to_be_bytes(), path].concat()
            }
            Self::Put { path, size, attributes: Some(attributes) } => {
                [&[PUT_WHOLE][..], &size.to_be_bytes(), &attributes.bytes(), path].concat()
            }
            Self::MakeDirectory { path, attributes } => {
                [&[MAKE_DIRECTORY][..], &attributes.bytes(), path].concat()
            }
            Self::MakeLink { path, target } => {
                let len = u16::try_from(path.len()).unwrap_or(u16::MAX).to_be_bytes();
                [&[MAKE_LINK][..], &len, path, target].concat()
            }
        }
    }

    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        let (&operation, rest) = record.split_first()?;
        match operation {
            LIST => Some(Self::List { path: rest.into(), form: Form::Plain }),
            LIST_ALL => Some(Self::List { path: rest.into(), form: Form::Full }),
            GET => {
                let (have, rest) = number(rest)?;
                let (&hash, path) = rest.split_first_chunk()?;
                Some(Self::Get { path: path.into(), have, hash })
            }
            PUT => {
                let (size, path) = number(rest)?;
                Some(Self::Put { path: path.into(), size, attributes: None })
            }
            PUT_WHOLE => {
                let (size, rest) = number(rest)?;
                let (attributes, path) = Attributes::parse(rest)?;
                Some(Self::Put { path: path.into(), size, attributes: Some(attributes) })
            }
            MAKE_DIRECTORY => {
                let (attributes, path) = Attributes::parse(rest)?;
                Some(Self::MakeDirectory { path: path.into(), attributes })
            }
            MAKE_LINK => {
                let (&len, rest) = rest.split_first_chunk()?;
                let (path, target) = rest.split_at_checked(u16::from_be_bytes(len).into())?;
                Some(Self::MakeLink { path: path.into(), target: target.into() })
            }
            _ => None,
        }
    }
}

impl Kind {
    /// As the record of an answer: with the OK byte in front. Attributes only where the request
    /// asked for them.
    pub(super) fn encode_answer(self, attributes: Option<Attributes>) -> Vec<u8> {
        let mut answer = vec![OK];
        Thing::Kind(self).encode(&mut answer);
        if let Some(attributes) = attributes {
            answer.extend(attributes.bytes());
        }
        answer
    }

    pub(super) fn parse_answer(
        record: &[u8],
        form: Form,
    ) -> Option<Result<(Self, Option<Attributes>), Refusal>> {
        let rest = match parse_ok(record)? {
            Ok(rest) => rest,
            Err(refusal) => return Some(Err(refusal)),
        };
        let (thing, rest) = Thing::parse(rest)?;
        let (attributes, rest) = Attributes::parse_in(rest, form)?;
        let Thing::Kind(kind) = thing else { return None };
        rest.is_empty().then_some(Ok((kind, attributes)))
    }
}

impl Thing {
    fn encode(&self, to: &mut Vec<u8>) {
        let (letter, size) = match self {
            Self::Kind(Kind::Directory) => (DIRECTORY, 0),
            Self::Kind(Kind::File { size }) => (FILE, *size),
            Self::Link(_) => (LINK, 0),
            Self::LinkOut => (LINK_OUT, 0),
            Self::Special => (SPECIAL, 0),
        };
        to.push(letter);
        to.extend(size.to_be_bytes());
    }

    /// A link's target comes later.
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&letter, rest) = bytes.split_first()?;
        let (size, rest) = number(rest)?;
        let thing = match letter {
            DIRECTORY => Self::Kind(Kind::Directory),
            FILE => Self::Kind(Kind::File { size }),
            LINK => Self::Link(Vec::new()),
            LINK_OUT => Self::LinkOut,
            SPECIAL => Self::Special,
            _ => return None,
        };
        Some((thing, rest))
    }
}

impl Attributes {
    fn bytes(self) -> Vec<u8> {
        let Self { mode, modified: (seconds, nanos) } = self;
        [&mode.to_be_bytes()[..], &seconds.to_be_bytes(), &nanos.to_be_bytes()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&mode, rest) = bytes.split_first_chunk()?;
        let (&seconds, rest) = rest.split_first_chunk()?;
        let (&nanos, rest) = rest.split_first_chunk()?;
        let modified = (i64::from_be_bytes(seconds), u32::from_be_bytes(nanos));
        let mode = u32::from_be_bytes(mode);
        (modified.1 < 1_000_000_000).then_some((Self { mode, modified }, rest))
    }

    fn parse_in(bytes: &[u8], form: Form) -> Option<(Option<Self>, &[u8])> {
        if form == Form::Plain {
            return Some((None, bytes));
        }
        Self::parse(bytes).map(|(attributes, rest)| (Some(attributes), rest))
    }
}

impl Entry {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut record = Vec::new();
        self.thing.encode(&mut record);
        if let Some(attributes) = self.attributes {
            record.extend(attributes.bytes());
            record.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        }
        record.extend(&self.name);
        if let Thing::Link(target) = &self.thing {
            record.extend(target);
        }
        record
    }

    /// `None` also for a name that is not plain: it could lead anywhere.
    pub(super) fn parse(record: &[u8], form: Form) -> Option<Self> {
        let (mut thing, rest) = Thing::parse(record)?;
        let (attributes, rest) = Attributes::parse_in(rest, form)?;
        if form == Form::Plain {
            let name = portable(rest)?.as_bytes().to_vec();
            return matches!(thing, Thing::Kind(_)).then_some(Self { name, thing, attributes });
        }
        let (&len, rest) = rest.split_first()?;
        let (name, target) = rest.split_at_checked(len.into())?;
        match &mut thing {
            Thing::Link(to) => *to = target.into(),
            _ if target.is_empty() => {}
            _ => return None,
        }
        is_plain(name).then(|| Self { name: name.into(), thing, attributes })
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

/// The answer to [`Request::MakeDirectory`]: whether it was not there before.
pub(super) fn encode_made(is_new: bool) -> [u8; 2] {
    [OK, is_new.into()]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let path = b"a/\xff".to_vec();
        let attributes = Attributes { mode: 0o755, modified: (-5, 999_999_999) };
        let full = Some(attributes);
        for request in [
            Request::List { path: path.clone(), form: Form::Plain },
            Request::List { path: path.clone(), form: Form::Full },
            Request::Get { path: path.clone(), have: 1 << 40, hash: [3; 32] },
            Request::Put { path: path.clone(), size: 7, attributes: None },
            Request::Put { path: path.clone(), size: 7, attributes: full },
            Request::MakeDirectory { path: path.clone(), attributes },
            Request::MakeLink { path, target: b"../\xfe".into() },
        ] {
            assert_eq!(Request::parse(&request.encode()), Some(request));
        }
        for (form, attributes) in [(Form::Plain, None), (Form::Full, full)] {
            for kind in [Kind::Directory, Kind::File { size: u64::MAX }] {
                let answer = kind.encode_answer(attributes);
                assert_eq!(Kind::parse_answer(&answer, form), Some(Ok((kind, attributes))));
                let thing = Thing::Kind(kind);
                let entry = Entry { name: "x y".into(), thing, attributes };
                assert_eq!(Entry::parse(&entry.encode(), form), Some(entry));
            }
        }
        for thing in [Thing::Link(b"../\xfe".into()), Thing::LinkOut, Thing::Special] {
            let entry = Entry { name: b"\n\xff".into(), thing, attributes: full };
            assert_eq!(Entry::parse(&entry.encode(), Form::Full), Some(entry));
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
        assert_eq!(Request::parse(&[MAKE_LINK, 0, 9, b'a']), None, "a path longer than the record");
        assert_eq!(parse_get_answer(&encode_get_answer(3, 4)), None, "begins after its end");
        let attributes = Some(Attributes { mode: 0, modified: (0, 0) });
        for name in ["..", "a/b", "", "a\0b"] {
            for (form, attributes) in [(Form::Plain, None), (Form::Full, attributes)] {
                let thing = Thing::Kind(Kind::Directory);
                let entry = Entry { name: name.into(), thing, attributes };
                assert_eq!(Entry::parse(&entry.encode(), form), None, "{name}");
            }
        }
        let entry = Entry { name: "a".into(), thing: Thing::Special, attributes: None };
        assert_eq!(Entry::parse(&entry.encode(), Form::Plain), None, "not in this form");
    }
}
