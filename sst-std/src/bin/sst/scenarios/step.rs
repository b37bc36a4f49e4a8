//! [`Step`]: one step of a scenario, as sst-std/src/scenarios.json has it.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value};

use super::content::Content;

/// The verb, the stream it is about, and the rest.
pub(super) struct Step {
    pub(super) verb: String,
    pub(super) target: String,
    pub(super) details: Details,
    /// Only of `repeat`.
    pub(super) steps: Vec<Self>,
    pub(super) times: u64,
}

/// What the verbs may need to know.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Details {
    pub(super) of: Option<String>,
    pub(super) priority: Option<i8>,
    pub(super) lifetime_ms: Option<u64>,
    pub(super) code: Option<u64>,
    pub(super) kind: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) service: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) has: Vec<[String; 2]>,
    pub(super) text: Option<String>,
    pub(super) pattern: Option<Pattern>,
    pub(super) reliable: bool,
    pub(super) is: Option<String>,
    pub(super) unread: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    seed: u64,
    len: u64,
}

const VERBS: &[&str] = &[
    "open",
    "open_service",
    "list_services",
    "accept",
    "write",
    "write_record",
    "read",
    "read_record",
    "read_end",
    "holds",
    "too_long",
    "unfinished",
    "finish",
    "reset",
    "stop",
    "drop",
    "set_priority",
    "read_error",
    "write_error",
    "datagram",
    "outcome",
    "recv_datagram",
    "repeat",
    "close",
    "abort",
    "closed",
];

impl Details {
    /// What is written or expected.
    pub(super) fn content(&self) -> Option<Content> {
        match (&self.text, self.pattern) {
            (Some(text), None) => Some(Content::Text(text.clone())),
            (None, Some(Pattern { seed, len })) => Some(Content::Pattern { seed, len }),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut object = Map::deserialize(from)?;
        let verb = VERBS.iter().find(|verb| object.contains_key(**verb));
        let verb = verb.ok_or_else(|| D::Error::custom("a step without a verb"))?;
        let value = object.remove(*verb).unwrap_or_default();
        let (target, times) = match value {
            Value::String(target) => (target, 0),
            Value::Number(times) => (String::new(), times.as_u64().unwrap_or(0)),
            _ => return Err(D::Error::custom("a verb wants a name or a number")),
        };
        let steps = object.remove("steps").map(serde_json::from_value).transpose();
        let steps = steps.map_err(D::Error::custom)?.unwrap_or_default();
        let details = serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)?;
        Ok(Self { verb: (*verb).into(), target, details, steps, times })
    }
}
