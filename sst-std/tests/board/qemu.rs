//! A running board: QEMU, what it prints, and the wire it is on.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::wire::{Faults, Wire};

/// The image to run.
pub(crate) fn image() -> Option<PathBuf> {
    std::env::var_os("SST_BOARD_ELF").map(PathBuf::from)
}

/// A board; gone with this value.
pub(crate) struct Board {
    qemu: Child,
    lines: mpsc::Receiver<String>,
    printed: Vec<String>,
    /// Where it is, for hosts on this machine.
    pub(crate) url: String,
    pub(crate) wire: Wire,
    _folder: TempDir,
}

impl Board {
    /// Starts one, on a wire with these faults.
    pub(crate) fn start(faults: Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [ours, theirs] = ["host", "board"].map(|name| folder.path().join(name));
        let wire = Wire::new(&ours, &theirs, faults);
        let netdev = format!(
            "dgram,id=wire,local.type=unix,local.path={},remote.type=unix,remote.path={}",
            theirs.display(),
            ours.display()
        );
        let mut qemu = Command::new("qemu-system-arm");
        qemu.args("-M mps2-an386 -display none -monitor none -serial stdio".split(' '));
        qemu.args(["-semihosting-config", "enable=on,target=native", "-netdev", &netdev]);
        qemu.args(["-net", "nic,model=lan9118,netdev=wire", "-kernel"]).arg(image().unwrap());
        qemu.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut qemu = qemu.spawn().expect("qemu-system-arm");
        let output = BufReader::new(qemu.stdout.take().unwrap());
        let (told, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        let mut board =
            Self { qemu, lines, printed: Vec::new(), url: String::new(), wire, _folder: folder };
        let line = board.wait_for("sst://");
        let id = line.trim_start_matches("sst://").split('@').next().unwrap();
        board.url = format!("sst://{id}@127.0.0.1:{}/", board.wire.port());
        board
    }

    /// Waits until it has printed a line with `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(120));
            let line = line.unwrap_or_else(|_| panic!("no {text:?} after {:#?}", self.printed));
            assert!(!line.contains("panic") && !line.contains("fault"), "{line}");
            self.printed.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let ended = self.qemu.try_wait();
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        self.printed.extend(self.lines.iter());
        if thread::panicking() {
            eprintln!("the board printed {:#?}", self.printed);
        } else {
            assert!(
                ended.is_ok_and(|status| status.is_none()),
                "the board died: {:#?}",
                self.printed
            );
        }
    }
}
