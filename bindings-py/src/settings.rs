//! From a dictionary of Python to [`Config`].

use std::net::SocketAddr;
use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sst_std::{Algorithm, Config, CookieMode, HostId, InstanceWish, Suite};

use crate::failure::Failure;
use crate::identity::Identity;

/// Reads the settings; what is not said keeps its default.
///
/// # Errors
/// ValueError or TypeError, which name the setting.
pub(crate) fn config(identity: &Identity, settings: &Bound<'_, PyDict>) -> PyResult<Config> {
    let mut config = Config::new(identity.0.clone());
    for (name, value) in settings {
        let name: String = name.extract()?;
        set(&mut config, &name, &value).map_err(|error| {
            let py = settings.py();
            let named = if error.is_instance_of::<PyOverflowError>(py) {
                // Negative, or with more bits than there are; its words are about neither.
                PyValueError::new_err(format!("{name}: {value} is out of range"))
            } else {
                let text = format!("{name}: {}", error.value(py));
                PyErr::from_type(error.get_type(py), text)
            };
            named.set_cause(py, Some(error));
            named
        })?;
    }
    Ok(config)
}

fn set(config: &mut Config, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "bind" => {
            let texts: Vec<String> = value.extract()?;
            config.bind = texts.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        }
        "accept" => config.accept = value.extract()?,
        "instance" => config.instance = instance(&value.extract::<String>()?)?,
        "allow" => {
            let ids: Option<Vec<String>> = value.extract()?;
            let ids = ids.map(|ids| ids.iter().map(|id| host_id(id)).collect());
            config.allow = ids.transpose()?;
        }
        "answers_unknown" => config.answers_unknown = value.extract()?,
        "cookies" => config.cookies = choose(&value.extract::<String>()?, COOKIES)?,
        "cipher" => config.suite = choose(&value.extract::<String>()?, CIPHERS)?,
        "congestion" => config.algorithm = choose(&value.extract::<String>()?, ALGORITHMS)?,
        "idle_timeout" => config.idle_timeout = optional_duration(value)?,
        "connect_timeout" => config.connect_timeout = duration(value.extract()?)?,
        "keep_alive" => config.keep_alive = optional_duration(value)?,
        "max_sessions" => config.max_sessions = value.extract()?,
        "max_sessions_per_peer" => config.max_sessions_per_peer = value.extract()?,
        "shares_by_source" => config.shares_by_source = value.extract()?,
        "backlog" => config.backlog = value.extract()?,
        "max_streams" => config.max_streams = value.extract()?,
        "max_datagram_bytes" => config.max_datagram_bytes = value.extract()?,
        "datagram_queue_bytes" => config.datagram_queue_bytes = value.extract()?,
        "stream_window" => config.stream_window = value.extract()?,
        "max_stream_window" => config.max_stream_window = value.extract()?,
        "session_budget" => config.session_budget = value.extract()?,
        "send_buffer" => config.send_buffer = value.extract()?,
        "root_child_credit" => config.root_child_credit = value.extract()?,
        "child_credit" => config.child_credit = value.extract()?,
        "max_buffer_bytes" => config.max_buffer_bytes = value.extract()?,
        "key_log" => config.key_log = value.extract()?,
        _ => return Err(Failure::Value("there is no such setting".into()).into()),
    }
    Ok(())
}

const COOKIES: &[(&str, CookieMode)] =
    &[("auto", CookieMode::Auto), ("always", CookieMode::Always), ("never", CookieMode::Never)];

const CIPHERS: &[(&str, Option<Suite>)] = &[
    ("auto", None),
    ("chacha20poly1305", Some(Suite::ChaCha20Poly1305)),
    ("aes256gcm", Some(Suite::Aes256Gcm)),
];

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("tolerant", Algorithm::Tolerant),
    ("bold", Algorithm::Bold),
    ("cubic", Algorithm::Cubic),
    ("newreno", Algorithm::NewReno),
];

fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Failure> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Failure::Value(format!("{text:?} is none of {}", names.join(", ")))
    })
}

/// Which session with a peer, in words or as its instance.
pub(crate) fn instance(text: &str) -> Result<InstanceWish, Failure> {
    text.parse().map_err(|error| Failure::Value(format!("{text:?}: {error}")))
}

/// An address with its port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse().map_err(|_| {
        Failure::Value(format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:0 or [::]:8661"))
    })
}

/// A host id in its text form.
pub(crate) fn host_id(text: &str) -> Result<HostId, Failure> {
    text.parse().map_err(|error| Failure::Value(format!("{text:?}: {error}")))
}

/// Seconds that are given.
pub(crate) fn duration(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::Value(format!("{seconds} is not a length of time in seconds")))
}

fn optional_duration(value: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    let seconds: Option<f64> = value.extract()?;
    Ok(seconds.map(duration).transpose()?)
}
