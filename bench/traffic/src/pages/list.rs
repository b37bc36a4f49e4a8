//! [`Page`]: which objects a page has, and how that is written: `1200+300+400`.

use std::str::FromStr;

/// The sizes of a page's objects in bytes; the first is asked for alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page(pub(crate) Vec<u64>);

impl FromStr for Page {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse().map_err(|_| format!("`{digits}`: no size"));
        text.split('+').map(number).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_its_sizes() {
        assert_eq!("1200+300+5".parse(), Ok(Page(vec![1_200, 300, 5])));
        assert_eq!("7".parse(), Ok(Page(vec![7])));
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "1++2", "1+-2", "1+x", "+"] {
            assert!(text.parse::<Page>().is_err(), "{text}");
        }
    }
}
