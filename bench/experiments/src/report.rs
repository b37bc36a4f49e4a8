//! [`Report`]: what an experiment found, as data, tables, plots, and bars met or missed.

use std::fmt::Write;

use serde_json::Value;

/// What an experiment found.
pub(crate) struct Report {
    page: &'static str,
    part: &'static str,
    /// Lines of JSON.
    rows: Vec<Value>,
    /// Text, tables and pictures, in Markdown.
    body: String,
    plots: Vec<(String, String)>,
    bars: Vec<Bar>,
}

/// What must hold.
struct Bar {
    what: String,
    limit: String,
    found: String,
    is_met: bool,
}

impl Report {
    /// Of an experiment that fills this part of a page.
    pub(crate) fn new(page: &'static str, part: &'static str) -> Self {
        Self { page, part, rows: vec![], body: String::new(), plots: vec![], bars: vec![] }
    }

    /// Adds a line of data.
    pub(crate) fn row(&mut self, row: Value) {
        self.rows.push(row);
    }

    /// Adds a paragraph.
    pub(crate) fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "{text}\n");
    }

    /// Adds a table.
    pub(crate) fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let _ = writeln!(self.body, "| {} |", heads.join(" | "));
        let _ = writeln!(self.body, "|{}", "---|".repeat(heads.len()));
        for row in rows {
            let _ = writeln!(self.body, "| {} |", row.join(" | "));
        }
        self.body.push('\n');
    }

    /// Adds a picture; `words` are for those who do not see it.
    pub(crate) fn plot(&mut self, name: &str, words: &str, svg: String) {
        let file = format!("{}-{}-{name}.svg", self.page, self.part);
        let _ = writeln!(self.body, "![{words}]({file})\n");
        self.plots.push((file, svg));
    }

    /// A number that must be no greater than `limit`.
    pub(crate) fn at_most(&mut self, what: &str, found: f64, limit: f64, unit: &str) {
        self.bar(what, ("at most", found, limit, unit), found <= limit);
    }

    /// A number that must be no smaller than `limit`.
    pub(crate) fn at_least(&mut self, what: &str, found: f64, limit: f64, unit: &str) {
        self.bar(what, ("at least", found, limit, unit), found >= limit);
    }

    /// Whether all bars were met.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let missed: Vec<&str> =
            self.bars.iter().filter(|bar| !bar.is_met).map(|bar| bar.what.as_str()).collect();
        if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join("; "))) }
    }

    /// The bars, a line each.
    pub(crate) fn bars_as_text(&self) -> String {
        let mut text = String::new();
        for Bar { what, limit, found, is_met } in &self.bars {
            let verdict = if *is_met { "met" } else { "MISSED" };
            let _ = writeln!(text, "  {verdict}: {what}: {found}, {limit}");
        }
        text
    }

    /// The whole as part of a page; `name` is the experiment's.
    pub(crate) fn markdown(&self, name: &str) -> String {
        let mut text = format!("\n    cargo xtask experiment {name}\n\n{}", self.body);
        if !self.bars.is_empty() {
            text += "| bar | wanted | found | |\n|---|---|---|---|\n";
        }
        for Bar { what, limit, found, is_met } in &self.bars {
            let verdict = if *is_met { "met" } else { "**missed**" };
            let _ = writeln!(text, "| {what} | {limit} | {found} | {verdict} |");
        }
        text + "\n"
    }

    pub(crate) fn json_lines(&self) -> String {
        self.rows.iter().map(|row| format!("{row}\n")).collect()
    }

    pub(crate) fn plots(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plots.iter().map(|(name, svg)| (name.as_str(), svg.as_str()))
    }

    fn bar(&mut self, what: &str, wanted: (&str, f64, f64, &str), is_met: bool) {
        let (kind, found, limit, unit) = wanted;
        let with_unit = |value: f64| format!("{} {unit}", number(value)).trim().to_owned();
        let limit = format!("{kind} {}", with_unit(limit));
        let (what, found) = (what.to_owned(), with_unit(found));
        self.bars.push(Bar { what, limit, found, is_met });
    }
}

/// A number with as many digits as one wants to read.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        1000.0.. => 0,
        100.0.. => 1,
        1.0.. => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The value that so large a share is at most; 0 of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bar_is_a_fault() {
        let mut report = Report::new("01-x", "simulated");
        report.at_most("time", 1.5, 2.0, "s");
        assert!(report.verdict().is_ok());
        report.at_least("share", 0.5, 0.99, "");
        assert_eq!(report.verdict(), Err("missed: share".into()));
        assert!(report.markdown("e01").contains("| share | at least 0.99 | 0.5 | **missed** |"));
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|q| quantile(&values, q)), [1.0, 2.0, 4.0, 4.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 100.0, 1234.5, 0.99, 2.0].map(number), ["0", "100", "1234", "0.99", "2"]);
    }
}
