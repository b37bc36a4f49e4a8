//! What a WebAssembly module asks of its surroundings.

use std::collections::BTreeSet;

/// Number of the import section in a module.
const IMPORT_SECTION: u8 = 2;

/// The names of the modules that `wasm` imports from.
///
/// # Errors
/// Bytes that are not a WebAssembly module.
pub(crate) fn imported_modules(wasm: &[u8]) -> Result<BTreeSet<String>, String> {
    read(wasm).ok_or_else(|| "not a WebAssembly module".to_owned())
}

fn read(wasm: &[u8]) -> Option<BTreeSet<String>> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let [section, tail @ ..] = rest {
        let (len, tail) = number(tail)?;
        let (body, tail) = tail.split_at_checked(len)?;
        if *section == IMPORT_SECTION {
            return imports(body);
        }
        rest = tail;
    }
    Some(BTreeSet::new())
}

fn imports(body: &[u8]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let (count, mut rest) = number(body)?;
    for _ in 0..count {
        let (module, tail) = text(rest)?;
        names.insert(String::from_utf8_lossy(module).into_owned());
        let (_, tail) = text(tail)?;
        rest = match tail {
            [0, tail @ ..] => number(tail)?.1,
            [1, _, tail @ ..] | [2, tail @ ..] => limits(tail)?,
            [3, _, _, tail @ ..] => tail,
            _ => return None,
        };
    }
    Some(names)
}

/// The limits of a table or memory: a flag, a least size, and a greatest if the flag says so.
fn limits(bytes: &[u8]) -> Option<&[u8]> {
    let [flag, tail @ ..] = bytes else { return None };
    let (_, tail) = number(tail)?;
    if flag & 1 == 1 { number(tail).map(|(_, tail)| tail) } else { Some(tail) }
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, tail) = number(bytes)?;
    tail.split_at_checked(len)
}

/// An unsigned LEB128 number.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_from_a_module_written_by_hand() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend(b"\x01\x04\x01\x60\0\0");
        wasm.extend(b"\x02\x13\x02\x03env\x01f\0\0\x02js\x03mem\x02\0\x01");
        let names = imported_modules(&wasm).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["env", "js"]);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(imported_modules(b"\x7FELF").is_err());
    }
}
