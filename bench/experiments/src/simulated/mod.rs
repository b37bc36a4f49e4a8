//! Experiments on the deterministic simulator: the same figures on each run and on each machine.

mod e01_head_of_line;
mod e02_interleaving;
mod e05_priorities;
mod world;

use crate::Experiment;
use crate::report::Report;

pub(crate) const ALL: &[Experiment] = &[
    Experiment {
        is_quick: true,
        ..simulated("e01", "01-head-of-line", "head-of-line blocking", e01_head_of_line::run)
    },
    Experiment {
        is_quick: true,
        ..simulated("e02", "02-interleaving", "object interleaving", e02_interleaving::run)
    },
    Experiment {
        is_quick: true,
        ..simulated("e05", "05-priorities", "priorities changed live", e05_priorities::run)
    },
];

const fn simulated(
    name: &'static str,
    page: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> Result<(), String>,
) -> Experiment {
    Experiment { name, page, part: "simulated", about, is_quick: false, run }
}
