//! [`Loads`]: how long each page took in one way, and what did not come.

use serde_json::Value;

use super::trial::{Outcome, median, quantile};
use crate::web::{GROUPS, WebPage};

/// Times of one way on one kind of wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loads {
    /// By group, in milliseconds.
    groups: [Vec<f64>; GROUPS.len()],
    /// Bytes and milliseconds, of each page.
    points: Vec<(usize, f64, f64)>,
    pub(crate) tried: usize,
    pub(crate) faults: Vec<String>,
}

impl Loads {
    /// Adds what one run over these pages had, or why there was none.
    pub(crate) fn add(&mut self, pages: &[WebPage], outcome: &Result<Outcome, String>) {
        self.tried += pages.len();
        match outcome {
            Ok(outcome) => self.add_said(pages, outcome.said.first().unwrap_or(&Value::Null)),
            Err(error) => self.faults.push(format!("a run of {} pages: {error}", pages.len())),
        }
    }

    fn add_said(&mut self, pages: &[WebPage], said: &Value) {
        let times = said["loads"].as_array().into_iter().flatten();
        for (page, seconds) in pages.iter().zip(times) {
            let Some(millis) = seconds.as_f64().map(|seconds| seconds * 1e3) else { continue };
            let group = page.group();
            self.groups[group].push(millis);
            self.points.push((group, page.bytes() as f64, millis));
        }
        let faults = said["faults"].as_array().into_iter().flatten();
        self.faults.extend(faults.filter_map(Value::as_str).map(str::to_owned));
    }

    /// Milliseconds.
    pub(crate) fn median(&self, group: usize) -> f64 {
        median(&self.groups[group])
    }

    /// Milliseconds that so large a share takes at most.
    pub(crate) fn quantile(&self, group: usize, share: f64) -> f64 {
        quantile(&self.groups[group], share)
    }

    /// Bytes and milliseconds of a group's pages.
    pub(crate) fn points(&self, group: usize) -> Vec<(f64, f64)> {
        let of_it = self.points.iter().filter(|point| point.0 == group);
        of_it.map(|(_, bytes, millis)| (*bytes, *millis)).collect()
    }

    /// Pages that did not come.
    pub(crate) fn missing(&self) -> usize {
        self.tried - self.points.len()
    }
}

/// Pages as `traffic pages` reads them.
pub(crate) fn listed(pages: &[WebPage]) -> String {
    let sizes = |page: &WebPage| page.0.iter().map(u64::to_string).collect::<Vec<_>>().join("+");
    pages.iter().map(sizes).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_go_to_the_group_of_their_page() {
        let pages = [WebPage(vec![5]), WebPage(vec![1; 9]), WebPage(vec![7])];
        assert_eq!(listed(&pages), "5,1+1+1+1+1+1+1+1+1,7");
        let mut loads = Loads::default();
        let said = json!({ "loads": [0.1, 0.5, null], "faults": ["page 3: a reset"] });
        loads.tried = pages.len();
        loads.add_said(&pages, &said);
        assert_eq!([0, 4].map(|group| loads.median(group)), [100.0, 500.0]);
        assert_eq!(loads.points(4), [(9.0, 500.0)]);
        assert_eq!(
            (loads.missing(), loads.faults.as_slice()),
            (1, &["page 3: a reset".into()][..])
        );
    }

    #[test]
    fn a_run_that_failed_is_named_and_its_pages_are_missing() {
        let mut loads = Loads::default();
        loads.add(&[WebPage(vec![1]), WebPage(vec![2])], &Err("no wire".into()));
        assert_eq!((loads.missing(), loads.faults.len()), (2, 1));
        assert!(loads.median(0).is_nan());
    }
}
