//! [`Loss`]: which packets are lost. By themselves, in bursts, or never too many in a row.

use crate::nature::Nature;

/// The state of one direction's losses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loss {
    is_bad: bool,
    in_a_row: u32,
}

impl Loss {
    /// Whether the next packet is lost; `draw` is its number, 0 to 1.
    ///
    /// With bursts there are two states (Gilbert and Elliott): a good one without loss, a bad one
    /// that loses all. From bad to good with one over the length of a burst, and from good to bad
    /// so often that the whole loses its share.
    pub(crate) fn takes(&mut self, nature: &Nature, draw: f64) -> bool {
        let is_lost = if nature.burst > 1.0 {
            let ends = 1.0 / nature.burst;
            let begins = (nature.loss * ends / (1.0 - nature.loss).max(1e-9)).min(1.0);
            self.is_bad = if self.is_bad { draw >= ends } else { draw < begins };
            self.is_bad
        } else {
            draw < nature.loss
        };
        let is_lost = is_lost && (nature.run == 0 || self.in_a_row < nature.run);
        self.in_a_row = if is_lost { self.in_a_row + 1 } else { 0 };
        is_lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Random;

    /// Share lost, and the mean length and longest of what was lost in a row.
    fn measured(nature: &Nature) -> (f64, f64, u32) {
        let (mut loss, mut random) = (Loss::default(), Random::new(7));
        let (mut lost, mut bursts, mut row, mut longest) = (0_u32, 0_u32, 0_u32, 0);
        for _ in 0..200_000 {
            if loss.takes(nature, random.draw()) {
                lost += 1;
                row += 1;
                bursts += u32::from(row == 1);
                longest = longest.max(row);
            } else {
                row = 0;
            }
        }
        (f64::from(lost) / 200_000.0, f64::from(lost) / f64::from(bursts), longest)
    }

    #[test]
    fn each_by_itself() {
        let (share, burst, _) = measured(&Nature { loss: 0.1, ..Nature::default() });
        assert!((0.097..0.103).contains(&share), "{share}");
        assert!((1.08..1.14).contains(&burst), "{burst}");
    }

    #[test]
    fn in_bursts_of_the_length_asked_for_and_no_more_of_them() {
        let (share, burst, longest) =
            measured(&Nature { loss: 0.1, burst: 4.0, ..Nature::default() });
        assert!((0.09..0.11).contains(&share), "{share}");
        assert!((3.7..4.3).contains(&burst), "{burst}");
        assert!(longest > 10, "{longest}");
    }

    #[test]
    fn never_too_many_in_a_row() {
        let (share, _, longest) = measured(&Nature { loss: 0.3, run: 3, ..Nature::default() });
        assert_eq!(longest, 3);
        assert!((0.28..0.30).contains(&share), "{share}");
    }
}
