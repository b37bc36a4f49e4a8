//! [`Chart`]: series of points over two number axes.

use crate::draw::{self, Anchor, Sheet};
use crate::frame::{self, Axis, BOTTOM, LEFT, RIGHT};
use crate::style::{PALE_INK, colour, text_width};

/// How an axis grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// For values above zero.
    Logarithmic,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From point to point.
    Line,
    /// A line, and each point on it.
    Dotted,
    /// A value holds until the next.
    Steps,
    Dots,
    Rings,
    Crosses,
}

struct Series {
    name: String,
    shape: Shape,
    colour: usize,
    points: Vec<(f64, f64)>,
}

/// A chart of numbers over numbers.
pub struct Chart {
    title: String,
    labels: [String; 2],
    scales: [Scale; 2],
    ranges: [Option<(f64, f64)>; 2],
    series: Vec<Series>,
    moments: Vec<(f64, String)>,
    levels: Vec<(f64, String)>,
}

impl Chart {
    /// An empty chart. Labels name what an axis shows and its unit: "time (s)".
    #[must_use]
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Self {
        Self {
            title: title.to_owned(),
            labels: [x_label, y_label].map(str::to_owned),
            scales: [Scale::Linear; 2],
            ranges: [None; 2],
            series: vec![],
            moments: vec![],
            levels: vec![],
        }
    }

    #[must_use]
    pub fn scales(mut self, x: Scale, y: Scale) -> Self {
        self.scales = [x, y];
        self
    }

    /// What the horizontal axis covers; without this, the data. Points outside are left out.
    #[must_use]
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.ranges[0] = Some((low, high));
        self
    }

    /// What the vertical axis covers; without this, the data, and zero on a linear axis.
    #[must_use]
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.ranges[1] = Some((low, high));
        self
    }

    /// Adds a series, in the next colour.
    pub fn add(&mut self, name: &str, shape: Shape, points: Vec<(f64, f64)>) {
        let colour = self.series.iter().map(|series| series.colour + 1).max().unwrap_or(0);
        self.add_in(name, shape, colour, points);
    }

    /// Adds a series in the colour with this number. One without a name is not in the legend.
    pub fn add_in(&mut self, name: &str, shape: Shape, colour: usize, points: Vec<(f64, f64)>) {
        self.series.push(Series { name: name.to_owned(), shape, colour, points });
    }

    /// Adds the distribution of `values`: the share of them that is at most x.
    pub fn add_distribution(&mut self, name: &str, values: &[f64]) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len().max(1) as f64;
        let rest = sorted.iter().zip(1..).map(|(value, rank)| (*value, f64::from(rank) / count));
        let first = sorted.first().map(|value| (*value, 0.0));
        self.add(name, Shape::Steps, first.into_iter().chain(rest).collect());
    }

    /// Marks a place on the horizontal axis.
    pub fn mark_x(&mut self, x: f64, words: &str) {
        self.moments.push((x, words.to_owned()));
    }

    /// Marks a place on the vertical axis.
    pub fn mark_y(&mut self, y: f64, words: &str) {
        self.levels.push((y, words.to_owned()));
    }

    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        draw::svg(|sheet| self.draw(sheet))
    }

    fn draw(&self, sheet: &Sheet<'_>) {
        frame::title(sheet, &self.title);
        let named: Vec<&Series> = self.series.iter().filter(|s| !s.name.is_empty()).collect();
        let names: Vec<&str> = named.iter().map(|series| series.name.as_str()).collect();
        let top = frame::legend(sheet, &names, |number, at| sample(sheet, named[number], at));
        let top = if self.moments.is_empty() { top } else { top + 14.0 };
        let x = self.axis(0, (LEFT, RIGHT));
        let y = self.axis(1, (BOTTOM, top));
        frame::x_axis(sheet, &x, top, &self.labels[0]);
        frame::y_axis(sheet, &y, &self.labels[1]);
        self.draw_marks(sheet, &x, &y, top);
        for series in &self.series {
            let is_inside = |point: &(f64, f64)| is_inside(&x, point.0) && is_inside(&y, point.1);
            let points = series.points.iter().copied().filter(is_inside);
            let places: Vec<_> = points.map(|(a, b)| (x.place(a), y.place(b))).collect();
            draw_series(sheet, series, &places);
        }
        frame::edges(sheet, top, PALE_INK);
    }

    fn draw_marks(&self, sheet: &Sheet<'_>, x: &Axis, y: &Axis, top: f64) {
        for (at, words) in &self.moments {
            let at = x.place(*at);
            sheet.dashes((at, top), (at, BOTTOM), PALE_INK);
            let half = text_width(words) / 2.0;
            let middle = at.clamp(LEFT + half, (RIGHT - half).max(LEFT + half));
            sheet.text(words, (middle, top - 9.0), Anchor::Centre, PALE_INK);
        }
        for (at, words) in &self.levels {
            let at = y.place(*at);
            sheet.dashes((LEFT, at), (RIGHT, at), PALE_INK);
            sheet.text(words, (RIGHT - 4.0, at - 9.0), Anchor::Right, PALE_INK);
        }
    }

    fn axis(&self, which: usize, pixels: (f64, f64)) -> Axis {
        let scale = self.scales[which];
        let data = self.ranges[which].unwrap_or_else(|| self.extent(which));
        Axis { scale, data, pixels }
    }

    /// From the least to the greatest value there is, with a little room.
    fn extent(&self, which: usize) -> (f64, f64) {
        let points = self.series.iter().flat_map(|series| &series.points);
        let values = points.map(|point| if which == 0 { point.0 } else { point.1 });
        let marks = if which == 0 { &self.moments } else { &self.levels };
        let values = values.chain(marks.iter().map(|mark| mark.0)).filter(|v| v.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        match self.scales[which] {
            _ if low > high => (0.0, 1.0),
            Scale::Logarithmic => (low / 1.15, high * 1.15),
            Scale::Linear if which == 0 => (low.min(0.0), high * 1.02),
            Scale::Linear => (low.min(0.0), if high > 0.0 { high * 1.06 } else { 1.0 }),
        }
    }
}

fn is_inside(axis: &Axis, value: f64) -> bool {
    value.is_finite() && (axis.data.0..=axis.data.1).contains(&value)
}

fn draw_series(sheet: &Sheet<'_>, series: &Series, places: &[(f64, f64)]) {
    let colour = colour(series.colour);
    match series.shape {
        Shape::Line => sheet.line(places, colour, 2.0),
        Shape::Steps => sheet.line(&steps(places), colour, 2.0),
        Shape::Dotted => {
            sheet.line(places, colour, 2.0);
            places.iter().for_each(|at| sheet.dot(*at, 3.5, colour));
        }
        Shape::Dots => places.iter().for_each(|at| sheet.dot(*at, 3.5, colour)),
        Shape::Rings => places.iter().for_each(|at| sheet.ring(*at, 4.0, colour)),
        Shape::Crosses => places.iter().for_each(|at| sheet.cross(*at, 3.8, colour)),
    }
}

fn sample(sheet: &Sheet<'_>, series: &Series, (x, y): (f64, f64)) {
    match series.shape {
        Shape::Line | Shape::Steps => {
            draw_series(sheet, series, &[(x - 12.0, y), (x + 12.0, y)]);
        }
        Shape::Dotted => {
            sheet.line(&[(x - 12.0, y), (x + 12.0, y)], colour(series.colour), 2.0);
            sheet.dot((x, y), 3.5, colour(series.colour));
        }
        _ => draw_series(sheet, series, &[(x + 4.0, y)]),
    }
}

/// The corners of a staircase.
fn steps(places: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = vec![];
    for &(x, y) in places {
        if let Some(&(_, before)) = corners.last() {
            corners.push((x, before));
        }
        corners.push((x, y));
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let mut chart = Chart::new("Bytes", "time (s)", "bytes (KB)");
        chart.add("a", Shape::Line, vec![(0.0, 1.0), (2.0, 3.0)]);
        chart.add("b", Shape::Crosses, vec![(1.0, 1.0), (9.0, 9.0)]);
        chart.add_distribution("c", &[3.0, 1.0, 2.0, 2.0]);
        chart.mark_x(1.5, "now");
        chart.x_range(0.0, 4.0)
    }

    #[test]
    fn the_same_data_makes_the_same_bytes() {
        let svg = chart().svg();
        assert_eq!(svg, chart().svg());
        for word in ["Bytes", "time (s)", "bytes (KB)", "now", "viewBox"] {
            assert!(svg.contains(word), "{word}");
        }
    }

    #[test]
    fn a_distribution_rises_from_nothing_to_all() {
        let chart = chart();
        let points = &chart.series[2].points;
        assert_eq!(points, &[(1.0, 0.0), (1.0, 0.25), (2.0, 0.5), (2.0, 0.75), (3.0, 1.0)]);
    }

    #[test]
    fn a_value_of_a_staircase_holds_until_the_next() {
        assert_eq!(steps(&[(0.0, 1.0), (2.0, 3.0)]), [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0)]);
    }
}
