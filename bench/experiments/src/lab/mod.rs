//! Experiments in network namespaces, beside kernel TCP and others. Root only.

mod e10_outages;
mod trial;

use crate::Experiment;

pub(crate) const ALL: &[Experiment] = &[Experiment {
    name: "e10",
    page: "10-outages",
    part: "lab",
    about: "loss, corruption, an outage: the cases of the QUIC interop runner",
    is_quick: false,
    run: e10_outages::run,
}];
