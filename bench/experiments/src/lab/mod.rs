//! Experiments in network namespaces, beside kernel TCP and others.

use crate::Experiment;

pub(crate) const ALL: &[Experiment] = &[];
