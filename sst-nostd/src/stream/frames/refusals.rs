//! What refused streams are owed goes out.

use crate::wire::{Frame, ResetFrame};

use crate::stream::receipt::Receipt;
use crate::stream::refusals::Refusal;
use crate::stream::tree::Tree;

use super::sink::{Progress, Sink};

impl Tree {
    /// Sends what refused streams are owed.
    pub(in crate::stream) fn write_refusals<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        if !self.refusals.is_due() {
            return Ok(());
        }
        while let Some(Refusal { id, code, is_datagram }) = self.refusals.next_due() {
            let reset = ResetFrame { id, code, final_position: 0, open: None };
            let (reset, stop) = (Frame::Reset(reset), Frame::Stop { id, code });
            let frames: &[&Frame<'_>] = if is_datagram { &[&stop] } else { &[&reset, &stop] };
            sink.frames(frames, Receipt::Refusal(id))?;
            self.refusals.on_told(id);
        }
        Ok(())
    }
}
