//! The application: what a board offers to its peers over SST.
//!
//! | service | what |
//! |---|---|
//! | `echo` / `1` | records and datagrams come back ([`echo`]) |
//! | `sensor` / `1` | readings now, the log as room allows ([`sensor`]) |
//! | `control` / `1` | switches, one for each substream ([`control`]) |
//! | `files` / `1` | the log and a note, read-only ([`files`], docs/FILES.md) |
//! | `scenario` / `1` | what the shared scenarios ask ([`scenario`], docs/SCENARIOS.md) |
//! | `sst` / `list` | what of this there is ([`services`]) |
//!
//! The same crate, unchanged, runs on every board and in QEMU. What differs between boards is in a
//! [`Board`]: a few functions.
#![no_std]
#![forbid(unsafe_code)]

mod control;
mod dial;
mod echo;
mod files;
mod log;
mod scenario;
mod sensor;
mod serve;
mod services;
mod sizes;
mod tasks;

use core::cell::{Cell, RefCell};

use adapter_embassy::Network;
use embassy_executor::{SpawnError, Spawner};
use face::{Config, ConfigError, Endpoint, HostId};
use static_cell::StaticCell;

use files::State;
use log::Log;
use sizes::{ENDPOINT, MAX_DATAGRAM_BYTES, MAX_PACKET_BYTES, MEMORY};
use tasks::Tasks;

pub use face::{Entropy, NoEntropy};

/// SST's usual port.
pub const PORT: u16 = 8661;

/// What the application asks of a board.
#[derive(Clone, Copy)]
pub struct Board {
    /// Its name, for people.
    pub name: &'static str,
    /// Random bytes.
    pub entropy: Entropy,
    /// The sensor: thousandths of a degree, say.
    pub read_sensor: fn() -> i32,
    /// The light.
    pub set_led: fn(bool),
    /// Shows a line to whoever watches the board.
    pub print: fn(&str),
    /// The most bytes of stack used so far; 0 if the board does not know.
    pub stack_used: fn() -> usize,
}

/// The application's state: one, for ever.
pub(crate) struct App {
    pub(crate) board: Board,
    pub(crate) endpoint: Endpoint,
    pub(crate) log: RefCell<Log>,
    pub(crate) is_lit: Cell<bool>,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) state: RefCell<State>,
    /// One datagram on its way back to its sender.
    pub(crate) datagram: RefCell<[u8; MAX_DATAGRAM_BYTES]>,
}

/// Why the application did not start.
#[derive(Clone, Copy, Debug)]
pub enum StartError {
    /// The host's configuration is out of range, or there is no entropy.
    Config(ConfigError),
    /// It runs already.
    Running,
}

/// Starts the application: a task that carries packets, one that accepts sessions. `secret` is the
/// board's identity: the same as long as the board should be the same.
///
/// # Errors
/// [`StartError`].
pub fn start(
    spawner: Spawner,
    network: Network,
    board: Board,
    secret: [u8; 32],
) -> Result<HostId, StartError> {
    static APP: StaticCell<App> = StaticCell::new();

    let config = config(secret);
    let endpoint = Endpoint::new(&ENDPOINT, &MEMORY, config, board.entropy, adapter_embassy::now)
        .map_err(StartError::Config)?;
    let app = APP.init_with(|| App {
        board,
        endpoint,
        log: RefCell::new(Log::new()),
        is_lit: Cell::new(false),
        state: RefCell::new(State::new()),
        tasks: RefCell::new(Tasks::new()),
        datagram: RefCell::new([0; MAX_DATAGRAM_BYTES]),
    });
    app.note(format_args!("{} started", board.name));
    spawner.spawn(carry(endpoint, network)?);
    spawner.spawn(serve::accept(app, spawner)?);
    Ok(endpoint.id())
}

/// The board's identity: the secret in `built_in`, 64 hexadecimal digits, or else a new one, which
/// lasts until the board starts again.
///
/// # Errors
/// [`NoEntropy`], also where `built_in` is something else.
pub fn secret(built_in: Option<&str>, entropy: Entropy) -> Result<[u8; 32], NoEntropy> {
    let mut secret = [0; 32];
    let Some(text) = built_in else {
        entropy.fill(&mut secret)?;
        return Ok(secret);
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != secret.len() || !rest.is_empty() {
        return Err(NoEntropy);
    }
    for (byte, [high, low]) in secret.iter_mut().zip(pairs) {
        let digit = |text: &u8| char::from(*text).to_digit(16).ok_or(NoEntropy);
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Ok(secret)
}

/// What the host is told: windows that fit [`sizes`].
fn config(secret: [u8; 32]) -> Config {
    let mut config = Config::new(secret);
    // A board's peers are on one network, which in IPv6 is one source.
    config.shares_by_source = false;
    config.max_packet_bytes = MAX_PACKET_BYTES;
    config.streams.stream_window = 1024;
    config.streams.max_stream_window = 2048;
    config.streams.session_window = 2048;
    config.streams.session_budget = 4096;
    config.streams.send_buffer = 2048;
    config.streams.root_children = 4;
    config.streams.datagram_bytes = MAX_DATAGRAM_BYTES as u32;
    config.streams.datagram_queue_bytes = MAX_DATAGRAM_BYTES as u32;
    config
}

#[embassy_executor::task]
async fn carry(endpoint: Endpoint, network: Network) {
    static PACKET: StaticCell<[u8; MAX_PACKET_BYTES]> = StaticCell::new();

    let mut port = network.open(PORT);
    let packet = PACKET.init_with(|| [0; MAX_PACKET_BYTES]);
    endpoint.carry(&mut port, packet).await;
}

impl App {
    /// Writes a line to the log, and shows it.
    pub(crate) fn note(&self, line: core::fmt::Arguments<'_>) {
        let now = adapter_embassy::now();
        self.log.borrow_mut().write_line(now, line, self.board.print);
    }
}

impl From<SpawnError> for StartError {
    fn from(_: SpawnError) -> Self {
        Self::Running
    }
}
