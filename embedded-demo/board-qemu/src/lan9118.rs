//! The network: SMSC's LAN9118, as on the mps2 boards, for embassy-net.
//!
//! Frames go word by word through two FIFOs (data sheet, "Host Bus Data Interface"). One interrupt
//! tells that frames wait; it is switched off when it comes, and on again once none waits.

use core::task::Context;

use cortex_m::peripheral::NVIC;
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::waitqueue::GenericAtomicWaker;

use crate::registers::Registers;

// SAFETY: the LAN9118 of the mps2-an385 and -an386 boards. It has no DMA.
const CHIP: Registers = unsafe { Registers::at(0x4020_0000) };

const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const IRQ_CONFIG: usize = 0x54;
const INT_STATUS: usize = 0x58;
const INT_ENABLE: usize = 0x5c;
const BYTE_TEST: usize = 0x64;
const FIFO_INT: usize = 0x68;
const RX_CONFIG: usize = 0x6c;
const TX_CONFIG: usize = 0x70;
const HW_CONFIG: usize = 0x74;
const RX_FIFO_INFO: usize = 0x7c;
const TX_FIFO_INFO: usize = 0x80;
const POWER: usize = 0x84;
const MAC_COMMAND: usize = 0xa4;
const MAC_DATA: usize = 0xa8;

const BYTE_ORDER: u32 = 0x8765_4321;
/// The reset bit of HW_CONFIG; and 5 KiB of the FIFO memory for sending.
const SOFT_RESET: u32 = 1;
const FIFO_SPLIT: u32 = 0x0005_0000;
const POWER_READY: u32 = 1;
/// Enabled, active high, push-pull: the line's polarity that the board expects.
const IRQ_LINE: u32 = 0x111;
const TX_ON: u32 = 2;
/// An interrupt for each frame received ("RX status FIFO level" 0).
const FIFO_LEVELS: u32 = 0x4800_0000;
const RX_FRAMES_WAIT: u32 = 1 << 3;
const TX_FIRST_AND_LAST: u32 = 0x3000;
const RX_ERROR: u32 = 1 << 15;

const MAC_BUSY: u32 = 1 << 31;
const MAC_CONTROL: u32 = 1;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;
/// Full duplex, sender on, receiver on.
const MAC_ON: u32 = 1 << 20 | 1 << 3 | 1 << 2;

/// How often a bit is looked at before the chip counts as missing.
const MAX_LOOKS: u32 = 100_000;
/// The interrupt's number.
const INTERRUPT: u16 = 13;
const CRC_BYTES: usize = 4;
/// The longest frame, in bytes, without its CRC: a packet of 1,200 bytes with the headers of UDP,
/// IPv4 and Ethernet; and in words, with it. There is no TCP, and longer ones are not for us.
const MAX_FRAME_BYTES: usize = 1200 + 8 + 20 + 14;
const FRAME_WORDS: usize = (MAX_FRAME_BYTES + CRC_BYTES).div_ceil(4);

static WAKER: GenericAtomicWaker<CriticalSectionRawMutex> =
    GenericAtomicWaker::new(CriticalSectionRawMutex::new());

/// The device.
pub struct Lan9118 {
    mac: [u8; 6],
    buffers: &'static mut Buffers,
}

/// One frame each way.
pub struct Buffers {
    incoming: [u8; FRAME_WORDS * 4],
    outgoing: [u8; FRAME_WORDS * 4],
}

impl Buffers {
    /// Empty ones.
    #[must_use]
    pub const fn new() -> Self {
        Self { incoming: [0; FRAME_WORDS * 4], outgoing: [0; FRAME_WORDS * 4] }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

impl Lan9118 {
    /// Resets the chip and starts it; `None` if there is none.
    pub fn start(mac: [u8; 6], buffers: &'static mut Buffers) -> Option<Self> {
        if CHIP.read(BYTE_TEST) != BYTE_ORDER {
            return None;
        }
        CHIP.write(HW_CONFIG, SOFT_RESET);
        wait(|| CHIP.read(HW_CONFIG) & SOFT_RESET == 0)?;
        wait(|| CHIP.read(POWER) & POWER_READY != 0)?;
        CHIP.write(HW_CONFIG, FIFO_SPLIT);
        CHIP.write(INT_ENABLE, 0);
        CHIP.write(INT_STATUS, u32::MAX);
        CHIP.write(IRQ_CONFIG, IRQ_LINE);
        let [a, b, c, d, e, f] = mac;
        write_mac(MAC_ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]))?;
        write_mac(MAC_ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]))?;
        CHIP.write(RX_CONFIG, 0);
        CHIP.write(TX_CONFIG, TX_ON);
        CHIP.write(FIFO_INT, FIFO_LEVELS);
        write_mac(MAC_CONTROL, MAC_ON)?;
        CHIP.write(INT_ENABLE, RX_FRAMES_WAIT);
        // SAFETY: its handler is below, and there is no code that counts on being without it.
        unsafe { NVIC::unmask(Line) };
        Some(Self { mac, buffers })
    }

    /// Takes the next good frame out of the chip; its length.
    fn take_frame(&mut self) -> Option<usize> {
        while frames_waiting() > 0 {
            let status = CHIP.read(RX_STATUS);
            let len = (status >> 16 & 0x3fff) as usize;
            let words = len.div_ceil(4);
            let (room, _) = self.buffers.incoming.as_chunks_mut::<4>();
            let mut room = room.iter_mut();
            for _ in 0..words {
                let word = CHIP.read(RX_DATA).to_le_bytes();
                if let Some(place) = room.next() {
                    *place = word;
                }
            }
            if status & RX_ERROR == 0 && words <= FRAME_WORDS && len > CRC_BYTES {
                return Some(len - CRC_BYTES);
            }
        }
        None
    }
}

fn frames_waiting() -> u32 {
    CHIP.read(RX_FIFO_INFO) >> 16 & 0xff
}

fn write_mac(register: u32, value: u32) -> Option<()> {
    wait(|| CHIP.read(MAC_COMMAND) & MAC_BUSY == 0)?;
    CHIP.write(MAC_DATA, value);
    CHIP.write(MAC_COMMAND, MAC_BUSY | register);
    wait(|| CHIP.read(MAC_COMMAND) & MAC_BUSY == 0)
}

fn wait(is_done: impl Fn() -> bool) -> Option<()> {
    (0..MAX_LOOKS).any(|_| is_done()).then_some(())
}

impl Driver for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sender<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sender<'_>)> {
        WAKER.register(cx.waker());
        let mut len = self.take_frame();
        if len.is_none() {
            // The bit is latched: what came between the last look and its clearing would stay
            // unheard, so look once more before the interrupt is switched on again.
            CHIP.write(INT_STATUS, RX_FRAMES_WAIT);
            len = self.take_frame();
            if len.is_none() {
                CHIP.write(INT_ENABLE, RX_FRAMES_WAIT);
            }
        }
        let Buffers { incoming, outgoing } = &mut *self.buffers;
        Some((Received(incoming.get_mut(..len?)?), Sender(outgoing)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sender<'_>> {
        WAKER.register(cx.waker());
        // QEMU sends at once; a chip that is still busy is asked again when something happens.
        let has_room = CHIP.read(TX_FIFO_INFO) & 0xffff >= (FRAME_WORDS * 4 + 8) as u32;
        has_room.then_some(Sender(&mut self.buffers.outgoing))
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        WAKER.register(cx.waker());
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME_BYTES;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac)
    }
}

/// A frame that arrived.
pub struct Received<'a>(&'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for a frame to send.
pub struct Sender<'a>(&'a mut [u8; FRAME_WORDS * 4]);

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let len = len.min(MAX_FRAME_BYTES);
        let answer = write(self.0.get_mut(..len).unwrap_or_default());
        CHIP.write(TX_DATA, TX_FIRST_AND_LAST | len as u32);
        CHIP.write(TX_DATA, (len as u32) << 16 | len as u32);
        let (words, _) = self.0.as_chunks::<4>();
        for word in words.iter().take(len.div_ceil(4)) {
            CHIP.write(TX_DATA, u32::from_le_bytes(*word));
        }
        // Nobody wants to know how it went, but the FIFO of answers must not fill up.
        CHIP.read(TX_STATUS);
        answer
    }
}

/// The interrupt line of the chip.
#[derive(Clone, Copy)]
struct Line;

// SAFETY: the number of the board's Ethernet interrupt.
unsafe impl cortex_m::interrupt::InterruptNumber for Line {
    fn number(self) -> u16 {
        INTERRUPT
    }
}

#[unsafe(no_mangle)]
extern "C" fn ETHERNET() {
    CHIP.write(INT_ENABLE, 0);
    WAKER.wake();
}

/// The processor's table of device interrupts.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 32] = {
    let mut handlers: [Option<unsafe extern "C" fn()>; 32] = [None; 32];
    #[allow(clippy::indexing_slicing, reason = "while compiling")]
    {
        handlers[INTERRUPT as usize] = Some(ETHERNET);
    }
    handlers
};
