//! What refused streams are owed goes out.

use crate::wire::{Frame, ResetFrame};

use crate::stream::receipt::Receipt;
use crate::stream::tree::{Refusal, Tree};

use super::sink::{Progress, Sink};

impl Tree {
    /// Sends what refused streams are owed.
    pub(in crate::stream) fn write_refusals<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        if !self.owes_refusals {
            return Ok(());
        }
        for refusal in self.refusals.iter_mut().flatten().filter(|refusal| refusal.is_due) {
            let Refusal { id, code, .. } = *refusal;
            let reset = ResetFrame { id, code, final_position: 0, open: None };
            let (reset, stop) = (Frame::Reset(reset), Frame::Stop { id, code });
            let frames: &[&Frame<'_>] =
                if refusal.is_datagram { &[&stop] } else { &[&reset, &stop] };
            sink.frames(frames, Receipt::Refusal(id))?;
            refusal.is_due = false;
        }
        self.owes_refusals = false;
        Ok(())
    }
}
