//! The runs as a table of medians, and as they were.

use std::fmt::Write;

use super::contest::{Place, Run};

/// Medians and ratios, in Markdown.
pub(super) fn markdown(runs: &[Run]) -> String {
    let mut text = String::new();
    for place in [Place::Loopback, Place::Lossy] {
        let here: Vec<&Run> = runs.iter().filter(|run| run.place == place).collect();
        let Some(first) = here.first() else { continue };
        let Run { tree, files, bytes, .. } = first;
        let _ = writeln!(
            text,
            "| {place:?}: `{tree}`, {files} files, {bytes} bytes | median s | files/s | all runs, \
             s | of sst's time |\n|---|---|---|---|---|"
        );
        let base = median(&times(&here, first.contestant));
        let mut names: Vec<&str> = Vec::new();
        for name in here.iter().map(|run| run.contestant) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let times = times(&here, name);
            let middle = median(&times);
            let all: Vec<String> = times.iter().map(|time| format!("{time:.2}")).collect();
            let (rate, all, ratio) = (*files as f64 / middle, all.join(", "), middle / base);
            let _ = writeln!(text, "| {name} | {middle:.2} | {rate:.0} | {all} | {ratio:.2} |");
        }
        text.push('\n');
    }
    text
}

/// One JSON object a line.
pub(super) fn json_lines(runs: &[Run]) -> String {
    let mut text = String::new();
    for Run { place, tree, contestant, seconds, files, bytes } in runs {
        let _ = writeln!(
            text,
            "{{\"place\":\"{place:?}\",\"tree\":\"{tree}\",\"contestant\":\"{contestant}\",\
             \"seconds\":{seconds:.3},\"files\":{files},\"bytes\":{bytes}}}"
        );
    }
    text
}

fn times(runs: &[&Run], contestant: &str) -> Vec<f64> {
    let own = runs.iter().filter(|run| run.contestant == contestant);
    own.map(|run| run.seconds).collect()
}

/// The middle one; of an even number, the mean of the two.
fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match (times.get(middle), middle.checked_sub(1).and_then(|below| times.get(below))) {
        (Some(upper), Some(lower)) if times.len().is_multiple_of(2) => (upper + lower) / 2.0,
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contestant: &'static str, seconds: f64) -> Run {
        let place = Place::Lossy;
        Run { place, tree: "core".into(), contestant, seconds, files: 100, bytes: 5 }
    }

    #[test]
    fn the_table_has_medians_and_ratios_to_the_first() {
        let runs = [run("a", 2.0), run("b", 9.0), run("a", 1.0), run("b", 4.0), run("a", 8.0)];
        let table = markdown(&runs);
        assert!(table.contains("| a | 2.00 | 50 | 2.00, 1.00, 8.00 | 1.00 |\n"), "{table}");
        assert!(table.contains("| b | 6.50 | 15 | 9.00, 4.00 | 3.25 |\n"), "{table}");
        assert_eq!(json_lines(&runs).lines().count(), 5);
    }
}
