//! The npm package: built under `target/npm`, its size asserted, tested in Node and Chromium.

use std::fs;
use std::path::{Path, PathBuf};

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};
use crate::{setup, steps, walk, wasm};

/// Where the TypeScript, the tests and the demos are.
const FOLDER: &str = "bindings-wasm";
const WASM: &str = "wasm32-unknown-unknown";
/// What a page has to download at most: the module and its glue, compressed. What they are made of
/// is told in docs/DECISIONS.md.
const MAX_GZIP_BYTES: u64 = 175 * 1024;
/// What comes along from the repository's root.
const LICENSES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the package into `target/npm/package`, and an archive of it beside.
pub(crate) fn build() -> StepResult {
    if !call::has_program("npm") {
        return Ok(Outcome::Skipped("no npm".into()));
    }
    install()?;
    module()?;
    script()?;
    write_manifest()?;
    size()?;
    let pack = "pack --silent --pack-destination .. --ignore-scripts";
    Call::new("npm", pack).in_folder(&npm("package").to_string_lossy()).run()?;
    Ok(Outcome::Passed)
}

/// A build like the package's, but for one more export, sends the packets that every build sends.
pub(crate) fn transcript() -> StepResult {
    if !call::has_program("node") {
        return Ok(Outcome::Skipped("no node".into()));
    }
    let build = "build -p bindings-wasm --features transcript --profile wasm --target";
    Call::cargo(build).arg(WASM).run()?;
    let built = call::target_dir().join(WASM).join("wasm/bindings_wasm.wasm");
    let folder = npm("transcript");
    make_folder(&folder)?;
    glue(&built, &folder)?;
    write(&folder.join("package.json"), r#"{ "type": "module" }"#)?;
    let check = "import { readFileSync } from 'node:fs';
import { initSync, transcriptMatches } from './sst.js';
initSync({ module: readFileSync(new URL('sst_bg.wasm', import.meta.url)) });
if (!transcriptMatches()) throw new Error('this build sends other packets');
console.log('the transcript is the same, byte for byte');
";
    write(&folder.join("check.js"), check)?;
    Call::new("node", "").arg(folder.join("check.js")).step()
}

/// Runs the tests in Node, and those in Chromium if there is one.
pub(crate) fn tests() -> StepResult {
    if !call::has_program("npm") {
        return Ok(Outcome::Skipped("no npm".into()));
    }
    // The native host that the package talks to.
    let command = steps::command()?;
    let mut test = Call::new("node", "--test --test-timeout=600000 --test-concurrency=2")
        .env("SST_PACKAGE", &npm("package").to_string_lossy())
        .env("SST_BINARY", &command.to_string_lossy())
        .in_folder(FOLDER);
    if let Some(chromium) = chromium() {
        test = test.env("SST_CHROMIUM", chromium);
    }
    // The other end of WebTransport.
    let python = setup::venv_python();
    if python.exists() {
        test = test.env("SST_PYTHON", &python.to_string_lossy());
    }
    for file in walk::files(&call::root().join(FOLDER).join("tests"), &["mjs"])? {
        if file.to_string_lossy().ends_with(".test.mjs") {
            test = test.arg(file);
        }
    }
    test.run()?;
    match chromium() {
        Some(_) => Ok(Outcome::Passed),
        None => Ok(Outcome::Skipped("no Chromium: only what runs in Node was tested".into())),
    }
}

/// Serves the demonstration.
pub(crate) fn demo() -> StepResult {
    build()?;
    Call::new("node", "demo/server.mjs")
        .env("SST_PACKAGE", &npm("package").to_string_lossy())
        .in_folder(FOLDER)
        .step()
}

/// Installs the tools that `package-lock.json` names, unless they are there.
fn install() -> Result<(), String> {
    let lock = call::root().join(FOLDER).join("package-lock.json");
    let marker = npm("installed.json");
    if fs::read(&lock).ok() == fs::read(&marker).ok()
        && call::root().join(FOLDER).join("node_modules").exists()
    {
        return Ok(());
    }
    println!("installing the npm packages of {FOLDER}/package-lock.json");
    Call::new("npm", "ci --no-audit --no-fund --ignore-scripts").in_folder(FOLDER).run()?;
    make_folder(&npm(""))?;
    copy(&lock, &marker)
}

/// The module, its glue, and the types of the glue.
fn module() -> Result<(), String> {
    Call::cargo("build -p bindings-wasm --profile wasm --target").arg(WASM).run()?;
    let built = call::target_dir().join(WASM).join("wasm/bindings_wasm.wasm");
    let generated = npm("generated/wasm");
    make_folder(&generated)?;
    glue(&built, &generated)?;
    let shipped = npm("package/dist/wasm");
    make_folder(&shipped)?;
    let module = shipped.join("sst_bg.wasm");
    optimise(&generated.join("sst_bg.wasm"), &module)?;
    copy(&generated.join("sst.d.ts"), &shipped.join("sst.d.ts"))?;
    Call::new(tool("rolldown"), "--format esm --platform browser --minify --log-level warn")
        .arg(generated.join("sst.js"))
        .arg("-o")
        .arg(shipped.join("sst.js"))
        .run()?;
    let bytes = read(&module)?;
    let imported = wasm::imported_modules(&bytes)?;
    if imported.contains("env") {
        return Err("the module imports from `env`: something expects an operating system".into());
    }
    Ok(())
}

/// Writes the JavaScript that goes with a module, and its types. Its forty dependencies take twice
/// as long to optimise as to build, and to run it takes half a second either way.
fn glue(module: &Path, folder: &Path) -> Result<(), String> {
    let target = call::target_dir().join("wasm-glue");
    Call::cargo("build --quiet --locked --target-dir")
        .arg(&target)
        .in_folder("bindings-wasm/glue")
        .run()?;
    Call::new(target.join("debug/wasm-glue"), "").arg(module).arg(folder).run()
}

/// Makes the module smaller, unless nothing has changed. More than `-O1` makes fewer bytes of it,
/// but more of what is left after gzip; without dead arguments, 1 % less of both.
fn optimise(from: &Path, to: &Path) -> Result<(), String> {
    let done = npm("optimised-from.wasm");
    if to.exists() && fs::read(&done).ok() == fs::read(from).ok() {
        return Ok(());
    }
    let how = "--dae-optimizing --rse -O1 --vacuum --strip-producers --strip-target-features";
    Call::new(tool("wasm-opt"), how).arg(from).arg("-o").arg(to).run()?;
    copy(from, &done)
}

/// The TypeScript, compiled.
fn script() -> Result<(), String> {
    let folder = call::root().join(FOLDER);
    let settings = format!(
        r#"{{
  "extends": {:?},
  "compilerOptions": {{
    "rootDir": {:?},
    "rootDirs": [{:?}, {:?}],
    "typeRoots": [{:?}],
    "outDir": {:?}
  }},
  "include": [{:?}]
}}
"#,
        folder.join("tsconfig.json"),
        folder.join("js"),
        folder.join("js"),
        npm("generated"),
        folder.join("node_modules/@types"),
        npm("package/dist"),
        folder.join("js"),
    );
    write(&npm("generated/package.json"), r#"{ "type": "module" }"#)?;
    let path = npm("tsconfig.json");
    write(&path, &settings)?;
    Call::new(tool("tsc"), "--project").arg(&path).run()
}

/// What npm wants to know, with the version of the workspace; and what a reader does.
fn write_manifest() -> Result<(), String> {
    let folder = call::root().join(FOLDER);
    let template = String::from_utf8_lossy(&read(&folder.join("npm/package.json"))?).into_owned();
    let manifest = template.replace("0.0.0-workspace", env!("CARGO_PKG_VERSION"));
    write(&npm("package/package.json"), &manifest)?;
    copy(&folder.join("README.md"), &npm("package/README.md"))?;
    for license in LICENSES {
        copy(&call::root().join(license), &npm("package").join(license))?;
    }
    Ok(())
}

/// Prints what a page downloads, and fails if it is too much.
fn size() -> Result<(), String> {
    let mut total = 0;
    for name in ["sst_bg.wasm", "sst.js"] {
        let path = npm("package/dist/wasm").join(name);
        let packed = Call::new("gzip", "-9 -c").arg(&path).output_bytes()?.len() as u64;
        println!("{name}: {} bytes, {packed} with gzip", read(&path)?.len());
        total += packed;
    }
    println!("module and glue: {total} bytes with gzip, at most {MAX_GZIP_BYTES}");
    if total > MAX_GZIP_BYTES { Err("the package is too large".into()) } else { Ok(()) }
}

/// A Chromium, if there is one.
pub(crate) fn chromium() -> Option<&'static str> {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| Path::new(path).exists())
}

/// Something under `target/npm`.
pub(crate) fn npm(name: &str) -> PathBuf {
    call::target_dir().join("npm").join(name)
}

/// A program that npm installed.
pub(crate) fn tool(name: &str) -> PathBuf {
    call::root().join(FOLDER).join("node_modules/.bin").join(name)
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
