//! Tells the linker where things go, and to keep relocations when panics are to be counted.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=firmware.x");
    println!("cargo::rustc-link-arg-bins=-T{folder}/firmware.x");
    if std::env::var_os("CARGO_FEATURE_COUNT").is_some() {
        println!("cargo::rustc-link-arg-bins=--emit-relocs");
    }
}
