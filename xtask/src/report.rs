//! What ran, how long it took, and what could not run: said at the end, loudly.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How a step that did not fail ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It could not run here, for this reason.
    Skipped(String),
}

/// A step's end; the error is why it failed.
pub(crate) type StepResult = Result<Outcome, String>;

struct Row {
    name: &'static str,
    result: StepResult,
    took: Duration,
}

/// The steps so far.
pub(crate) struct Report {
    started_at: Instant,
    rows: Vec<Row>,
    /// Only steps with one of these words in their name; all, if there are none.
    only: Vec<String>,
}

impl Report {
    #[expect(clippy::disallowed_methods, reason = "the ban is for the core; this tool has a clock")]
    pub(crate) fn new() -> Self {
        Self { started_at: Instant::now(), rows: Vec::new(), only: Vec::new() }
    }

    /// Of the steps that have one of `words` in their name.
    pub(crate) fn only(words: &[&str]) -> Self {
        Self { only: words.iter().map(|word| (*word).to_owned()).collect(), ..Self::new() }
    }

    /// Runs one step. A failure does not stop the next: one run should tell everything.
    #[expect(clippy::disallowed_methods, reason = "the ban is for the core; this tool has a clock")]
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> StepResult) {
        if !self.only.is_empty() && !self.only.iter().any(|word| name.contains(word.as_str())) {
            return;
        }
        println!("\n==> {name}");
        let started_at = Instant::now();
        let result = run();
        let took = started_at.elapsed();
        match &result {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Skipped(reason)) => println!("SKIPPED {name}: {reason}"),
            Err(why) => println!("FAILED {name}: {why}"),
        }
        self.rows.push(Row { name, result, took });
    }

    /// Prints the summary; the code says whether any step failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.summary());
        let is_failed = self.rows.iter().any(|row| row.result.is_err());
        if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn summary(&self) -> String {
        let mut text = format!("ran in {:.1} s:\n", self.started_at.elapsed().as_secs_f64());
        let (mut passed, mut failed) = (0, 0);
        let mut loud = String::new();
        for Row { name, result, took } in &self.rows {
            let word = match result {
                Ok(Outcome::Passed) => {
                    passed += 1;
                    "passed"
                }
                Ok(Outcome::Skipped(reason)) => {
                    loud += &format!("SKIPPED {name}: {reason}\n");
                    "SKIPPED"
                }
                Err(why) => {
                    failed += 1;
                    loud += &format!("FAILED {name}: {why}\n");
                    "FAILED"
                }
            };
            text += &format!("  {word:<8} {:>7.1} s  {name}\n", took.as_secs_f64());
        }
        format!("{text}{loud}{passed} passed, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_counts_each_kind_and_names_what_was_skipped() {
        let mut report = Report::new();
        report.step("one", || Ok(Outcome::Passed));
        report.step("two", || Ok(Outcome::Skipped("no board".into())));
        report.step("three", || Err("broken".into()));
        let summary = report.summary();
        assert!(summary.contains("SKIPPED two: no board\n"), "{summary}");
        assert!(summary.contains("FAILED three: broken\n"), "{summary}");
        assert_eq!(summary.lines().last(), Some("1 passed, 1 failed"));
    }
}
