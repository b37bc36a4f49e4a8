//! Web pages to load: drawn from a published model, the same ones for the same seed.
//!
//! The model is the 3GPP's of web traffic, with the figures that ns-3's manual and source give
//! (applications, "3GPP HTTP applications"): the HTML and the embedded objects have log-normal
//! sizes, the number of embedded objects is that of a Pareto distribution, and all are drawn again
//! beyond their limits.

use sst_nostd::sim::Random;

/// A log-normal size, in bytes: what mean and deviation it has before it is cut off.
struct Sizes {
    mean: f64,
    deviation: f64,
    least: f64,
    most: f64,
}

const HTML: Sizes = Sizes { mean: 10_710.0, deviation: 25_032.0, least: 100.0, most: 2e6 };
const EMBEDDED: Sizes = Sizes { mean: 7_758.0, deviation: 126_168.0, least: 50.0, most: 2e6 };
/// The number of embedded objects, and `LEAST` more.
const NUMBER_SHAPE: f64 = 1.1;
const NUMBER_LEAST: f64 = 2.0;
const NUMBER_MOST: f64 = 55.0;

/// Pages that are longer are drawn again: beyond it, only the line is measured.
pub(crate) const MOST_BYTES: u64 = 200_000;
/// What a request has, as in the paper.
pub(crate) const REQUEST_BYTES: usize = 128;

/// Pages by how many requests they take, as in the paper.
pub(crate) const GROUPS: [(&str, usize); 5] =
    [("1", 1), ("2", 2), ("3-4", 3), ("5-8", 5), ("9 and more", 9)];
/// The last of them.
pub(crate) const MANY: usize = GROUPS.len() - 1;

/// A page: the sizes of its objects, the HTML first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebPage(pub(crate) Vec<u64>);

impl WebPage {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Its place in [`GROUPS`].
    pub(crate) fn group(&self) -> usize {
        GROUPS.iter().rposition(|(_, least)| self.0.len() >= *least).unwrap_or(0)
    }

    fn drawn(random: &mut Random) -> Self {
        let embedded = number(random);
        let mut objects = vec![HTML.draw(random)];
        objects.extend((0..embedded).map(|_| EMBEDDED.draw(random)));
        Self(objects)
    }
}

/// So many pages of each group, one of each group after the other.
pub(crate) fn pages(seed: u64, each: usize) -> Vec<WebPage> {
    let mut random = Random::new(seed);
    let mut groups = [const { Vec::new() }; GROUPS.len()];
    while groups.iter().any(|group| group.len() < each) {
        let page = WebPage::drawn(&mut random);
        if let Some(group) = groups.get_mut(page.group())
            && group.len() < each
            && page.bytes() <= MOST_BYTES
        {
            group.push(page);
        }
    }
    let at = |round: usize| groups.iter().filter_map(move |group| group.get(round));
    (0..each).flat_map(at).cloned().collect()
}

impl Sizes {
    fn draw(&self, random: &mut Random) -> u64 {
        let variance = (1.0 + (self.deviation / self.mean).powi(2)).ln();
        let middle = self.mean.ln() - variance / 2.0;
        loop {
            let size = (middle + variance.sqrt() * normal(random)).exp();
            if (self.least..=self.most).contains(&size) {
                return size.round() as u64;
            }
        }
    }
}

/// How many embedded objects.
fn number(random: &mut Random) -> u64 {
    loop {
        let drawn = NUMBER_LEAST / share(random).powf(1.0 / NUMBER_SHAPE);
        if drawn <= NUMBER_MOST {
            return (drawn - NUMBER_LEAST) as u64;
        }
    }
}

/// Of the normal distribution with mean 0 and deviation 1 (Box and Muller).
fn normal(random: &mut Random) -> f64 {
    let (length, angle) = (share(random), share(random));
    (-2.0 * length.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Above 0, and 1 at most.
fn share(random: &mut Random) -> f64 {
    const STEPS: u64 = 1 << 53;
    random.within(1, STEPS) as f64 / STEPS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{mean, quantile};

    #[test]
    fn every_group_has_its_pages_in_turn() {
        let pages = pages(7, 3);
        let groups: Vec<usize> = pages.iter().map(WebPage::group).collect();
        assert_eq!(groups, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
        assert!(pages.iter().all(|page| page.bytes() <= MOST_BYTES));
        assert_eq!(pages, super::pages(7, 3));
        assert_ne!(pages, super::pages(8, 3));
    }

    #[test]
    fn groups_are_those_of_the_paper() {
        let group = |requests| WebPage(vec![1; requests]).group();
        assert_eq!([1, 2, 3, 4, 5, 8, 9, 54].map(group), [0, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn sizes_have_the_middle_that_the_model_has() {
        let mut random = Random::new(1);
        let mut middle = |sizes: &Sizes| {
            let drawn: Vec<f64> = (0..4_000).map(|_| sizes.draw(&mut random) as f64).collect();
            quantile(&drawn, 0.5)
        };
        // exp(8.35) is 4,200; a sixth of the embedded ones is cut off below, so that exp(6.17),
        // 478, becomes 800.
        assert!((3_800.0..4_800.0).contains(&middle(&HTML)));
        assert!((650.0..950.0).contains(&middle(&EMBEDDED)));
    }

    #[test]
    fn numbers_have_the_mean_and_the_limit_of_the_model() {
        let mut random = Random::new(1);
        let drawn: Vec<f64> = (0..20_000).map(|_| number(&mut random) as f64).collect();
        // 3.95 of whole numbers, as ns-3 says; a fraction is cut off each.
        assert!((3.2..4.7).contains(&mean(&drawn)), "{}", mean(&drawn));
        assert!(drawn.iter().all(|number| *number <= 53.0));
        assert!(drawn.contains(&0.0));
    }
}
