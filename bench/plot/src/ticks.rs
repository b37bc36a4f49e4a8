//! Where an axis has ticks, and what they say.

/// About so many on an axis.
const WANTED: f64 = 8.0;

/// Round numbers that cover `low..=high`, in steps of 1, 2 or 5 times a power of ten.
pub(crate) fn linear(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / WANTED;
    if !rough.is_finite() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().map(|n| n * power).find(|s| *s >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Powers of ten in `low..=high`, with 2 and 5 times them where there are few.
pub(crate) fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let factors: &[f64] = if last - first > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = (first..=last).flat_map(|n| factors.iter().map(move |f| f * 10f64.powi(n)));
    all.filter(|at| *at >= low * 0.999 && *at <= high * 1.001).collect()
}

/// A number as an axis says it: 1.5, 300, 20k, 5M.
pub(crate) fn label(value: f64) -> String {
    let size = value.abs();
    let (value, unit) = match size {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", if text == "-0" { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(linear(0.0, 30.0), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(linear(0.0, 0.7).len(), 8);
        assert_eq!(linear(3.0, 3.0), [3.0]);
        assert_eq!(logarithmic(100.0, 2000.0), [100.0, 200.0, 500.0, 1000.0, 2000.0]);
        assert_eq!(logarithmic(1.0, 1e6).len(), 7);
    }

    #[test]
    fn labels_are_short() {
        let said = [0.0, 0.25, 1500.0, 20_000.0, 2.5e6].map(label);
        assert_eq!(said, ["0", "0.25", "1500", "20k", "2.5M"]);
    }
}
