//! The conversation that every build of the core must hold byte for byte, in this one.

use pyo3::prelude::*;
use sst_nostd::transcript::{DIGEST, digest};
use sst_nostd::{Limits, Storage};
use sst_std::AwsLc;

use crate::failure::Failure;

/// The digest of the conversation as this build holds it, and as it must be.
#[pyfunction]
pub(crate) fn transcript(py: Python<'_>) -> PyResult<(Vec<u8>, Vec<u8>)> {
    let storage = || Storage::owned(&Limits::of(1, 8, 1 << 16));
    let held = py.detach(|| digest([AwsLc::new(), AwsLc::new()], [storage(), storage()]));
    let held = held.map_err(|stuck| Failure::Value(format!("the script is stuck: {stuck:?}")))?;
    Ok((held.to_vec(), DIGEST.to_vec()))
}
