//! Statistics as JSON.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sst_std::{Endpoint, SessionStats};

use crate::failure::Failure;
use crate::print::complain;

/// Numbers of a whole endpoint.
pub(crate) fn endpoint(endpoint: &Endpoint) -> Value {
    json!({ "id": endpoint.id().to_string(), "stats": fields(&endpoint.stats()) })
}

/// Numbers of one session.
pub(crate) fn session(stats: &SessionStats) -> Value {
    fields(stats)
}

/// Numbers of a gateway.
#[cfg(feature = "gateway")]
pub(crate) fn gateway(stats: &sst_std::gateway::GatewayStats) -> Value {
    fields(stats)
}

/// The fields of a struct of numbers, by way of its `Debug` form: the core has no serialisation,
/// and new counters appear here by themselves.
fn fields(value: &impl std::fmt::Debug) -> Value {
    let text = format!("{value:?}");
    let mut object = serde_json::Map::new();
    let mut names: Vec<String> = Vec::new();
    for part in text.split_inclusive(['{', '}', ',']) {
        let (item, last) = part.split_at(part.len().saturating_sub(1));
        if let Some((name, value)) = item.split_once(':') {
            let full = [&names[..], &[name.trim().to_string()]].concat().join(".");
            if last != "{" {
                object.insert(full, scalar(value.trim()));
            }
        }
        match last {
            "{" => {
                let name = item.split_once(':').map(|(name, _)| name.trim().to_string());
                names.extend(name);
            }
            "}" => {
                names.pop();
            }
            _ => {}
        }
    }
    Value::Object(object)
}

fn scalar(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text),
    }
}

/// Writes it to a file; in a thread, as the file may be a pipe at whose other end nobody reads.
pub(crate) async fn write(path: &Path, value: &Value) -> Result<(), Failure> {
    let (to, text) = (path.to_owned(), format!("{value:#}\n"));
    let written = tokio::task::spawn_blocking(move || std::fs::write(to, text)).await?;
    written.map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// Writes the statistics whenever SIGUSR1 comes.
pub(crate) fn write_on_signal(of: Endpoint, path: PathBuf) {
    #[cfg(unix)]
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut signals) = signal(SignalKind::user_defined1()) else { return };
        while signals.recv().await.is_some() {
            if let Err(Failure(message)) = write(&path, &endpoint(&of)).await {
                complain(format_args!("{message}"));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Outer {
        first: u64,
        inner: Inner,
        last: u64,
    }

    #[derive(Debug)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Inner {
        a: u64,
        b: std::time::Duration,
    }

    #[test]
    fn structs_of_numbers_become_objects() {
        let inner = Inner { a: 2, b: std::time::Duration::from_millis(3) };
        let value = fields(&Outer { first: 1, inner, last: 4 });
        assert_eq!(value, json!({ "first": 1, "inner.a": 2, "inner.b": "3ms", "last": 4 }));
    }
}
