//! A script in another language on this machine, by the same wire: embedded-demo/talk.py.

use std::path::PathBuf;
use std::process::Command;

use crate::qemu::Board;
use crate::wire::Faults;
use crate::with_board;

#[test]
fn a_python_script_talks_to_it() {
    // `cargo xtask board python` names one in which the package is installed.
    let Some(python) = std::env::var_os("SST_BOARD_PYTHON") else {
        println!("NOT RUN: SST_BOARD_PYTHON names no interpreter");
        return;
    };
    with_board(async move {
        let board = Board::start(Faults::default());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../embedded-demo/talk.py");
        let output = Command::new(python).arg(script).arg(&board.url).output().unwrap();
        let [said, complaint] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{complaint} {said}");
        for part in ["echo: ", "control: ", "sensor: "] {
            assert!(said.contains(part), "{said}");
        }
    });
}
