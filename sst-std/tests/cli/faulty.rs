//! A system that now and then refuses to send.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;

use crate::compare::{At, Measure, PATIENCE, within};
use crate::tool::{User, noise};

const FILE_BYTES: usize = 5 << 20;
/// What the errors are of: no buffers, a filter that is being changed, a driver, offload.
const ERRORS: [rustix::io::Errno; 4] = [
    rustix::io::Errno::NOBUFS,
    rustix::io::Errno::PERM,
    rustix::io::Errno::IO,
    rustix::io::Errno::INVAL,
];

/// Stands before the C library: every third `sendmsg` fails as REFUSE says, if it says anything.
/// (strace could do that too, but takes so long for a call that it hides what a transfer takes.)
const REFUSER: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    static atomic_uint count;
    ssize_t (*send)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");
    const char *error = getenv("REFUSE");
    if (error && atomic_fetch_add(&count, 1) % 3 == 2) {
        errno = atoi(error);
        return -1;
    }
    return send(socket, message, flags);
}
"#;

/// The refuser as a library, in `folder`. `None` without a C compiler.
fn refuser(folder: &TempDir) -> Option<PathBuf> {
    let [source, library] = ["refuser.c", "refuser.so"].map(|name| folder.path().join(name));
    fs::write(&source, REFUSER).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    let is_made = compiler.status().is_ok_and(|status| status.success());
    if !is_made {
        println!("not tried: no C compiler here");
    }
    is_made.then_some(library)
}

/// A file comes in at most twice the time although every third packet or batch of its server's is
/// refused.
#[test]
fn a_transfer_goes_on_though_every_third_send_fails() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = refuser(&folder) else { return };
    let (far, near) = (User::new(), User::new());
    fs::write(far.path("file"), noise(FILE_BYTES)).unwrap();
    let serve = |error: Option<rustix::io::Errno>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sst"));
        command.env("LD_PRELOAD", &library);
        command.envs(error.map(|error| ("REFUSE", error.raw_os_error().to_string())));
        let server = far.start_as(command, &["serve", ".", "--bind", "127.0.0.1:0"]);
        let url = format!("{}file", server.line());
        (server, url)
    };
    let quiet = serve(None);
    for error in ERRORS {
        let refused = serve(Some(error));
        let measure = Measure { samples: 5, quantile: 0.5 };
        within(&error.to_string(), 2.0, measure, |at| {
            let _ = fs::remove_file(near.path("file"));
            let begun = Instant::now();
            let (_, url) = if at == At::Quiet { &quiet } else { &refused };
            near.good(&["get", url, "-o", "file"]);
            assert_eq!(fs::metadata(near.path("file")).unwrap().len(), FILE_BYTES as u64);
            begun.elapsed().min(PATIENCE)
        });
    }
}
