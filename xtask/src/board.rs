//! Boards: their images, the one in QEMU tested against `sst-std`, and what they cost.

mod figures;
mod sizes;
mod stack;
mod thumb;

pub(crate) use figures::check as check_figures;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::call::{self, Call};
use crate::elf::Firmware;
use crate::report::{Outcome, StepResult};
use crate::setup;
use crate::steps;

const FOLDER: &str = "embedded-demo";
const THUMB: &str = "thumbv7em-none-eabihf";
const QEMU: &str = "qemu-system-arm";
const QEMU_WORDS: &str = "-M mps2-an386 -display none -monitor none -serial stdio \
                          -semihosting-config enable=on,target=native";
/// How the QEMU shell ends when its stack has overflowed.
const OVERFLOW_STATUS: i32 = 103;

/// Every shell: its folder, what it is built for, with which features, and whether `build` links it
/// (minutes each) or only compiles it, because it differs from another by little.
const SHELLS: &[(&str, &str, &str, &str)] = &[
    ("board-qemu", THUMB, "", "build"),
    ("board-qemu", THUMB, "--features dhcp", "check"),
    ("board-rp", "thumbv8m.main-none-eabihf", "", "build"),
    ("board-stm32", THUMB, "", "build"),
    ("board-stm32", THUMB, "--no-default-features --features dhcp,nucleo-f767zi", "check"),
    ("board-stm32", THUMB, "--no-default-features --features dhcp,nucleo-f429zi", "check"),
];

/// A file that a board with a drive takes.
const DRIVE_TARGETS: &[(&str, &str, u32)] =
    &[("board-rp", "thumbv8m.main-none-eabihf", UF2_RP2350_SECURE)];
/// Which chip an UF2 file is for (RP2350 data sheet, "UF2 Targeting Rules").
const UF2_RP2350_SECURE: u32 = 0xe48b_ff59;

/// Runs `cargo xtask board WORDS`.
pub(crate) fn run(words: &[&str]) -> StepResult {
    match words {
        ["build"] => build(),
        ["test"] => both(test()?, python()?),
        ["figures"] => check_figures(),
        ["figures", "--write"] => figures::write(),
        ["stack"] => figures::show_stack(None),
        ["stack", image] => figures::show_stack(Some(image)),
        ["proof"] => proof(),
        ["drive", shell] => drive(shell),
        _ => Err(
            "board: build, test, figures [--write], stack [ELF], proof, drive board-rp|board-stm32"
                .into(),
        ),
    }
}

/// Builds every shell, and runs the example that needs no board.
pub(crate) fn build() -> StepResult {
    for (folder, target, features, verb) in SHELLS {
        if !setup::has_target(target) {
            return Ok(Outcome::Skipped(format!("the toolchain has no {target}")));
        }
        cargo(folder, &format!("{verb} --release {features}")).run()?;
    }
    Call::cargo("run -p adapter-smoltcp --example two_boards --target-dir")
        .arg(call::target_dir().join("board"))
        .in_folder(FOLDER)
        .step()
}

/// Runs the tests of `sst-std` that talk to the board in QEMU.
pub(crate) fn test() -> StepResult {
    if !call::has_program(QEMU) {
        return Ok(Outcome::Skipped(format!("no {QEMU}")));
    }
    cargo("board-qemu", "build --release").run()?;
    overflow()?;
    let image = image(THUMB, "board-qemu");
    talk("").env("SST_BOARD_ELF", &image.display().to_string()).step()
}

/// The tests of `sst-std` that talk to a board and have `filter` in their name, built as the debug
/// tests are.
fn talk(filter: &str) -> Call {
    let test = Call::cargo("test --workspace --test board --features").arg(steps::FEATURES);
    test.words(filter)
}

/// Runs the image that uses more stack than there is: it must say so, and end.
fn overflow() -> Result<(), String> {
    let mut qemu = Command::new(QEMU);
    qemu.args(QEMU_WORDS.split_whitespace()).arg("-kernel").arg(image(THUMB, "overflow"));
    let output = qemu.stdin(Stdio::null()).output().map_err(|error| format!("{QEMU}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match (output.status.code(), text.contains("fault: stack overflow")) {
        (Some(OVERFLOW_STATUS), true) => Ok(()),
        (status, _) => Err(format!("a stack overflow is not told: {status:?} {text}")),
    }
}

/// Has a Python script on this machine talk to the board, if the package is built.
pub(crate) fn python() -> StepResult {
    let python = setup::venv_python();
    if !call::has_program(QEMU) {
        return Ok(Outcome::Skipped(format!("no {QEMU}")));
    }
    if !python.exists() || crate::python::install(&python).is_err() {
        return Ok(Outcome::Skipped("no Python package: cargo xtask wheel".into()));
    }
    cargo("board-qemu", "build --release").run()?;
    talk("python")
        .env("SST_BOARD_ELF", &image(THUMB, "board-qemu").display().to_string())
        .env("SST_BOARD_PYTHON", &python.display().to_string())
        .step()
}

/// What two steps come to that are one.
fn both(first: Outcome, second: Outcome) -> StepResult {
    Ok(if matches!(first, Outcome::Skipped(_)) { first } else { second })
}

/// The application's own tests, and what clippy says of everything: of the board in QEMU for its
/// processor, of the rest for this one.
pub(crate) fn checks() -> StepResult {
    let parts = "-p adapter-embassy -p adapter-smoltcp -p app -p bulk-memory -p face -p provider";
    let place = call::target_dir().join("board");
    Call::cargo(&format!("test {parts} --lib --target-dir")).arg(&place).in_folder(FOLDER).run()?;
    let shared = |words: &str| Call::cargo(words).arg(&place);
    shared(&format!("clippy {parts} --all-targets --target-dir"))
        .words("-- -D warnings")
        .in_folder(FOLDER)
        .run()?;
    if !setup::has_target(THUMB) {
        return Ok(Outcome::Skipped(format!("the toolchain has no {THUMB}")));
    }
    shared("clippy --release --target-dir")
        .words("-- -D warnings")
        .in_folder(&format!("{FOLDER}/board-qemu"))
        .step()
}

/// Builds the QEMU image where there is no `alloc`, twice: no crate of it can want an allocator,
/// and nothing but the sources decides what it is.
pub(crate) fn proof() -> StepResult {
    let (_, sysroot) = Call::new("rustc", "--print sysroot").output()?;
    let source = PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    if !source.is_dir() {
        return Ok(Outcome::Skipped("no sources of core: rustup component add rust-src".into()));
    }
    let mut images = Vec::new();
    for name in ["core-only", "core-only-again"] {
        let place = call::target_dir().join("board").join(name);
        Call::cargo("build --release --bin board-qemu -Zbuild-std=core --target-dir")
            .arg(&place)
            .env("RUSTC_BOOTSTRAP", "1")
            .in_folder(&format!("{FOLDER}/board-qemu"))
            .run()?;
        let elf = place.join(THUMB).join("release/board-qemu");
        let bytes = std::fs::read(&elf).map_err(|error| format!("{}: {error}", elf.display()))?;
        let firmware = Firmware::parse(&bytes)?;
        let allocator = firmware.names().into_iter().find(|name| name.contains("__rust_alloc"));
        if let Some(name) = allocator {
            return Err(format!("the image allocates: {name}"));
        }
        images.push(firmware.image());
    }
    if images.first() != images.last() {
        return Err("two builds of the same sources differ".into());
    }
    let len = images.first().map_or(0, Vec::len);
    println!("built with core alone, twice: {len} bytes, the same");
    Ok(Outcome::Passed)
}

/// Makes the file that is copied to a board's drive: UF2 for RP2350, plain bytes for Nucleo.
fn drive(shell: &str) -> StepResult {
    let found =
        SHELLS.iter().find(|(folder, _, features, _)| *folder == shell && features.is_empty());
    let Some((folder, target, ..)) = found else {
        return Err(format!("no shell is called {shell}"));
    };
    cargo(folder, "build --release").run()?;
    let elf = image(target, folder);
    let bytes = std::fs::read(&elf).map_err(|error| format!("{}: {error}", elf.display()))?;
    let image = Firmware::parse(&bytes)?.image();
    let family = DRIVE_TARGETS.iter().find(|(name, ..)| name == folder).map(|(.., family)| *family);
    let (file, contents) = match family {
        Some(family) => (elf.with_extension("uf2"), uf2(&image, RP_FLASH, family)),
        None => (elf.with_extension("bin"), image),
    };
    std::fs::write(&file, contents).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("copy to the board's drive: {}", file.display());
    Ok(Outcome::Passed)
}

/// Where the RP2350's flash begins.
const RP_FLASH: u32 = 0x1000_0000;
/// Bytes of the image in each block of UF2.
const UF2_PAYLOAD_BYTES: usize = 256;

/// An image as blocks of 512 bytes, each of which says where its bytes go
/// (github.com/microsoft/uf2).
fn uf2(image: &[u8], base: u32, family: u32) -> Vec<u8> {
    let blocks = image.len().div_ceil(UF2_PAYLOAD_BYTES) as u32;
    let mut file = Vec::new();
    for (number, part) in (0..).zip(image.chunks(UF2_PAYLOAD_BYTES)) {
        let to = base + number * UF2_PAYLOAD_BYTES as u32;
        let has_family = 0x2000;
        let len = UF2_PAYLOAD_BYTES as u32;
        let head = [0x0a32_4655, 0x9e5d_5157, has_family, to, len, number, blocks, family];
        file.extend(head.into_iter().flat_map(u32::to_le_bytes));
        file.extend(part);
        file.resize((number as usize + 1) * 512 - 4, 0);
        file.extend(0x0ab1_6f30_u32.to_le_bytes());
    }
    file
}

/// A call of cargo in a shell's folder, which has the target and the linker's arguments.
fn cargo(folder: &str, words: &str) -> Call {
    Call::cargo(&format!("{words} --target-dir"))
        .arg(call::target_dir().join("board"))
        .in_folder(&format!("{FOLDER}/{folder}"))
}

fn image(target: &str, name: &str) -> PathBuf {
    call::target_dir().join("board").join(target).join("release").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_uf2_says_where_it_goes() {
        let file = uf2(&[7; 300], 0x1000_0000, 5);
        assert_eq!(file.len(), 1024);
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!(
            [word(0), word(512 + 12), word(512 + 20), word(24)],
            [0x0a32_4655, 0x1000_0100, 1, 2]
        );
        assert_eq!((file[512 + 32 + 43], file[512 + 32 + 44], word(1020)), (7, 0, 0x0ab1_6f30));
    }
}
