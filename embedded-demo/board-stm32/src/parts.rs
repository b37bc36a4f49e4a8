//! The board's parts, where plain functions find them.

use core::cell::RefCell;

use app::NoEntropy;
use critical_section::Mutex;
use embassy_stm32::Peri;
use embassy_stm32::gpio::{Input, Level, Output, Pull, Speed};
use embassy_stm32::peripherals::{PB0, PC13, RNG};
use embassy_stm32::rng::Rng;

struct Parts {
    rng: Rng<'static, RNG>,
    led: Output<'static>,
    button: Input<'static>,
}

static PARTS: Mutex<RefCell<Option<Parts>>> = Mutex::new(RefCell::new(None));

/// Puts them there.
pub(crate) fn keep(rng: Rng<'static, RNG>, led: Peri<'static, PB0>, button: Peri<'static, PC13>) {
    let led = Output::new(led, Level::Low, Speed::Low);
    let button = Input::new(button, Pull::Down);
    critical_section::with(|cs| PARTS.borrow(cs).replace(Some(Parts { rng, led, button })));
}

/// Fills `bytes` from the hardware generator.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    with(|parts| parts.rng.fill_bytes(bytes)).ok_or(NoEntropy)
}

/// The green light.
pub(crate) fn set_led(is_lit: bool) {
    with(|parts| parts.led.set_level(is_lit.into()));
}

/// The blue button: 1 while it is pressed.
pub(crate) fn read_button() -> i32 {
    with(|parts| parts.button.is_high()).unwrap_or_default().into()
}

/// Not known here.
pub(crate) fn stack_used() -> usize {
    0
}

fn with<T>(act: impl FnOnce(&mut Parts) -> T) -> Option<T> {
    critical_section::with(|cs| PARTS.borrow(cs).borrow_mut().as_mut().map(act))
}
