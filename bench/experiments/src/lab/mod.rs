//! Experiments in network namespaces, beside kernel TCP and others. Root only.

mod e01_head_of_line;
mod e03_transactions;
mod e04_loads;
mod e04_web_pages;
mod e06_fairness;
mod e06_goodput;
mod e06_grid;
mod e08_bytes;
mod e10_gets;
mod e10_outages;
mod packets;
mod trial;

use crate::Experiment;
use crate::report::Report;

pub(crate) const ALL: &[Experiment] = &[
    beside("e01-lab", "01-head-of-line", "head-of-line blocking", e01_head_of_line::run),
    beside("e03-lab", "03-transactions", "small transactions", e03_transactions::run),
    beside("e04-lab", "04-web-pages", "web pages, seven ways", e04_web_pages::run),
    beside("e06-lab", "06-fairness", "fairness beside kernel TCP", e06_fairness::run),
    part("e06-goodput", "06-fairness", "goodput", "goodput alone", e06_goodput::run),
    part("e06-grid", "06-fairness", "grid", "fairness by path and queue", e06_grid::run),
    part("e06-quic", "06-fairness", "quic", "QUIC in SST's place there", e06_grid::run_quic),
    part("e06-long", "06-fairness", "long", "long paths for minutes", e06_grid::run_long),
    beside("e08", "08-bytes-on-the-wire", "bytes on the wire", e08_bytes::run),
    beside("e10-lab", "10-loss-and-outage", "loss and outage", e10_outages::run),
    part("e10-gets", "10-loss-and-outage", "gets", "what a user waits for `get`", e10_gets::run),
];

const fn beside(
    name: &'static str,
    page: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> Result<(), String>,
) -> Experiment {
    part(name, page, "lab", about, run)
}

const fn part(
    name: &'static str,
    page: &'static str,
    part: &'static str,
    about: &'static str,
    run: fn(&mut Report) -> Result<(), String>,
) -> Experiment {
    Experiment { name, page, part, about, is_quick: false, run }
}
