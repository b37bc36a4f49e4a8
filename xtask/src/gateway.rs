//! The page that reaches a native host through `sst gateway`: built, tested in Chromium, shown.

use crate::call::{self, Call};
use crate::npm;
use crate::report::{Outcome, StepResult};
use crate::setup;
use crate::steps;

/// Where the page is.
const FOLDER: &str = "bindings-wasm/demo-native";

/// Builds the page, and tests it with the command as built for debugging. `npm::build` comes first.
pub(crate) fn tests() -> StepResult {
    if !call::has_program("npm") {
        return Ok(Outcome::Skipped("no npm".into()));
    }
    page("vite.config.mjs")?;
    page("tests/vite.config.mjs")?;
    let command = steps::command()?;
    let mut test = Call::new("node", "--test --test-timeout=600000 --test-concurrency=1 tests/")
        .env("SST_GATEWAY_BINARY", &command.to_string_lossy())
        .env("SST_DEMO", &built().to_string_lossy())
        .in_folder(FOLDER);
    let python = setup::venv_python();
    if Call::new(&python, "-m sst.scenarios --help").output().is_ok_and(|(ok, _)| ok) {
        test = test.env("SST_PYTHON", &python.to_string_lossy());
    }
    match npm::chromium() {
        Some(chromium) => test.env("SST_CHROMIUM", chromium).step(),
        None => Ok(Outcome::Skipped("no Chromium".into())),
    }
}

/// Shows `folder`, or a sample, until interrupted.
pub(crate) fn demo(folder: Option<&str>) -> StepResult {
    npm::build()?;
    page("vite.config.mjs")?;
    Call::cargo("build --release -p sst-std --features gateway").run()?;
    let mut show = Call::new("node", "bindings-wasm/demo-native/run.mjs")
        .env("SST_GATEWAY_BINARY", &call::target_dir().join("release/sst").to_string_lossy())
        .env("SST_DEMO", &built().to_string_lossy());
    if let Some(folder) = folder {
        let here = std::env::current_dir().map_err(|error| error.to_string())?;
        show = show.arg(here.join(folder));
    }
    show.step()
}

/// Checks the types of a page and bundles it.
fn page(config: &str) -> Result<(), String> {
    Call::new(npm::tool("tsc"), "--project .").in_folder(FOLDER).run()?;
    Call::new(npm::tool("vite"), "build --logLevel warn --config")
        .arg(config)
        .env("SST_PACKAGE", &npm::npm("package").to_string_lossy())
        .env("SST_DEMO", &built().to_string_lossy())
        .in_folder(FOLDER)
        .run()
}

fn built() -> std::path::PathBuf {
    npm::npm("demo-native")
}
