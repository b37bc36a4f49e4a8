//! The shared scenarios, between two processes and in both directions.

use crate::tool::User;

#[test]
fn every_scenario_passes_between_two_commands() {
    let (server, client) = (User::new(), User::new());
    let serving = server.start(&["scenarios", "serve", "--bind", "127.0.0.1:0"]);
    let url = serving.line();
    let done = client.good(&["scenarios", "run", &url]);
    assert!(done.contains(" passed, 0 failed, 0 skipped"), "{done}");
    assert!(done.lines().filter(|line| line.starts_with("ok ")).count() >= 24, "{done}");
}

#[test]
fn who_dialled_does_not_matter() {
    let (server, client) = (User::new(), User::new());
    let serving = server.start(&["scenarios", "serve", "--run", "--bind", "127.0.0.1:0"]);
    let url = serving.line();
    let done = client.good(&["scenarios", "run", "--small", "--only", "a", "--responds", &url]);
    assert!(done.contains(" passed, 0 failed, 0 skipped"), "{done}");
    let served = serving.wait();
    assert!(served.status.success(), "{served:?}");
    assert!(served.out.contains(" passed, 0 failed, 3 skipped"), "{served:?}");
}

#[test]
fn a_difference_fails() {
    let (server, client) = (User::new(), User::new());
    // Offers other services than `scenario`.
    let serving = server.start(&["echo", "--bind", "127.0.0.1:0"]);
    let url = serving.line();
    let done = client.run(&["scenarios", "run", "--only", "bytes come back", &url]);
    assert!(
        !done.status.success() && done.out.contains("FAILED  bytes come back: step "),
        "{done:?}"
    );
}
