//! What goes wrong is said in one line, soon, and in the exit code.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::tool::User;

#[test]
fn no_path_leads_out_of_the_directory() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("tree")).unwrap();
    fs::write(server.path("secret"), "secret").unwrap();
    symlink(server.path("secret"), server.path("tree/link")).unwrap();
    symlink(server.here.path(), server.path("tree/up")).unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    for path in ["../secret", "%2e%2e/secret", "/etc/passwd", "%2Fetc%2Fpasswd", "a/../../secret"] {
        let complaint = client.bad(&["get", &format!("{url}/{path}"), "-o", "stolen"]);
        assert!(complaint.contains("leads out of the shared directory"), "{path}: {complaint}");
    }
    for path in ["link", "up", "up/secret"] {
        let complaint = client.bad(&["get", &format!("{url}/{path}"), "-o", "stolen"]);
        assert!(complaint.contains("link"), "{path}: {complaint}");
    }
    assert!(client.bad(&["get", &format!("{url}/none")]).contains("no such file"));
    let done = client.run(&["get", &url, "-o", "all"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for said in ["link: a symbolic link that leads out", "up: a symbolic link that leads out"] {
        assert!(done.err.contains(said), "{}", done.err);
    }
    assert!(!done.err.contains(server.here.path().to_str().unwrap()), "where to is not told");
    assert_eq!(fs::read_dir(client.path("all")).unwrap().count(), 0, "such links are not made");
    assert!(!client.path("stolen").exists());
}

#[test]
fn nothing_is_written_through_links_of_the_destination_and_no_litter_stays() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir_all(server.path("tree/away")).unwrap();
    fs::write(server.path("tree/away/new"), "new").unwrap();
    fs::write(server.path("tree/link"), "contents").unwrap();
    fs::write(server.path("tree/taken"), "contents").unwrap();
    fs::write(server.path("tree/good"), "contents").unwrap();
    fs::create_dir_all(client.path("copy/taken")).unwrap();
    fs::create_dir(client.path("outside")).unwrap();
    symlink(client.path("outside"), client.path("copy/away")).unwrap();
    symlink(client.path("outside/file"), client.path("copy/link")).unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    let done = client.run(&["get", &url, "-o", "copy"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for said in ["away: a symbolic link", "link: a symbolic link", "taken: a directory", "3 of 4"] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    assert_eq!(fs::read_dir(client.path("outside")).unwrap().count(), 0);
    assert_eq!(fs::read(client.path("copy/good")).unwrap(), b"contents");
    let names = fs::read_dir(client.path("copy")).unwrap().count();
    assert_eq!(names, 4, "no unfinished file stays");
    let complaint = client.bad(&["get", &format!("{url}/good"), "-o", "/dev/null"]);
    assert!(complaint.contains("/dev/null: something"), "{complaint}");
    assert!(!std::path::Path::new("/dev/.null.sst-part").exists());
}

#[test]
fn a_wrong_identity_is_given_up_at_the_connect_timeout() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["echo"]);
    let address = url.rsplit('@').next().unwrap();
    let wrong = format!("sst://{}@{address}", User::new().id());
    let timed = |timeout| {
        let begun = Instant::now();
        let complaint = client.bad(&["get", &wrong, "--connect-timeout", timeout]);
        (begun.elapsed(), complaint)
    };
    let (soon, complaint) = timed("0.5");
    let (late, _) = timed(&(soon.as_secs_f64() * 4.0).to_string());
    assert!(soon >= Duration::from_millis(500) && late >= soon * 4, "{soon:?} {late:?}");
    assert!(complaint.contains("no answer") && complaint.contains("500ms"), "{complaint}");
    assert!(complaint.contains("identity"), "{complaint}");
}

#[test]
fn an_identity_that_is_not_allowed_is_told_so() {
    let (server, client) = (User::new(), User::new());
    let other = User::new();
    let (_running, url) = server.serve(&["serve", ".", "--allow", &other.id()]);
    let complaint = client.bad(&["get", &url]);
    assert!(complaint.contains("identity refused"), "{complaint}");
    assert!(complaint.contains(&client.id()), "whom to allow: {complaint}");
    assert!(client.bad(&["ping", &url]).contains("identity refused"));
    other.good(&["ping", &url, "-c", "1"]);
}

#[test]
fn what_cannot_be_started_is_said() {
    let user = User::new();
    let (_running, url) = user.serve(&["echo"]);
    let address = url.rsplit('@').next().unwrap();
    let complaint = user.bad(&["serve", ".", "--bind", address]);
    assert!(complaint.contains(address) && complaint.contains("in use"), "{complaint}");
    assert!(user.bad(&["serve", "none"]).contains("none: No such file"));
    fs::write(user.path("key"), "not a key").unwrap();
    assert!(user.bad(&["id", "--key", "key"]).contains("key"));
    assert!(user.bad(&["serve", ".", "--keylog", "no/where"]).contains("no/where"));
    let complaint = user.bad(&["ping", &url, "--idle-timeout=-1"]);
    assert!(complaint.contains("--idle-timeout"), "{complaint}");
    let complaint = user.bad(&["ping", &url.replace("127.0.0.1", "no.such.host.invalid")]);
    assert!(complaint.contains("no.such.host.invalid"), "{complaint}");
    for arguments in [&["get", "http://x/"][..], &["get"], &["nonsense"], &["put", "x"]] {
        let done = user.run(arguments);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(done.err.contains("error:"), "{done:?}");
    }
}

#[test]
fn a_service_that_is_not_there_is_named() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["echo"]);
    assert!(client.bad(&["get", &url]).contains("no such service"));
    assert!(client.bad(&["perf", "bulk", &url]).contains("no such service"));
}
