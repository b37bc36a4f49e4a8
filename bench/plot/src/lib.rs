//! Charts as SVG in one style: title, axes with units, a legend above the data, colours that a
//! colour-blind reader can tell apart. The same data makes the same bytes.
//!
//! [`Chart`] has two number axes (lines, steps, points, distributions); [`Bars`] has groups.

mod bars;
mod chart;
mod draw;
mod frame;
mod style;
mod ticks;

pub use bars::Bars;
pub use chart::{Chart, Scale, Shape};
