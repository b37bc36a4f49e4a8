//! What the board in QEMU costs: measured, kept as a table in docs/BOARD.md, compared with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{THUMB, cargo, image, sizes, stack};
use crate::call;
use crate::elf::Firmware;
use crate::report::{Outcome, StepResult};

const TABLE: &str = "docs/BOARD.md";
const BEGIN: &str = "<!-- figures: cargo xtask board figures --write -->";
const END: &str = "<!-- end of figures -->";
/// How much a figure may grow unnoticed, in hundredths: a newer library, a line more.
const TOLERANCE_PERCENT: u64 = 3;
/// Small figures move in jumps.
const TOLERANCE_LEAST: u64 = 64;

/// What the flash of a small board holds, in bytes: the application fits it.
const MAX_FLASH_BYTES: u64 = 256 << 10;

/// What was measured: a name, with its unit in it, and a number. Less is better in all of them.
type Figures = Vec<(String, u64)>;

/// Measures, and compares with the table. Figures that grew are a failure.
pub(crate) fn check() -> StepResult {
    if !call::has_program(super::QEMU) {
        return Ok(Outcome::Skipped(format!("no {}", super::QEMU)));
    }
    let figures = measure()?;
    let kept = parse(&read()?);
    let mut grown = Vec::new();
    for (name, value) in &figures {
        let before = kept.get(name).copied();
        println!("{value:>10}  {name}{}", before.map_or(String::new(), |b| format!(" (was {b})")));
        let Some(before) = before else {
            grown.push(format!("{name} is not in {TABLE}"));
            continue;
        };
        if *value > before + TOLERANCE_LEAST.max(before * TOLERANCE_PERCENT / 100) {
            grown.push(format!("{name}: {before} -> {value}"));
        }
    }
    if grown.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(format!("{}; `cargo xtask board figures --write` if it is meant", grown.join("; ")))
}

/// Measures, and writes the table.
pub(crate) fn write() -> StepResult {
    let figures = measure()?;
    let mut table = String::from("| figure | value |\n|---|---:|\n");
    for (name, value) in &figures {
        table += &format!("| {name} | {value} |\n");
    }
    let text = read()?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        return Err(format!("{TABLE} has no place for figures"));
    };
    let text = format!("{}{BEGIN}\n{table}{}", &text[..begin], &text[end..]);
    let path = call::root().join(TABLE);
    std::fs::write(&path, text).map_err(|error| format!("{TABLE}: {error}"))?;
    print!("{table}");
    Ok(Outcome::Passed)
}

fn read() -> Result<String, String> {
    std::fs::read_to_string(call::root().join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))
}

/// The figures of the table.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
    });
    rows.collect()
}

/// Prints how deep the stack of an image can get, and by which calls.
pub(crate) fn show_stack(image: Option<&str>) -> StepResult {
    if image.is_none() {
        cargo("board-qemu", "build --release").run()?;
    }
    let path = image.map_or_else(|| super::image(THUMB, "board-qemu"), PathBuf::from);
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let bound = stack::bound(&Firmware::parse(&bytes)?)?;
    for (name, bytes) in &bound.chain {
        println!("{bytes:>7}  {name}");
    }
    println!("{:>7}  at most, if each function of a circle is on the stack once:", bound.bytes);
    for circle in &bound.circles {
        println!("         circle: {}", circle.join(", "));
    }
    Ok(Outcome::Passed)
}

fn measure() -> Result<Figures, String> {
    cargo("board-qemu", "build --release").run()?;
    let path = image(THUMB, "board-qemu");
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let firmware = Firmware::parse(&bytes)?;
    let total = firmware.sizes();
    let flash_bytes = total.text_bytes + total.data_bytes;
    if flash_bytes > MAX_FLASH_BYTES {
        return Err(format!("{flash_bytes} bytes are more than a small board's flash holds"));
    }
    let mut figures = vec![
        ("flash, bytes".to_owned(), flash_bytes),
        ("static RAM, bytes".to_owned(), total.data_bytes + total.bss_bytes),
    ];
    let (code, variables) = firmware.symbols();
    for (part, value) in sizes::by_part(&code) {
        figures.push((format!("flash of {part}, bytes"), value));
    }
    for (part, value) in sizes::by_purpose(&variables) {
        figures.push((format!("RAM of {part}, bytes"), value));
    }
    figures.push(("stack at most, bytes".to_owned(), stack::bound(&firmware)?.bytes));
    let mut panics: BTreeMap<&str, u64> = BTreeMap::new();
    for (count, caller) in firmware.panic_calls() {
        *panics.entry(sizes::part_of(&caller)).or_default() += count as u64;
    }
    for (part, value) in panics {
        figures.push((format!("panic calls in {part}"), value));
    }
    figures.extend(instructions()?);
    Ok(figures)
}

/// Runs the image that counts.
fn instructions() -> Result<Figures, String> {
    let mut qemu = Command::new(super::QEMU);
    qemu.args(super::QEMU_WORDS.split_whitespace()).stdin(Stdio::null());
    qemu.args(["-icount", "shift=6,align=off,sleep=off", "-kernel"]).arg(image(THUMB, "figures"));
    let output = qemu.output().map_err(|error| format!("{}: {error}", super::QEMU))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("the counting image failed: {} {text}", output.status));
    }
    let lines = text.lines().filter_map(|line| line.strip_prefix("figure ")?.split_once(' '));
    lines
        .map(|(name, value)| {
            let value = value.trim().parse().map_err(|_| format!("{name}: {value}?"))?;
            Ok((format!("{}, instructions", name.replace('-', " ")), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_back() {
        let table = "| figure | value |\n|---|---:|\n| flash, bytes | 12 |\n| x, y | 3 |\n";
        let kept = parse(table);
        assert_eq!(
            (kept.len(), kept.get("flash, bytes"), kept.get("x, y")),
            (2, Some(&12), Some(&3))
        );
    }
}
