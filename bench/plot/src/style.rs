//! What all charts have in common: sizes in pixels, colours.

use plotters::style::RGBColor;

/// A chart's size.
pub(crate) const WIDTH: f64 = 840.0;
pub(crate) const HEIGHT: f64 = 460.0;

pub(crate) const TITLE_SIZE: f64 = 17.0;
pub(crate) const TEXT_SIZE: f64 = 13.0;

pub(crate) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(crate) const PALE_INK: RGBColor = RGBColor(0x5c, 0x5c, 0x5c);
pub(crate) const GRID: RGBColor = RGBColor(0xe6, 0xe6, 0xe6);

/// Okabe and Ito's colours ("Color universal design", 2008); the yellow is left out, being pale
/// on white.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x33, 0x33),
];

/// The colour of the series with this number.
pub(crate) fn colour(number: usize) -> RGBColor {
    PALETTE[number % PALETTE.len()]
}

/// How wide a text will be, about; nobody knows the font that will set it.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT_SIZE * 0.54
}
