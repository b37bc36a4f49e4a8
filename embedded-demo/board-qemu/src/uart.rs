//! Lines of text to whoever watches QEMU: the first serial port.

use core::fmt::{Arguments, Write};

use crate::registers::Registers;

// SAFETY: UART0 of the mps2 boards.
const UART: Registers = unsafe { Registers::at(0x4000_4000) };
const DATA: usize = 0x0;
const STATE: usize = 0x4;
const STATE_TX_FULL: u32 = 1;
const CONTROL: usize = 0x8;
const CONTROL_TX: u32 = 1;
const DIVIDER: usize = 0x10;

struct Port;

impl Write for Port {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            while UART.read(STATE) & STATE_TX_FULL != 0 {}
            UART.write(DATA, u32::from(byte));
        }
        Ok(())
    }
}

/// Switches the port on.
pub fn start() {
    UART.write(DIVIDER, 16);
    UART.write(CONTROL, CONTROL_TX);
}

/// Prints a line.
pub fn print(line: &str) {
    print_args(format_args!("{line}"));
}

/// Prints a line.
pub fn print_args(line: Arguments<'_>) {
    // The port takes everything.
    let _ = Port.write_fmt(line);
    let _ = Port.write_str("\n");
}
