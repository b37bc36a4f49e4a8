//! Installs what the tests need, and says what.

use std::path::PathBuf;

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

/// Targets that the core is built for besides the host's own.
const TARGETS: &[&str] =
    &["thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf", "wasm32-unknown-unknown"];

/// Parts of the toolchain that steps call.
const COMPONENTS: &[&str] = &["clippy", "rust-src", "rustfmt"];

/// Debian packages that steps need: `ip` for hosts in network namespaces, `strace` for system calls
/// that fail, `kill` and `ps` for processes that stop.
const DEBIAN_PACKAGES: &[&str] =
    &["chromium", "iproute2", "procps", "qemu-system-arm", "strace", "valgrind"];

/// Python packages that steps need besides what pip fetches to build.
const PYTHON_PACKAGES: &[&str] = &["aioquic", "anyio", "maturin", "mypy", "pytest", "ruff"];

/// Adds what the toolchain lacks.
pub(crate) fn toolchain() -> StepResult {
    if !call::has_program("rustup") {
        return Ok(Outcome::Skipped("no rustup: the toolchain is taken as it is".into()));
    }
    for (kind, wanted) in [("target", TARGETS), ("component", COMPONENTS)] {
        let (_, installed) = Call::new("rustup", &format!("{kind} list --installed")).output()?;
        for name in wanted {
            if installed.lines().any(|line| line.starts_with(name)) {
                println!("{kind} {name}: already there");
            } else {
                println!("installing {kind} {name}");
                Call::new("rustup", &format!("{kind} add {name}")).run()?;
            }
        }
    }
    Ok(Outcome::Passed)
}

/// Whether the toolchain can build for `target`.
pub(crate) fn has_target(target: &str) -> bool {
    let sysroot = Call::new("rustc", "--print sysroot").output();
    sysroot.is_ok_and(|(_, path)| {
        PathBuf::from(path.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
    })
}

/// Installs missing Debian packages, if this is Debian and we may.
pub(crate) fn debian() -> StepResult {
    packages(DEBIAN_PACKAGES)
}

/// The same of these packages.
pub(crate) fn packages(wanted: &[&str]) -> StepResult {
    let mut missing = Vec::new();
    for package in wanted {
        let is_there = Call::new("dpkg", &format!("-s {package}")).output().is_ok_and(|(ok, _)| ok);
        if !is_there {
            missing.push(*package);
        }
    }
    if missing.is_empty() {
        println!("{} packages needed, none missing", wanted.len());
        return Ok(Outcome::Passed);
    }
    let missing = missing.join(" ");
    let is_root = Call::new("id", "-u").output().is_ok_and(|(_, id)| id.trim() == "0");
    if !is_root || !call::has_program("apt-get") {
        return Ok(Outcome::Skipped(format!("missing, and not ours to install: {missing}")));
    }
    println!("installing Debian packages: {missing}");
    Call::new("apt-get", "update -q").run()?;
    Call::new("apt-get", &format!("install -qy --no-install-recommends {missing}")).step()
}

/// The Python of our own environment.
pub(crate) fn venv_python() -> PathBuf {
    call::target_dir().join("venv/bin/python")
}

/// Makes a Python environment under the target folder.
pub(crate) fn python() -> StepResult {
    if !call::has_program("python3") {
        return Ok(Outcome::Skipped("no python3".into()));
    }
    let folder = call::target_dir().join("venv");
    if !Call::new(venv_python(), "-m pip --version").output().is_ok_and(|(ok, _)| ok) {
        println!("installing a Python environment in {}", folder.display());
        Call::new("python3", "-m venv --clear").arg(&folder).run()?;
    }
    for package in PYTHON_PACKAGES {
        let shown = Call::new(venv_python(), &format!("-m pip show -q {package}")).output();
        if !shown.is_ok_and(|(ok, _)| ok) {
            println!("installing the Python package {package}");
            let words = format!("-m pip install -q --disable-pip-version-check {package}");
            Call::new(venv_python(), &words).run()?;
        }
    }
    Ok(Outcome::Passed)
}
