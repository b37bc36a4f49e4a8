//! Writes the JavaScript and the TypeScript declarations that go with the module.
//!
//! usage: wasm-glue MODULE FOLDER: `MODULE` is what cargo built; `FOLDER` gets `sst.js`,
//! `sst.d.ts`, `sst_bg.wasm` and its declarations.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = words.as_slice() else {
        eprintln!("usage: wasm-glue MODULE FOLDER");
        return ExitCode::from(2);
    };
    match write(module, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wasm-glue: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(module: &str, folder: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("sst").typescript(true);
    // The name section and the producers say nothing to a browser.
    bindgen.remove_name_section(true).remove_producers_section(true);
    // Beside the script lies the module: a page needs no setting to find it.
    bindgen.web(true)?.omit_default_module_path(false);
    bindgen.generate(folder)?;
    Ok(())
}
