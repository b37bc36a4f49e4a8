//! Experiments on the deterministic simulator: the same figures on each run and on each machine.

mod e05_priorities;
mod world;

use crate::Experiment;

pub(crate) const ALL: &[Experiment] = &[Experiment {
    name: "e05",
    page: "05-priorities",
    part: "simulated",
    about: "priorities changed live by messages on child streams",
    is_quick: true,
    run: e05_priorities::run,
}];
