//! What a linked firmware holds: sizes, symbols, and its calls of panics.

use std::collections::BTreeMap;

use object::elf::{
    PT_LOAD, R_ARM_THM_JUMP19, R_ARM_THM_JUMP24, R_ARM_THM_PC22, SHF_ALLOC, SHF_WRITE,
};
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SectionKind, SymbolKind,
};

/// Bytes of each kind, as `size` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code and constants: flash.
    pub(crate) text_bytes: u64,
    /// Variables with a first value: flash and RAM.
    pub(crate) data_bytes: u64,
    /// Variables that begin at zero: RAM.
    pub(crate) bss_bytes: u64,
}

/// A name, and how many bytes it stands for.
pub(crate) type Named = (String, u64);

/// One function: where it is, and its code with the constants among it.
pub(crate) struct Function<'data> {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) code: &'data [u8],
}

/// A place in the image that names a function: where it is, and the function's address.
pub(crate) struct Mention {
    pub(crate) place: u64,
    pub(crate) function: u64,
    /// It is a call or a jump; otherwise the address is taken.
    pub(crate) is_call: bool,
}

/// A linked firmware.
pub(crate) struct Firmware<'data>(ElfFile32<'data>);

impl<'data> Firmware<'data> {
    /// # Errors
    /// Bytes that are not a 32-bit ELF file.
    pub(crate) fn parse(bytes: &'data [u8]) -> Result<Self, String> {
        ElfFile32::parse(bytes).map(Self).map_err(|error| format!("not a firmware: {error}"))
    }

    /// How big it is.
    pub(crate) fn sizes(&self) -> Sizes {
        let mut sizes = Sizes::default();
        for section in self.0.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            let is_written = sh_flags & u64::from(SHF_WRITE) != 0;
            if sh_flags & u64::from(SHF_ALLOC) == 0 {
                continue;
            }
            match section.kind() {
                SectionKind::UninitializedData => sizes.bss_bytes += section.size(),
                _ if is_written => sizes.data_bytes += section.size(),
                _ => sizes.text_bytes += section.size(),
            }
        }
        sizes
    }

    /// The readable names of all symbols.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.symbols().filter_map(|symbol| symbol.name().ok().map(readable)).collect()
    }

    /// Names and bytes of everything in flash that has a name, and of all variables.
    pub(crate) fn symbols(&self) -> (Vec<Named>, Vec<Named>) {
        let named = self.0.symbols().filter_map(|symbol| {
            let section = self.0.section_by_index(symbol.section_index()?).ok()?;
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
            let is_variable = sh_flags & u64::from(SHF_WRITE) != 0;
            let is_loaded = sh_flags & u64::from(SHF_ALLOC) != 0;
            let name = readable(symbol.name().ok()?);
            (is_loaded && symbol.size() > 0).then_some((is_variable, (name, symbol.size())))
        });
        let (variables, others): (Vec<_>, Vec<_>) =
            named.partition(|(is_variable, _)| *is_variable);
        let strip = |list: Vec<(bool, Named)>| list.into_iter().map(|(_, it)| it).collect();
        (strip(others), strip(variables))
    }

    /// Every function, in order of address; several names of one are one.
    pub(crate) fn functions(&self) -> Vec<Function<'data>> {
        let mut functions: Vec<Function<'data>> = self
            .0
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .filter_map(|symbol| {
                let section = self.0.section_by_index(symbol.section_index()?).ok()?;
                let address = symbol.address() & !1;
                let code = section.data_range(address, symbol.size()).ok()??;
                Some(Function { name: readable(symbol.name().ok()?), address, code })
            })
            .collect();
        functions.sort_by_key(|function| function.address);
        functions.dedup_by_key(|function| function.address);
        functions
    }

    /// Where constants begin among code, and code among constants (the ABI's mapping symbols):
    /// address, and whether it is code.
    pub(crate) fn mapping(&self) -> BTreeMap<u64, bool> {
        let marks = self.0.symbols().filter_map(|symbol| {
            let name = symbol.name().ok()?;
            let is_code = name.starts_with("$t");
            (is_code || name.starts_with("$d")).then_some((symbol.address() & !1, is_code))
        });
        marks.collect()
    }

    /// Every mention of a function. Needs a file linked with `--emit-relocs`. The table of
    /// interrupts is left out.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        for section in self.0.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if sh_flags & u64::from(SHF_ALLOC) == 0 || section.name() == Ok(".vector_table") {
                continue;
            }
            for (place, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let Ok(symbol) = self.0.symbol_by_index(index) else { continue };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                let is_call =
                    [R_ARM_THM_PC22, R_ARM_THM_JUMP24, R_ARM_THM_JUMP19].contains(&r_type);
                if is_call || symbol.kind() == SymbolKind::Text {
                    mentions.push(Mention { place, function: symbol.address() & !1, is_call });
                }
            }
        }
        mentions
    }

    /// What is programmed into flash, from its first byte to its last.
    pub(crate) fn image(&self) -> Vec<u8> {
        let mut parts: Vec<(u64, &[u8])> = self
            .0
            .elf_program_headers()
            .iter()
            .filter(|header| header.p_type(Endianness::Little) == PT_LOAD)
            .filter_map(|header| {
                let bytes = header.data(Endianness::Little, self.0.data()).ok()?;
                let at = header.p_paddr(Endianness::Little);
                (!bytes.is_empty()).then_some((u64::from(at), bytes))
            })
            .collect();
        parts.sort_by_key(|(at, _)| *at);
        let base = parts.first().map_or(0, |(at, _)| *at);
        let mut image = Vec::new();
        for (at, bytes) in parts {
            // What the linker leaves between two parts is erased flash.
            image.resize((at - base) as usize, 0xff);
            image.extend(bytes);
        }
        image
    }

    /// How often each function calls into the panic machinery, most often first.
    ///
    /// Needs a file linked with `--emit-relocs`. A call from within the machinery is not counted.
    pub(crate) fn panic_calls(&self) -> Vec<(usize, String)> {
        let functions: Vec<(u64, u64, String)> = self
            .0
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .filter_map(|s| Some((s.address() & !1, s.size(), readable(s.name().ok()?))))
            .collect();
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        for section in self.0.sections().filter(|section| section.kind() == SectionKind::Text) {
            for (place, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let Ok(symbol) = self.0.symbol_by_index(index) else { continue };
                let callee = symbol.name().map(readable).unwrap_or_default();
                let caller = functions
                    .iter()
                    .find(|(start, size, _)| (*start..start + size).contains(&place))
                    .map_or("(no function)", |(.., name)| name.as_str());
                if is_panic(&callee) && !is_panic(caller) {
                    *calls.entry(caller.to_owned()).or_default() += 1;
                }
            }
        }
        let mut calls: Vec<(usize, String)> =
            calls.into_iter().map(|(name, count)| (count, name)).collect();
        calls.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        calls
    }
}

fn readable(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// Whether a function does nothing but panic: the ways out that `core` has, and the handler.
pub(crate) fn is_panic(name: &str) -> bool {
    let is_failing = ["::panicking::", "_fail", "panic_", "rust_begin_unwind"];
    let is_ours = name.trim_start_matches('<').starts_with("sst_nostd::");
    !is_ours && is_failing.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_known_by_name() {
        assert!(is_panic("core::panicking::panic_bounds_check"));
        assert!(is_panic("core::option::expect_failed"));
        assert!(is_panic("core::slice::index::slice_index_fail"));
        assert!(is_panic("__rustc::rust_begin_unwind"));
        assert!(!is_panic("memcpy"));
        assert!(!is_panic("sst_nostd::channel::on_fail"));
        assert!(!is_panic("<sst_nostd::channel::Channel>::on_open_failed"));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(Firmware::parse(b"\0asm").is_err());
    }
}
