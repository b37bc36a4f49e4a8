//! The background thread that owns the sockets, and what becomes of everything after a fork.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle};

use crate::failure::Failure;

/// Counts forks as seen from the child: what was made in another generation is not ours to touch.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Only locked with the GIL held, and `os.fork` holds the GIL: no child inherits it locked.
static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);

/// The thread that ends the program, once it does.
static LAST_THREAD: Mutex<Option<ThreadId>> = Mutex::new(None);

struct Engine {
    handle: Handle,
    generation: u32,
}

/// A value that a forked child neither uses nor drops: the thread that would answer it, and who
/// holds its locks, stayed behind with the parent.
pub(crate) struct Owned<T> {
    value: Option<T>,
    generation: u32,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), generation: generation() }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Failure::Forked`] in a forked child.
    pub(crate) fn get(&self) -> Result<&T, Failure> {
        match &self.value {
            Some(value) if self.generation == generation() => Ok(value),
            _ => Err(Failure::Forked),
        }
    }

    /// Takes the value out, if it is ours.
    pub(crate) fn take(&mut self) -> Option<T> {
        if self.generation == generation() { self.value.take() } else { None }
    }

    /// As [`get`](Self::get).
    pub(crate) fn get_mut(&mut self) -> Result<&mut T, Failure> {
        match &mut self.value {
            Some(value) if self.generation == generation() => Ok(value),
            _ => Err(Failure::Forked),
        }
    }
}

impl<T> Owned<T> {
    /// The value itself. Errors as [`get`](Self::get).
    pub(crate) fn into_inner(mut self) -> Result<T, Failure> {
        self.get()?;
        self.value.take().ok_or(Failure::Forked)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.generation != generation() {
            std::mem::forget(self.value.take());
        }
    }
}

/// Which process this is, counted in forks.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// The runtime of this process; its thread is started when it is first asked for.
pub(crate) fn handle() -> Result<Handle, Failure> {
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = &*engine
        && engine.generation == generation()
    {
        return Ok(engine.handle.clone());
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        // Only names are looked up there.
        .max_blocking_threads(4)
        .thread_name("sst")
        .build()
        .map_err(Failure::Io)?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("sst".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(Failure::Io)?;
    *engine = Some(Engine { handle: handle.clone(), generation: generation() });
    Ok(handle)
}

/// Called in the child of a fork: forgets what belongs to the parent.
#[pyfunction]
pub(crate) fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Called when the program ends: what other threads wait for is not told any more.
#[pyfunction]
pub(crate) fn ending() {
    let thread = std::thread::current().id();
    *LAST_THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
}

/// Whether the program ends, and this is not the thread that ends it.
pub(crate) fn is_ending_elsewhere() -> bool {
    let last = *LAST_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|last| last != std::thread::current().id())
}

/// Whether this process has started the background thread.
#[pyfunction]
pub(crate) fn is_running() -> bool {
    let engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    engine.as_ref().is_some_and(|engine| engine.generation == generation())
}
