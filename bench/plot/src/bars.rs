//! [`Bars`]: groups of bars side by side.

use crate::chart::Scale;
use crate::draw::{self, Anchor, Sheet};
use crate::frame::{self, Axis, BOTTOM, LEFT, RIGHT};
use crate::style::{INK, PALE_INK, colour};
use crate::ticks;

/// A chart of numbers by names.
pub struct Bars {
    title: String,
    label: String,
    scale: Scale,
    series: Vec<String>,
    groups: Vec<(String, Vec<f64>)>,
    levels: Vec<(f64, String)>,
}

impl Bars {
    /// An empty chart: each group will have a bar for each of `series`.
    #[must_use]
    pub fn new(title: &str, y_label: &str, series: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            label: y_label.to_owned(),
            scale: Scale::Linear,
            series: series.iter().map(|name| (*name).to_owned()).collect(),
            groups: vec![],
            levels: vec![],
        }
    }

    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Adds a group; a value that is not finite has no bar.
    pub fn add(&mut self, name: &str, values: Vec<f64>) {
        self.groups.push((name.to_owned(), values));
    }

    /// Marks a value.
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
        let names: Vec<&str> = self.series.iter().map(String::as_str).collect();
        let names = if names.len() > 1 { names } else { vec![] };
        let top = frame::legend(sheet, &names, |number, (x, y)| {
            sheet.block((x - 8.0, y - 6.0), (x + 8.0, y + 6.0), colour(number));
        });
        let axis = Axis { scale: self.scale, data: self.extent(), pixels: (BOTTOM, top) };
        frame::y_axis(sheet, &axis, &self.label);
        let width = (RIGHT - LEFT) / self.groups.len().max(1) as f64;
        for (number, (name, values)) in self.groups.iter().enumerate() {
            let left = LEFT + number as f64 * width;
            sheet.text(name, (left + width / 2.0, BOTTOM + 16.0), Anchor::Centre, INK);
            self.draw_group(sheet, &axis, (left, width), values);
        }
        for (at, words) in &self.levels {
            let at = axis.place(*at);
            sheet.dashes((LEFT, at), (RIGHT, at), PALE_INK);
            sheet.text(words, (RIGHT - 4.0, at - 9.0), Anchor::Right, PALE_INK);
        }
        frame::edges(sheet, top, PALE_INK);
    }

    fn draw_group(&self, sheet: &Sheet<'_>, axis: &Axis, at: (f64, f64), values: &[f64]) {
        let (left, width) = at;
        let each = (width * 0.8 / self.series.len().max(1) as f64).min(60.0);
        let first = left + (width - each * self.series.len() as f64) / 2.0;
        for (number, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let x = first + number as f64 * each;
            let y = axis.place(value.max(axis.data.0));
            sheet.block((x + 1.0, y), (x + each - 1.0, BOTTOM), colour(number));
            if each > 26.0 {
                let middle = (x + each / 2.0, y - 8.0);
                sheet.text(&ticks::label(*value), middle, Anchor::Centre, PALE_INK);
            }
        }
    }

    fn extent(&self) -> (f64, f64) {
        let values = self.groups.iter().flat_map(|group| group.1.iter().copied());
        let values = values.chain(self.levels.iter().map(|level| level.0));
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let high = values.iter().copied().fold(0.0, f64::max);
        match self.scale {
            _ if high <= 0.0 => (0.0, 1.0),
            Scale::Linear => (0.0, high * 1.1),
            Scale::Logarithmic => {
                let low = values.iter().copied().filter(|v| *v > 0.0).fold(high, f64::min);
                (low / 2.0, high * 1.6)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_finite_value() {
        let mut bars = Bars::new("Time", "time (s)", &["a", "b"]);
        bars.add("first", vec![1.0, 2.0]);
        let two = bars.svg();
        bars.add("second", vec![f64::NAN, 3.0]);
        let three = bars.svg();
        let count = |svg: &str| svg.matches("<rect").count();
        assert_eq!(count(&three), count(&two) + 1);
        assert_eq!(three, bars.svg());
    }
}
