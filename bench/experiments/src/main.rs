//! `experiments`: each experiment by its name. `cargo xtask experiment` builds and calls it.

#[cfg(feature = "lab")]
mod lab;
mod page;
mod report;
mod simulated;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use page::Page;
use report::Report;

/// One experiment, or one place to make it.
pub(crate) struct Experiment {
    /// What it is called for: `e05`, `e05-lab`.
    pub(crate) name: &'static str,
    /// The page it belongs to, and the part of that page it fills.
    pub(crate) page: &'static str,
    pub(crate) part: &'static str,
    pub(crate) about: &'static str,
    /// It needs seconds at most, and no rights.
    pub(crate) is_quick: bool,
    pub(crate) run: fn(&mut Report) -> Result<(), String>,
}

/// Makes experiments, writes their pages, plots and data; fails if a bar is missed.
#[derive(Parser)]
struct Options {
    /// Which; all of them without any.
    names: Vec<String>,
    /// Only those that are quick.
    #[arg(long)]
    quick: bool,
    /// Writes no pages and no plots.
    #[arg(long)]
    check: bool,
    /// Tells which there are.
    #[arg(long)]
    list: bool,
    /// The folder of pages.
    #[arg(long, default_value = "docs/experiments")]
    pages: PathBuf,
    /// The folder of data.
    #[arg(long, default_value = "target/experiments")]
    data: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    #[cfg(feature = "lab")]
    match ::lab::enclose() {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => {
            eprintln!("experiments: {error}");
            return ExitCode::FAILURE;
        }
    }
    let all: Vec<&Experiment> = simulated::ALL.iter().chain(in_namespaces()).collect();
    if options.list {
        all.iter().for_each(|experiment| println!("{:8} {}", experiment.name, experiment.about));
        return ExitCode::SUCCESS;
    }
    if let Some(name) = options.names.iter().find(|name| all.iter().all(|e| e.name != **name)) {
        eprintln!("experiments: there is no {name}; --list tells which there are");
        return ExitCode::from(2);
    }
    let is_wanted = |experiment: &&Experiment| {
        let is_named = options.names.iter().any(|name| name == experiment.name);
        is_named || options.names.is_empty() && (experiment.is_quick || !options.quick)
    };
    let mut faults = vec![];
    for experiment in all.into_iter().filter(is_wanted) {
        println!("{}: {}", experiment.name, experiment.about);
        if let Err(fault) = make(experiment, &options) {
            println!("  FAILED: {fault}");
            faults.push(experiment.name);
        }
    }
    if faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("experiments: failed: {}", faults.join(", "));
    ExitCode::FAILURE
}

/// Those that need root; without, it is said that they are left out.
#[cfg(feature = "lab")]
fn in_namespaces() -> &'static [Experiment] {
    if ::lab::is_permitted() {
        return lab::ALL;
    }
    eprintln!("experiments: those in network namespaces are left out: they need root");
    &[]
}

#[cfg(not(feature = "lab"))]
fn in_namespaces() -> &'static [Experiment] {
    &[]
}

/// Runs one and writes what it found, also if it missed a bar.
fn make(experiment: &Experiment, options: &Options) -> Result<(), String> {
    let mut report = Report::new(experiment.page, experiment.part);
    (experiment.run)(&mut report)?;
    print!("{}", report.bars_as_text());
    let data = options.data.join(format!("{}-{}.jsonl", experiment.name, experiment.part));
    write(&data, &report.json_lines())?;
    if !options.check {
        let page = Page::open(&options.pages, experiment.page)?;
        page.fill(experiment.part, &report.markdown(experiment.name))?;
        for (name, svg) in report.plots() {
            write(&options.pages.join(name), svg)?;
        }
    }
    report.verdict()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let fault = |error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    std::fs::write(path, text).map_err(fault)
}
