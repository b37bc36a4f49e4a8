//! Entries without meaning, put into some lists of parameters so that peers keep skipping what they
//! do not know.

use crate::bytes::{Full, Writer};
use crate::crypto::{KEY_LEN, kdf};

/// Unknown types begin here; those below are for extensions to come.
const FIRST_TYPE: u64 = 0x1000;

/// Puts such an entry behind the list of one negotiation in four. Which, and what, follows from
/// the ephemeral secret, so that it costs no randomness and nobody else can tell.
pub(super) fn put_grease(ephemeral: &[u8; KEY_LEN], writer: &mut Writer<'_>) -> Result<(), Full> {
    let [choice, low, high, ..] = kdf::mac16(ephemeral, &[b"SST1 grease"]);
    if choice & 3 != 0 {
        return Ok(());
    }
    let offset = u64::from(u16::from_be_bytes([high, low])) & 0x1ffe;
    writer.put_varint(FIRST_TYPE | offset)?;
    writer.put_varint_bytes(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Parameters;
    use crate::wire::parameters::Carrier;

    // Spec: R-5.9-8.
    #[test]
    fn one_list_in_four_has_an_entry_that_is_skipped() {
        let mut greased = 0;
        for seed in 0..=255 {
            let mut space = [0; 8];
            let mut writer = Writer::new(&mut space);
            put_grease(&[seed; 32], &mut writer).unwrap();
            let parsed = Parameters::parse(writer.written(), Carrier::Init).unwrap();
            assert_eq!(parsed.parameters, Parameters::default());
            assert!(matches!(writer.position(), 0 | 3));
            greased += writer.position() / 3;
        }
        assert!((40..90).contains(&greased), "{greased}");
    }
}
