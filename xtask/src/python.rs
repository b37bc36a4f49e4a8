//! The Python package: its wheel, its tests, its types, on every Python there is.

use std::fs;
use std::path::PathBuf;

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};
use crate::{setup, steps};

/// What a package of ours has beside its README.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
const PIP: &str = "-m pip install -q --disable-pip-version-check";

/// Builds the wheel into `target/wheels`.
pub(crate) fn wheel() -> StepResult {
    with_venv(|python| {
        let folder = folder();
        // One wheel, not one of each day.
        let _ = fs::remove_dir_all(&folder);
        let words = "-m maturin build --profile dist -q -m bindings-py/Cargo.toml --out";
        Call::new(python, words).arg(&folder).run()?;
        println!("{}", built()?.display());
        Ok(Outcome::Passed)
    })
}

/// The wheel in our own environment, and its tests there; the `sst` command is their peer.
pub(crate) fn tests() -> StepResult {
    with_venv(|python| {
        install(python)?;
        let command = steps::command()?;
        Call::new(python, "-m pytest -q -c bindings-py/pyproject.toml bindings-py/tests")
            .env("SST_COMMAND", &command.to_string_lossy())
            .step()
    })
}

/// What users' type checkers see, whether it is true, and the style.
pub(crate) fn types() -> StepResult {
    with_venv(|python| {
        let examples = ["datagrams", "echo", "fetch", "tree"]
            .map(|name| format!(" bindings-py/examples/{name}.py"))
            .concat();
        let strict = "-m mypy --strict --config-file bindings-py/pyproject.toml";
        Call::new(python, &format!("{strict} -p sst")).run()?;
        Call::new(python, &format!("{strict}{examples}")).run()?;
        Call::new(python, "-m mypy.stubtest sst._sst").run()?;
        for words in ["check", "format --check"] {
            Call::new(python, &format!("-m ruff {words} -q bindings-py")).run()?;
        }
        Ok(Outcome::Passed)
    })
}

/// The one wheel on every Python from 3.10 on that this machine has.
pub(crate) fn versions() -> StepResult {
    let mut found = Vec::new();
    for minor in 10..=20 {
        let Some(python) = interpreter(minor) else { continue };
        let fresh = fresh(&format!("venv-3.{minor}"), &python)?;
        Call::new(&fresh, PIP).arg(built()?).run()?;
        Call::new(&fresh, "-W error bindings-py/examples/echo.py").run()?;
        Call::new(&fresh, "-W error bindings-py/examples/tree.py").run()?;
        found.push(format!("3.{minor}"));
    }
    if found.is_empty() {
        return Ok(Outcome::Skipped("no Python from 3.10 on".into()));
    }
    println!("on Python {}", found.join(", "));
    Ok(Outcome::Passed)
}

/// The source distribution installs where nothing of the repository is, as for users of systems
/// that have no wheel; and it and the crates have what belongs to a package.
pub(crate) fn sdist() -> StepResult {
    with_venv(|python| {
        let folder = call::target_dir().join("sdist");
        let _ = fs::remove_dir_all(&folder);
        Call::new(python, "-m maturin sdist -m bindings-py/Cargo.toml --out").arg(&folder).run()?;
        let archives = fs::read_dir(&folder).into_iter().flatten().flatten();
        let archive = archives.map(|entry| entry.path()).next().ok_or("no source distribution")?;
        for package in ["sst-nostd", "sst-std"] {
            has_papers(package)?;
        }
        let fresh = fresh("venv-sdist", &PathBuf::from("python3"))?;
        // Whether it builds does not depend on how well.
        Call::new(&fresh, PIP)
            .arg(archive)
            .env("CARGO_TARGET_DIR", &call::target_dir().join("readme/target").to_string_lossy())
            .env("CARGO_PROFILE_DIST_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_DIST_LTO", "off")
            .env("CARGO_PROFILE_DIST_CODEGEN_UNITS", "16")
            .run()?;
        has_papers_installed(&fresh)?;
        Call::new(&fresh, "bindings-py/examples/echo.py").step()
    })
}

/// Whether what was installed into the environment of `python` has our licences and README.
fn has_papers_installed(python: &PathBuf) -> Result<(), String> {
    let ask = "import importlib.metadata as m; d = m.distribution('sst-transport'); \
        print('\\n'.join(map(str, d.files)), d.read_text('METADATA'), sep='\\0')";
    let (_, told) = Call::new(python, "-c").arg(ask).output()?;
    let (files, metadata) = told.split_once('\0').ok_or("no metadata of sst-transport")?;
    let readme = fs::read_to_string(call::root().join("bindings-py/README.md"))
        .map_err(|error| error.to_string())?;
    match lacking(files, metadata, &readme) {
        Some(what) => Err(format!("what the source distribution installs has no {what}: {files}")),
        None => Ok(()),
    }
}

/// Which of the papers neither the files nor the metadata of an installed package have.
fn lacking(files: &str, metadata: &str, readme: &str) -> Option<&'static str> {
    let (head, body) = metadata.split_once("\n\n").unwrap_or((metadata, ""));
    let is_there = |name: &str| {
        let place = format!(".dist-info/licenses/{name}");
        files.lines().any(|file| file.ends_with(&place))
            && head.lines().any(|line| line.strip_prefix("License-File: ") == Some(name))
    };
    let licence = LICENCES.iter().find(|name| !is_there(name)).copied();
    licence.or_else(|| (body.trim() != readme.trim()).then_some("README.md"))
}

/// Whether a crate's package would have its README, its licences and all that it includes.
fn has_papers(package: &str) -> Result<(), String> {
    let (ok, listed) =
        Call::cargo(&format!("package --offline --allow-dirty --list -p {package}")).output()?;
    let names: Vec<&str> = listed.lines().collect();
    for name in ["README.md"].into_iter().chain(LICENCES) {
        if !ok || !names.contains(&name) {
            return Err(format!("the package of {package} has no {name}: {listed}"));
        }
    }
    Ok(())
}

/// Installs the wheel into the environment of `python`.
pub(crate) fn install(python: &PathBuf) -> Result<(), String> {
    Call::new(python, &format!("{PIP} --force-reinstall --no-deps")).arg(built()?).run()
}

fn with_venv(run: impl FnOnce(&PathBuf) -> StepResult) -> StepResult {
    let python = setup::venv_python();
    if python.exists() {
        run(&python)
    } else {
        Ok(Outcome::Skipped("no Python environment".into()))
    }
}

/// A new environment in the target folder.
fn fresh(name: &str, python: &PathBuf) -> Result<PathBuf, String> {
    let folder = call::target_dir().join(name);
    Call::new(python, "-m venv --clear").arg(&folder).run()?;
    Ok(folder.join("bin/python"))
}

/// Python 3.`minor`, from the path or from pyenv.
fn interpreter(minor: u32) -> Option<PathBuf> {
    let name = format!("python3.{minor}");
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let versions = fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(&name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.push(name.into());
    found
        .into_iter()
        .find(|path| Call::new(path, "-c pass").output().is_ok_and(|(is_done, _)| is_done))
}

fn folder() -> PathBuf {
    call::target_dir().join("wheels")
}

fn built() -> Result<PathBuf, String> {
    let wheels = fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut wheels = wheels.map(|wheel| wheel.path());
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    wheels.find(is_wheel).ok_or_else(|| "no wheel: cargo xtask wheel".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_are_missed_in_the_files_and_in_the_metadata() {
        let files = "sst/__init__.py\nsst-1.dist-info/licenses/LICENSE-APACHE\n\
            sst-1.dist-info/licenses/LICENSE-MIT\n";
        let metadata = "Name: sst\nLicense-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n\n\
            # SST\n\nWords.\n";
        let readme = "# SST\n\nWords.\n";
        assert_eq!(lacking(files, metadata, readme), None);
        let fewer = files.replace("licenses/LICENSE-MIT", "LICENSE-MIT");
        assert_eq!(lacking(&fewer, metadata, readme), Some("LICENSE-MIT"));
        let fewer = metadata.replace("License-File: LICENSE-APACHE\n", "");
        assert_eq!(lacking(files, &fewer, readme), Some("LICENSE-APACHE"));
        assert_eq!(lacking(files, metadata, "# SST\n\nOther words.\n"), Some("README.md"));
    }
}
