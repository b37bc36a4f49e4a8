//! Every workload once, hardly any of it, SST alone: that the harness works, not how fast it is.

use std::process::Command;

#[test]
fn every_workload_is_measured_and_told() {
    let folder = std::env::temp_dir().join(format!("peers-smoke-{}", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_peers"));
    command.args(["run", "--tiny", "--rounds", "1", "--only", "sst,udp", "--out"]).arg(&folder);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("two cores are needed") {
        return;
    }
    assert!(output.status.success(), "{said}");
    for name in ["bulk", "requests", "sessions", "memory", "datagrams", "pingpong"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap();
        assert!(text.contains("| SST"), "{name}: {text}");
        let lines = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        assert!(lines.lines().all(|line| line.contains("\"cpu_client_s\"")), "{name}: {lines}");
        assert!(folder.join(format!("{name}.svg")).exists(), "{name}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
