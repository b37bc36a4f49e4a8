//! The application on a Nucleo-144 board: network, light, button and randomness for [`app`].
//!
//! The three boards have the same pins; only their clocks differ ([`clocks`]). None has been run
//! yet: see README.md.
#![no_std]
#![no_main]

mod clocks;
mod parts;

use adapter_embassy::{Address, Network, Resources, Runner};
use app::Board;
use defmt::info;
use embassy_executor::Spawner;
use embassy_stm32::eth::{self, Ethernet, GenericPhy, PacketQueue, Sma};
use embassy_stm32::peripherals::{ETH, ETH_SMA, RNG};
use embassy_stm32::{Peripherals, bind_interrupts, rng};
use static_cell::StaticCell;

use {defmt_rtt as _, panic_probe as _};

#[cfg(not(feature = "nucleo-f429zi"))]
bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    RNG => rng::InterruptHandler<RNG>;
});
#[cfg(feature = "nucleo-f429zi")]
bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    HASH_RNG => rng::InterruptHandler<RNG>;
});

/// Frames on their way, each direction.
const FRAMES: usize = 4;
/// The board's identity, in 64 hexadecimal digits, if one was given while building; else it has a
/// new one at each start.
const SECRET: Option<&str> = option_env!("SST_SECRET");

type Driver = Ethernet<'static, ETH, GenericPhy<Sma<'static, ETH_SMA>>>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let peripherals = embassy_stm32::init(clocks::config());
    if let Err(why) = start(spawner, peripherals) {
        defmt::error!("{=str}", why);
    }
}

fn start(spawner: Spawner, p: Peripherals) -> Result<(), &'static str> {
    static FRAME_QUEUE: StaticCell<PacketQueue<FRAMES, FRAMES>> = StaticCell::new();
    static RESOURCES: Resources = Resources::new();

    parts::keep(rng::Rng::new(p.RNG, Interrupts), p.PB0, p.PC13);
    let mut random = [0; 14];
    parts::random(&mut random).map_err(|_| "no randomness")?;
    let [a, b, c, d, e, seed @ ..] = random;
    let [_, seed @ ..] = seed;
    // Locally administered; the first byte says so.
    let mac = [0x02, a, b, c, d, e];
    // If this never ends, the Ethernet's transceiver gives no clock: look at the board's jumpers.
    let driver: Driver = Ethernet::new(
        FRAME_QUEUE.init_with(PacketQueue::new),
        p.ETH,
        Interrupts,
        p.PA1,
        p.PA7,
        p.PC4,
        p.PC5,
        p.PG13,
        p.PB13,
        p.PG11,
        mac,
        p.ETH_SMA,
        p.PA2,
        p.PC1,
    );
    let address = address()?;
    let (network, runner) =
        adapter_embassy::join(driver, &RESOURCES, address, u64::from_ne_bytes(seed));
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
async fn run_network(mut runner: Runner<'static, Driver>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn run(spawner: Spawner, network: Network) {
    let address = network.address().await;
    let board = Board {
        name: clocks::NAME,
        entropy: app::Entropy::new(parts::random),
        read_sensor: parts::read_button,
        set_led: parts::set_led,
        print: |line| info!("{=str}", line),
        stack_used: parts::stack_used,
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
