//! Secrets are erased where they lie, but a computation also leaves copies of them on the stack:
//! temporaries, and values that were moved. Each step that may have done so is a function that is
//! not inlined, and its caller overwrites that part of the stack: before anything else is made
//! there, because a new value's unused bytes, copied into a row with it, would keep the old ones.

use zeroize::zeroize_stack;

/// How deep below a caller secrets may lie, in bytes: deeper than handshakes and ciphers go, which
/// `sst-std/tests/secrets` shows by a scan of memory. On a board it must not need more stack than
/// the handshake itself did.
const DEPTH_BYTES: usize = if cfg!(feature = "large") { 32 << 10 } else { 3 << 10 };

/// Overwrites what the last step left on the stack.
pub(super) fn wipe_stack() {
    zeroize_stack::<DEPTH_BYTES>();
}

/// Whether a verb has to wipe the stack when it is done.
pub(super) struct Wiping {
    is_due: bool,
}

impl Wiping {
    pub(super) const fn new() -> Self {
        Self { is_due: false }
    }

    /// This verb deals with secrets: those of a handshake, or those of a channel that has ended.
    pub(super) const fn note(&mut self) {
        self.is_due = true;
    }

    /// The last act of a verb.
    pub(super) fn wipe_after_verb(&mut self) {
        if core::mem::take(&mut self.is_due) {
            wipe_stack();
        }
    }
}
