//! The clocks of each board. The Ethernet wants at least 25 MHz, the random number generator 48.

use embassy_stm32::Config;
use embassy_stm32::rcc::*;

#[cfg(feature = "nucleo-f429zi")]
pub(crate) const NAME: &str = "NUCLEO-F429ZI";
#[cfg(feature = "nucleo-f767zi")]
pub(crate) const NAME: &str = "NUCLEO-F767ZI";
#[cfg(feature = "nucleo-h743zi2")]
pub(crate) const NAME: &str = "NUCLEO-H743ZI2";

/// 400 MHz; randomness from the 48 MHz oscillator.
#[cfg(feature = "nucleo-h743zi2")]
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    let rcc = &mut config.rcc;
    rcc.hsi = Some(HSIPrescaler::DIV1);
    rcc.csi = true;
    rcc.hsi48 = Some(Default::default());
    rcc.pll1 = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL50,
        fracn: None,
        divp: Some(PllDiv::DIV2),
        divq: None,
        divr: None,
    });
    rcc.sys = Sysclk::PLL1_P;
    rcc.ahb_pre = AHBPrescaler::DIV2;
    rcc.apb1_pre = APBPrescaler::DIV2;
    rcc.apb2_pre = APBPrescaler::DIV2;
    rcc.apb3_pre = APBPrescaler::DIV2;
    rcc.apb4_pre = APBPrescaler::DIV2;
    rcc.voltage_scale = VoltageScale::Scale1;
    config
}

/// 216 MHz from the 8 MHz of the board's debugger; a ninth of 432 for randomness.
#[cfg(feature = "nucleo-f767zi")]
pub(crate) fn config() -> Config {
    from_debugger(PllMul::MUL216, PllQDiv::DIV9)
}

/// 168 MHz from the 8 MHz of the board's debugger; a seventh of 336 for randomness.
#[cfg(feature = "nucleo-f429zi")]
pub(crate) fn config() -> Config {
    from_debugger(PllMul::MUL168, PllQDiv::DIV7)
}

#[cfg(not(feature = "nucleo-h743zi2"))]
fn from_debugger(mul: PllMul, divq: PllQDiv) -> Config {
    let mut config = Config::default();
    let rcc = &mut config.rcc;
    rcc.hse = Some(Hse { freq: embassy_stm32::time::Hertz(8_000_000), mode: HseMode::Bypass });
    rcc.pll_src = PllSource::HSE;
    rcc.pll = Some(Pll {
        prediv: PllPreDiv::DIV4,
        mul,
        divp: Some(PllPDiv::DIV2),
        divq: Some(divq),
        divr: None,
    });
    rcc.ahb_pre = AHBPrescaler::DIV1;
    rcc.apb1_pre = APBPrescaler::DIV4;
    rcc.apb2_pre = APBPrescaler::DIV2;
    rcc.sys = Sysclk::PLL1_P;
    config
}
