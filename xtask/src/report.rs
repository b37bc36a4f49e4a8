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

/// What became of a step.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) result: StepResult,
    pub(crate) took: Duration,
    /// What its programs computed: unlike the time it took, no matter of what else ran meanwhile.
    pub(crate) cpu: Duration,
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
        let (started_at, before) = (Instant::now(), children_cpu());
        let result = run();
        let (took, cpu) = (started_at.elapsed(), children_cpu().saturating_sub(before));
        match &result {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Skipped(reason)) => println!("SKIPPED {name}: {reason}"),
            Err(why) => println!("FAILED {name}: {why}"),
        }
        self.rows.push(Row { name: name.to_owned(), result, took, cpu });
    }

    /// Whether all steps are wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_empty()
    }

    /// What the steps of a lane came to, or why there is no telling.
    pub(crate) fn add(&mut self, rows: Result<Vec<Row>, String>) {
        self.rows.extend(rows.unwrap_or_else(|why| {
            let (took, cpu) = (Duration::ZERO, Duration::ZERO);
            vec![Row { name: "steps in a lane of their own".into(), result: Err(why), took, cpu }]
        }));
    }

    /// The steps so far.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Prints the summary; the code says whether any step failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.summary());
        let is_failed = self.rows.iter().any(|row| row.result.is_err());
        if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn summary(&self) -> String {
        let elapsed = self.started_at.elapsed().as_secs_f64();
        let cpu: Duration = self.rows.iter().map(|row| row.cpu).sum();
        let mut text = format!(
            "ran in {elapsed:.1} s, {:.1} s of processor time (in brackets), the longest first:\n",
            cpu.as_secs_f64()
        );
        let (mut passed, mut failed) = (0, 0);
        let mut loud = String::new();
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.took));
        for Row { name, result, took, cpu } in rows {
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
            let [took, cpu] = [took, cpu].map(Duration::as_secs_f64);
            text += &format!("  {word:<8} {took:>7.1} s ({cpu:>7.1})  {name}\n");
        }
        format!("{text}{loud}{passed} passed, {failed} failed")
    }
}

/// Processor time of all programs called so far that have ended, and of those that they waited for
/// (proc_pid_stat(5): the 16th and 17th field, in hundredths of a second). Nothing elsewhere.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in brackets, and may hold blanks.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks.saturating_mul(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_program_computed_is_counted() {
        let before = children_cpu();
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh").args(["-c", count]).status();
        assert!(ended.is_ok_and(|status| status.success()));
        let cpu = children_cpu().saturating_sub(before);
        assert!(cpu >= Duration::from_millis(20), "{cpu:?}");
    }

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
