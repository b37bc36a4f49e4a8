//! A sheet to draw on: lines, marks and words, in pixels with fractions.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, WHITE};

use crate::style::{HEIGHT, INK, TEXT_SIZE, TITLE_SIZE, WIDTH};

/// The backend counts in whole units: so many to a pixel keep lines smooth.
const UNITS: f64 = 8.0;

/// Which part of a text is at its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Left,
    Centre,
    Right,
}

/// A sheet; what is drawn first lies below.
pub(crate) struct Sheet<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// What `draw` draws on a fresh sheet, as SVG.
pub(crate) fn svg(draw: impl FnOnce(&Sheet<'_>)) -> String {
    let mut text = String::new();
    let size = [WIDTH, HEIGHT].map(|pixels| (pixels * UNITS) as u32);
    {
        let area = SVGBackend::with_string(&mut text, (size[0], size[1])).into_drawing_area();
        area.fill(&WHITE).expect("a string takes everything");
        let sheet = Sheet { area };
        draw(&sheet);
        sheet.area.present().expect("a string takes everything");
    }
    let drawn = format!("width=\"{}\" height=\"{}\" viewBox", size[0], size[1]);
    text.replacen(&drawn, &format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox"), 1)
}

impl Sheet<'_> {
    pub(crate) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        let points: Vec<_> = points.iter().map(|point| units(*point)).collect();
        let style = colour.stroke_width((width * UNITS) as u32);
        self.put(&PathElement::new(points, style));
    }

    pub(crate) fn dashes(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |along: f64| {
            let share = (along / length).min(1.0);
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        for dash in 0..(length / 8.0) as u32 {
            let begin = f64::from(dash) * 8.0;
            self.line(&[at(begin), at(begin + 4.5)], colour, 1.0);
        }
    }

    pub(crate) fn dot(&self, at: (f64, f64), radius: f64, colour: RGBColor) {
        self.put(&Circle::new(units(at), (radius * UNITS) as i32, colour.filled()));
    }

    pub(crate) fn ring(&self, at: (f64, f64), radius: f64, colour: RGBColor) {
        let style = colour.stroke_width((1.3 * UNITS) as u32);
        self.put(&Circle::new(units(at), (radius * UNITS) as i32, style));
    }

    pub(crate) fn cross(&self, (x, y): (f64, f64), size: f64, colour: RGBColor) {
        self.line(&[(x - size, y - size), (x + size, y + size)], colour, 1.5);
        self.line(&[(x - size, y + size), (x + size, y - size)], colour, 1.5);
    }

    pub(crate) fn block(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        let style = ShapeStyle::from(colour).filled();
        self.put(&Rectangle::new([units(from), units(to)], style));
    }

    pub(crate) fn text(&self, text: &str, at: (f64, f64), anchor: Anchor, colour: RGBColor) {
        self.set(text, at, anchor, (TEXT_SIZE, FontStyle::Normal, colour), FontTransform::None);
    }

    pub(crate) fn title(&self, text: &str, at: (f64, f64)) {
        self.set(text, at, Anchor::Left, (TITLE_SIZE, FontStyle::Bold, INK), FontTransform::None);
    }

    pub(crate) fn text_upward(&self, text: &str, at: (f64, f64)) {
        let font = (TEXT_SIZE, FontStyle::Normal, INK);
        self.set(text, at, Anchor::Centre, font, FontTransform::Rotate270);
    }

    fn set(
        &self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        (size, weight, colour): (f64, FontStyle, RGBColor),
        turn: FontTransform,
    ) {
        let side = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Centre => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let font = ("sans-serif", size * UNITS).into_font().style(weight).transform(turn);
        let style = font.color(&colour).pos(Pos::new(side, VPos::Center));
        self.put(&Text::new(text.to_owned(), units(at), style));
    }

    fn put<'b, E>(&self, element: &'b E)
    where
        &'b E: PointCollection<'b, (i32, i32)>,
        E: for<'c> Drawable<SVGBackend<'c>>,
    {
        self.area.draw(element).expect("a string takes everything");
    }
}

fn units((x, y): (f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}
