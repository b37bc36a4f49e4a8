//! Steps that run beside the others: a second process of this program, whose output is shown when
//! it has ended. Only steps that build in folders of their own and do not care how busy the machine
//! is are worth it: while one lane links or waits, the other has a processor.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::call;
use crate::report::{Outcome, Row, StepResult};

/// A lane that is running.
pub(crate) struct Lane {
    child: Child,
    name: &'static str,
}

impl Lane {
    /// Starts `cargo xtask NAME`, which has to tell its [rows](fn@write).
    pub(crate) fn start(name: &'static str) -> Result<Self, String> {
        let why = |error: std::io::Error| format!("lane {name}: {error}");
        fs::create_dir_all(call::target_dir()).map_err(why)?;
        let _ = fs::remove_file(rows_path());
        let output = File::create(output_path()).map_err(why)?;
        let program = std::env::current_exe().map_err(why)?;
        let mut command = Command::new(program);
        command.arg(name).stdin(Stdio::null());
        command.stderr(output.try_clone().map_err(why)?).stdout(output);
        let child = command.spawn().map_err(why)?;
        Ok(Self { child, name })
    }

    /// Waits for its end and shows what it said; what its steps came to.
    pub(crate) fn join(mut self) -> Result<Vec<Row>, String> {
        let ended = self.child.wait();
        print!("{}", fs::read_to_string(output_path()).unwrap_or_default());
        let told = fs::read_to_string(rows_path()).unwrap_or_default();
        let rows: Option<Vec<Row>> = told.lines().map(parse).collect();
        match (ended, rows) {
            // A step that failed says so in its row; a lane that failed could not tell them all.
            (Ok(status), Some(rows)) if status.success() && !rows.is_empty() => Ok(rows),
            (ended, _) => {
                Err(format!("lane {} did not tell all of its rows: {ended:?}", self.name))
            }
        }
    }
}

/// Writes what the steps of this process came to, for the one that started it.
pub(crate) fn write(rows: &[Row]) -> Result<(), String> {
    let text: String = rows.iter().map(line).collect();
    fs::write(rows_path(), text).map_err(|error| format!("rows of a lane: {error}"))
}

fn output_path() -> PathBuf {
    call::target_dir().join("xtask-lane.txt")
}

fn rows_path() -> PathBuf {
    call::target_dir().join("xtask-lane.rows")
}

/// A row in one line, its parts between tabs.
fn line(row: &Row) -> String {
    let (word, reason) = match &row.result {
        Ok(Outcome::Passed) => ("passed", ""),
        Ok(Outcome::Skipped(reason)) => ("skipped", reason.as_str()),
        Err(why) => ("failed", why.as_str()),
    };
    let reason = reason.replace(['\n', '\t'], " ");
    let [took, cpu] = [row.took, row.cpu].map(|time| time.as_millis());
    format!("{}\t{word}\t{took}\t{cpu}\t{reason}\n", row.name)
}

fn parse(line: &str) -> Option<Row> {
    let mut parts = line.splitn(5, '\t');
    let (name, word) = (parts.next()?.to_owned(), parts.next()?);
    let mut time = || parts.next()?.parse().ok().map(Duration::from_millis);
    let (took, cpu) = (time()?, time()?);
    let reason = parts.next()?.to_owned();
    let result: StepResult = match word {
        "passed" => Ok(Outcome::Passed),
        "skipped" => Ok(Outcome::Skipped(reason)),
        _ => Err(reason),
    };
    Some(Row { name, result, took, cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let results: [StepResult; 3] =
            [Ok(Outcome::Passed), Ok(Outcome::Skipped("no board".into())), Err("broken".into())];
        for result in results {
            let (took, cpu) = (Duration::from_millis(1_500), Duration::from_millis(20));
            let row = Row { name: "a step".into(), result, took, cpu };
            let again = parse(line(&row).trim_end_matches('\n')).expect("a row");
            assert_eq!(line(&again), line(&row));
        }
        assert!(parse("nonsense").is_none());
    }
}
