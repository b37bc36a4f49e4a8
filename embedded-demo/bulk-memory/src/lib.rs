//! `memcpy`, `memmove` and `memset` for Cortex-M3 and later, in place of the compiler's own.
//!
//! A stream's bytes lie in packets and blocks at any address. Where source and destination are not
//! aligned alike, the compiler's functions go byte by byte, or shift words: nine instructions for
//! each byte, half of what the core did for a packet. These processors load and store a word at any
//! address. Here a byte takes two thirds of an instruction, and all of it is 200 bytes.
//!
//! Whoever wants it names the crate: `use bulk_memory as _;`. It is empty where there is an
//! operating system, and not for Cortex-M0, which traps at odd addresses.
#![no_std]

#[cfg(all(target_arch = "arm", target_os = "none"))]
core::arch::global_asm!(include_str!("bulk.s"));
