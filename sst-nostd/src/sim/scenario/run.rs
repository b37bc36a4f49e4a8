//! A scenario from its beginning to its end.

use super::{Outcome, Scenario};

/// Plays the scenario of a seed.
#[must_use]
pub fn play(seed: u64) -> Outcome {
    let mut scenario = Scenario::new(seed);
    scenario.run();
    scenario.outcome()
}

impl Scenario {
    fn run(&mut self) {
        let length = self.random.within(1, 12) * 1_000_000;
        let operations = self.random.within(20, 600);
        for _ in 0..operations {
            let pause = self.random.below(2 * length / operations);
            self.advance(self.network.now().after(core::time::Duration::from_micros(pause)));
            if self.fault.is_some() {
                return;
            }
            self.operate();
        }
        self.heal();
        if self.fault.is_none() {
            self.let_go();
        }
    }
}
