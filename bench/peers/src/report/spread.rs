//! [`Spread`]: the middle and the ends of a few numbers.

/// Of several rounds of one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// `None` of no numbers. The median of an even count is the mean of the middle two.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let [low, high] = [(numbers.len() - 1) / 2, numbers.len() / 2];
        let median = f64::midpoint(numbers[low], numbers[high]);
        Some(Self { median, min, max, count: numbers.len() })
    }
}

/// A number with as many digits as help: three that count, or all before the point.
pub(crate) fn shown(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        number if number >= 99.95 => 0,
        number if number >= 9.995 => 1,
        number if number >= 0.9995 => 2,
        _ => 3,
    };
    grouped(&format!("{number:.digits$}"))
}

/// 1234567 as 1,234,567.
fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, part) = number.split_once('.').map_or((number, None), |(a, b)| (a, Some(b)));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(part) = part {
        text.push('.');
        text += part;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        assert_eq!(Spread::of([]), None);
        let one = Spread::of([2.0]).unwrap();
        assert_eq!((one.median, one.min, one.max, one.count), (2.0, 2.0, 2.0, 1));
        let three = Spread::of([9.0, 1.0, 4.0]).unwrap();
        assert_eq!((three.median, three.min, three.max), (4.0, 1.0, 9.0));
        assert_eq!(Spread::of([9.0, 1.0, 4.0, 5.0]).unwrap().median, 4.5);
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let cases = [(1_234_567.8, "1,234,568"), (999.0, "999"), (12.34, "12.3"), (1.234, "1.23")];
        for (number, text) in cases {
            assert_eq!(shown(number), text);
        }
        assert_eq!([shown(0.0), shown(0.00123), shown(-1_500.0)], ["0", "0.001", "-1,500"]);
    }
}
