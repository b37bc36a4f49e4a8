//! The bare firmware proof: the core links with no operating system, no allocator and no panic.

use crate::call::{self, Call};
use crate::elf::Firmware;
use crate::report::{Outcome, StepResult};

const FOLDER: &str = "proofs/bare";
const TARGET: &str = "thumbv7em-none-eabihf";

/// What the panic handler of the proof calls, and nobody defines.
const UNDEFINED: &str = "sst_core_can_panic";

fn build(features: &str) -> Call {
    let words = format!("build --release --target {TARGET} {features} --target-dir");
    Call::cargo(&words).arg(call::target_dir().join("bare")).in_folder(FOLDER)
}

fn linked() -> Result<Vec<u8>, String> {
    let path = call::target_dir().join("bare").join(TARGET).join("release/bare");
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Links the proof, which fails if a panic can be reached, and looks for an allocator in it.
pub(crate) fn proof() -> StepResult {
    build("").run().map_err(|error| {
        format!("{error}; if {UNDEFINED} is undefined, `cargo xtask size` says who can panic")
    })?;
    let bytes = linked()?;
    let firmware = Firmware::parse(&bytes)?;
    let allocators: Vec<String> = firmware
        .names()
        .into_iter()
        .filter(|name| {
            ["__rust_alloc", "__rg_alloc", "__rdl_alloc"].iter().any(|a| name.contains(a))
        })
        .collect();
    if !allocators.is_empty() {
        return Err(format!("the core allocates: {}", allocators.join(", ")));
    }
    show_sizes(&firmware);
    Ok(Outcome::Passed)
}

/// Plants a panic in the proof, which must then not link: the proof can fail.
pub(crate) fn counterproof() -> StepResult {
    let (is_built, text) = build("--features planted-panic").output()?;
    match (is_built, text.contains(UNDEFINED)) {
        (true, _) => return Err("a planted panic was linked: the proof proves nothing".into()),
        (false, true) => {}
        (false, false) => {
            return Err(format!("a planted panic failed for another reason:\n{text}"));
        }
    }
    build("--features planted-panic,count").run()?;
    match count_panics(&Firmware::parse(&linked()?)?) {
        0 => Err("a planted panic is not counted".into()),
        _ => {
            println!("a planted panic does not link, and is counted: as it should be");
            Ok(Outcome::Passed)
        }
    }
}

/// Prints the proof's sizes, and how many places in it can panic.
pub(crate) fn size() -> StepResult {
    build("--features count").run()?;
    let bytes = linked()?;
    let firmware = Firmware::parse(&bytes)?;
    show_sizes(&firmware);
    count_panics(&firmware);
    Ok(Outcome::Passed)
}

/// Prints who can panic; how many calls that are in all.
fn count_panics(firmware: &Firmware<'_>) -> usize {
    let calls = firmware.panic_calls();
    let total: usize = calls.iter().map(|(count, _)| count).sum();
    println!("{total} calls can panic, in {} functions", calls.len());
    for (count, name) in calls {
        println!("{count:>6}  {name}");
    }
    total
}

fn show_sizes(firmware: &Firmware<'_>) {
    let sizes = firmware.sizes();
    println!(
        "text {} bytes, data {} bytes, bss {} bytes",
        sizes.text_bytes, sizes.data_bytes, sizes.bss_bytes
    );
}
