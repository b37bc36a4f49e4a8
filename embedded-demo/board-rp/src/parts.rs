//! The board's parts, where plain functions find them.

use core::cell::RefCell;

use app::NoEntropy;
use critical_section::Mutex;
use embassy_rp::Peri;
use embassy_rp::adc::{Adc, Blocking, Channel, Config};
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::{ADC, ADC_TEMP_SENSOR, PIN_25, TRNG};
use embassy_rp::trng::Trng;

struct Parts {
    rng: Trng<'static, TRNG>,
    led: Output<'static>,
    adc: Adc<'static, Blocking>,
    thermometer: Channel<'static>,
}

static PARTS: Mutex<RefCell<Option<Parts>>> = Mutex::new(RefCell::new(None));

/// Puts them there.
pub(crate) fn keep(
    rng: Trng<'static, TRNG>,
    led: Peri<'static, PIN_25>,
    adc: Peri<'static, ADC>,
    thermometer: Peri<'static, ADC_TEMP_SENSOR>,
) {
    let parts = Parts {
        rng,
        led: Output::new(led, Level::Low),
        adc: Adc::new_blocking(adc, Config::default()),
        thermometer: Channel::new_temp_sensor(thermometer),
    };
    critical_section::with(|cs| PARTS.borrow(cs).replace(Some(parts)));
}

/// Fills `bytes` from the hardware generator.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    with(|parts| parts.rng.blocking_fill_bytes(bytes)).ok_or(NoEntropy)
}

/// The green light.
pub(crate) fn set_led(is_lit: bool) {
    with(|parts| parts.led.set_level(is_lit.into()));
}

/// The chip's own temperature, in thousandths of a degree: 0.706 V at 27 degrees, 1.721 mV less for
/// each degree more (RP2350 data sheet, "Temperature Sensor").
pub(crate) fn read_temperature() -> i32 {
    let raw = with(|parts| parts.adc.blocking_read(&mut parts.thermometer).ok()).flatten();
    let microvolts = i32::from(raw.unwrap_or_default()) * 1000 / 4096 * 3300;
    27_000 - (microvolts - 706_000) / 1721 * 1000
}

fn with<T>(act: impl FnOnce(&mut Parts) -> T) -> Option<T> {
    critical_section::with(|cs| PARTS.borrow(cs).borrow_mut().as_mut().map(act))
}
