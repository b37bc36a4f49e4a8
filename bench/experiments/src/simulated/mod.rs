//! Experiments on the deterministic simulator: the same figures on each run and on each machine.

mod crowd;
mod e01_head_of_line;
mod e02_interleaving;
mod e03_transactions;
mod e04_web_pages;
mod e05_priorities;
mod e06_fairness;
mod e06_pairs;
mod e07_datagrams;
mod e09_state;
mod e10_loss_and_outage;
mod world;

use crate::Experiment;
use crate::report::Report;

pub(crate) const ALL: &[Experiment] = &[
    quick("e01", "01-head-of-line", "head-of-line blocking", e01_head_of_line::run),
    quick("e02", "02-interleaving", "object interleaving", e02_interleaving::run),
    quick("e03", "03-transactions", "small transactions", e03_transactions::run),
    quick("e04", "04-web-pages", "web pages", e04_web_pages::run),
    quick("e05", "05-priorities", "priorities changed live", e05_priorities::run),
    slow("e06", "06-fairness", "fairness among ten", e06_fairness::run),
    quick("e07", "07-datagrams", "large datagrams", e07_datagrams::run),
    Experiment {
        name: "e06-pairs",
        page: "06-fairness",
        part: "pairs",
        about: "the default beside CUBIC",
        is_quick: false,
        run: e06_pairs::run,
    },
    slow("e09", "09-state", "state per stream", e09_state::run),
    quick("e10", "10-loss-and-outage", "loss and outage", e10_loss_and_outage::run),
];

const fn quick(
    name: &'static str,
    page: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> Result<(), String>,
) -> Experiment {
    Experiment { name, page, part: "simulated", about, is_quick: true, run }
}

const fn slow(
    name: &'static str,
    page: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> Result<(), String>,
) -> Experiment {
    Experiment { name, page, part: "simulated", about, is_quick: false, run }
}
