//! The application on QEMU's `mps2-an386`: clock, network, light and randomness for [`app`].
//!
//! `cargo run --release` in this folder starts it; then, on the same machine,
//! `sst ping sst://IDENTITY@127.0.0.1:8661/`.
#![no_std]
#![no_main]

use core::net::Ipv4Addr;

use adapter_embassy::{Address, Network, Resources, Runner};
use app::Board;
use board_qemu::lan9118::{Buffers, Lan9118};
use board_qemu::{executor, semihosting, stack, systick, uart};
use embassy_executor::Spawner;
use face::Entropy;
use static_cell::StaticCell;

/// The identity of every QEMU board: worth nothing, but the same each time.
const SECRET: [u8; 32] = *b"a board in QEMU keeps no secrets";
/// Locally administered.
const MAC: [u8; 6] = [0x02, 0x53, 0x53, 0x54, 0x00, 0x01];
/// As QEMU's user network has it: the guest is 15, the host 2.
#[cfg(not(feature = "dhcp"))]
const ADDRESS: Address = Address::Static {
    address: Ipv4Addr::new(10, 0, 2, 15),
    prefix_bits: 24,
    gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
};
#[cfg(feature = "dhcp")]
const ADDRESS: Address = Address::Dhcp;

#[cortex_m_rt::entry]
fn main() -> ! {
    stack::guard();
    uart::start();
    systick::start();
    executor::run(|spawner| {
        if let Err(why) = start(spawner) {
            uart::print(why);
            semihosting::exit(1);
        }
    })
}

/// Not inlined: what starting needs of the stack is not there ever after.
#[inline(never)]
fn start(spawner: Spawner) -> Result<(), &'static str> {
    static BUFFERS: StaticCell<Buffers> = StaticCell::new();
    static RESOURCES: Resources = Resources::new();

    let driver = Lan9118::start(MAC, BUFFERS.init_with(Buffers::new)).ok_or("no LAN9118")?;
    let mut seed = [0; 8];
    semihosting::random(&mut seed).map_err(|_| "no randomness")?;
    let (network, runner) =
        adapter_embassy::join(driver, &RESOURCES, ADDRESS, u64::from_ne_bytes(seed));
    spawner.spawn(run_network(runner).map_err(|_| "no task")?);
    spawner.spawn(run(spawner, network).map_err(|_| "no task")?);
    Ok(())
}

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, Lan9118>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn run(spawner: Spawner, network: Network) {
    let address = network.address().await;
    let board = Board {
        name: "mps2-an386 in QEMU",
        entropy: Entropy::new(semihosting::random),
        read_sensor,
        set_led: |is_lit| uart::print(if is_lit { "led on" } else { "led off" }),
        stack_used: stack::used,
        print: uart::print,
    };
    match app::start(spawner, network, board, SECRET) {
        Ok(id) => uart::print_args(format_args!("sst://{id}@{address}:{}/", app::PORT)),
        Err(_) => uart::print("not started"),
    }
}

/// A sensor that goes up and down.
fn read_sensor() -> i32 {
    let millis = (systick::micros() / 1000) as i32;
    20_000 + (millis % 2_000 - 1_000).abs()
}
