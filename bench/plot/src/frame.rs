//! What surrounds the data: title, legend, axes and their ticks.

use plotters::style::RGBColor;

use crate::chart::Scale;
use crate::draw::{Anchor, Sheet};
use crate::style::{GRID, HEIGHT, INK, PALE_INK, WIDTH, text_width};
use crate::ticks;

/// Where the data goes, in pixels.
pub(crate) const LEFT: f64 = 74.0;
pub(crate) const RIGHT: f64 = WIDTH - 22.0;
pub(crate) const BOTTOM: f64 = HEIGHT - 56.0;
/// The first row of the legend.
const LEGEND: f64 = 50.0;
const LEGEND_ROW: f64 = 20.0;

/// One axis: from where to where, in data and in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    pub(crate) data: (f64, f64),
    pub(crate) pixels: (f64, f64),
}

impl Axis {
    /// Where a value is on the sheet.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let bend = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        let (low, high) = (bend(self.data.0), bend(self.data.1));
        let share = if high > low { (bend(value) - low) / (high - low) } else { 0.5 };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => ticks::linear(self.data.0, self.data.1),
            Scale::Logarithmic => ticks::logarithmic(self.data.0, self.data.1),
        }
    }
}

/// Draws the legend, `mark` drawing each sample; tells where the data may begin.
pub(crate) fn legend(sheet: &Sheet<'_>, names: &[&str], mark: impl Fn(usize, (f64, f64))) -> f64 {
    let (mut x, mut y) = (LEFT, LEGEND);
    for (number, name) in names.iter().enumerate() {
        let width = 30.0 + text_width(name) + 22.0;
        if x + width > RIGHT + 22.0 && x > LEFT {
            (x, y) = (LEFT, y + LEGEND_ROW);
        }
        mark(number, (x + 12.0, y));
        sheet.text(name, (x + 30.0, y), Anchor::Left, INK);
        x += width;
    }
    if names.is_empty() { LEGEND } else { y + LEGEND_ROW }
}

pub(crate) fn title(sheet: &Sheet<'_>, text: &str) {
    sheet.title(text, (LEFT, 24.0));
}

/// The horizontal axis, its lines and its words.
pub(crate) fn x_axis(sheet: &Sheet<'_>, axis: &Axis, top: f64, label: &str) {
    for tick in axis.ticks() {
        let x = axis.place(tick);
        sheet.line(&[(x, top), (x, BOTTOM)], GRID, 1.0);
        sheet.line(&[(x, BOTTOM), (x, BOTTOM + 5.0)], PALE_INK, 1.0);
        sheet.text(&ticks::label(tick), (x, BOTTOM + 16.0), Anchor::Centre, INK);
    }
    words_below(sheet, label);
}

pub(crate) fn words_below(sheet: &Sheet<'_>, label: &str) {
    sheet.text(label, ((LEFT + RIGHT) / 2.0, BOTTOM + 40.0), Anchor::Centre, INK);
}

/// The vertical axis, its lines and its words.
pub(crate) fn y_axis(sheet: &Sheet<'_>, axis: &Axis, label: &str) {
    for tick in axis.ticks() {
        let y = axis.place(tick);
        sheet.line(&[(LEFT, y), (RIGHT, y)], GRID, 1.0);
        sheet.line(&[(LEFT - 5.0, y), (LEFT, y)], PALE_INK, 1.0);
        sheet.text(&ticks::label(tick), (LEFT - 9.0, y), Anchor::Right, INK);
    }
    sheet.text_upward(label, (20.0, (axis.pixels.0 + axis.pixels.1) / 2.0));
}

/// The two lines that hold the data.
pub(crate) fn edges(sheet: &Sheet<'_>, top: f64, colour: RGBColor) {
    sheet.line(&[(LEFT, top), (LEFT, BOTTOM), (RIGHT, BOTTOM)], colour, 1.0);
}
