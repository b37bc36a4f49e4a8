//! Topics of the network, one by one: two hosts, a link with one fault, and a bar to pass.
//! Each test prints what it measured (`--nocapture` shows it).

mod costs;
mod dialling;
mod failures;
mod forgers;
mod neighbours;
mod outcomes;
mod pair;
mod paths;
mod renumbered;
mod shares;
mod strangers;
mod transfers;
