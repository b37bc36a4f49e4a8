//! The application on WIZnet's W5500-EVB-Pico2: network, light, temperature and randomness for
//! [`app`]. Not run on a board yet: see README.md.
#![no_std]
#![no_main]

mod parts;

use adapter_embassy::{Address, Network, Resources, Runner};
use app::Board;
use defmt::info;
use embassy_executor::Spawner;
use embassy_net_wiznet::chip::W5500;
use embassy_net_wiznet::{Device, State};
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::{DMA_CH0, DMA_CH1, SPI0, TRNG};
use embassy_rp::spi::{Async, Config, Spi};
use embassy_rp::{bind_interrupts, dma, trng};
use embassy_time::Delay;
use embedded_hal_bus::spi::ExclusiveDevice;
use static_cell::StaticCell;

use {defmt_rtt as _, panic_probe as _};

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
    TRNG_IRQ => trng::InterruptHandler<TRNG>;
});

/// Frames on their way, each direction.
const FRAMES: usize = 4;
const SPI_HERTZ: u32 = 33_000_000;
/// The board's identity, in 64 hexadecimal digits, if one was given while building; else it has a
/// new one at each start.
const SECRET: Option<&str> = option_env!("SST_SECRET");

type Bus = ExclusiveDevice<Spi<'static, SPI0, Async>, Output<'static>, Delay>;
type Chip = embassy_net_wiznet::Runner<'static, W5500, Bus, Input<'static>, Output<'static>>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    if let Err(why) = start(spawner).await {
        defmt::error!("{=str}", why);
    }
}

async fn start(spawner: Spawner) -> Result<(), &'static str> {
    static STATE: StaticCell<State<FRAMES, FRAMES>> = StaticCell::new();
    static RESOURCES: Resources = Resources::new();

    let p = embassy_rp::init(Default::default());
    let rng = trng::Trng::new(p.TRNG, Interrupts, trng::Config::default());
    parts::keep(rng, p.PIN_25, p.ADC, p.ADC_TEMP_SENSOR);
    let mut random = [0; 14];
    parts::random(&mut random).map_err(|_| "no randomness")?;
    let [a, b, c, d, e, _, seed @ ..] = random;

    let mut config = Config::default();
    config.frequency = SPI_HERTZ;
    let spi =
        Spi::new(p.SPI0, p.PIN_18, p.PIN_19, p.PIN_16, p.DMA_CH0, p.DMA_CH1, Interrupts, config);
    let select = Output::new(p.PIN_17, Level::High);
    let bus = ExclusiveDevice::new(spi, select, Delay).map_err(|_| "no SPI")?;
    let interrupt = Input::new(p.PIN_21, Pull::Up);
    let reset = Output::new(p.PIN_20, Level::High);
    // Locally administered; the first byte says so.
    let mac = [0x02, a, b, c, d, e];
    let (device, chip) =
        embassy_net_wiznet::new(mac, STATE.init_with(State::new), bus, interrupt, reset)
            .await
            .map_err(|_| "no W5500")?;
    spawner.spawn(run_chip(chip).map_err(|_| "no task")?);
    let address = address()?;
    let (network, runner) =
        adapter_embassy::join(device, &RESOURCES, address, u64::from_ne_bytes(seed));
    spawner.spawn(run_network(runner).map_err(|_| "no task")?);
    spawner.spawn(run(spawner, network).map_err(|_| "no task")?);
    Ok(())
}

#[cfg(feature = "dhcp")]
fn address() -> Result<Address, &'static str> {
    Ok(Address::Dhcp)
}

#[cfg(not(feature = "dhcp"))]
fn address() -> Result<Address, &'static str> {
    option_env!("SST_ADDRESS").and_then(Address::parse).ok_or("SST_ADDRESS: no 192.0.2.7/24")
}

#[embassy_executor::task]
async fn run_chip(chip: Chip) {
    chip.run().await;
}

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, Device<'static>>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn run(spawner: Spawner, network: Network) {
    let address = network.address().await;
    let board = Board {
        name: "RP2350 with W5500",
        entropy: app::Entropy::new(parts::random),
        read_sensor: parts::read_temperature,
        set_led: parts::set_led,
        print: |line| info!("{=str}", line),
        stack_used: || 0,
    };
    let started = app::secret(SECRET, board.entropy)
        .map_err(|_| "no secret")
        .and_then(|secret| app::start(spawner, network, board, secret).map_err(|_| "not started"));
    match started {
        Ok(id) => {
            let (id, address) = (defmt::Display2Format(&id), defmt::Display2Format(&address));
            info!("sst://{}@{}:{}/", id, address, app::PORT);
        }
        Err(why) => defmt::error!("{=str}", why),
    }
}
