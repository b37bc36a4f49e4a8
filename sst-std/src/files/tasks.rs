//! [`next_done`]: what comes of the tasks that do a tree's work.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::task::JoinSet;

use super::FileError;

/// What the next task came to, of all kinds of them; `None` once there are none. One that panicked
/// is an error that names no file.
pub(super) async fn next_done<T: 'static, const KINDS: usize>(
    mut kinds: [&mut JoinSet<Result<T, FileError>>; KINDS],
) -> Option<Result<T, FileError>> {
    let joined = poll_fn(|cx| {
        let mut next = Poll::Ready(None);
        for kind in &mut kinds {
            match kind.poll_join_next(cx) {
                Poll::Ready(None) => {}
                Poll::Ready(done) => return Poll::Ready(done),
                Poll::Pending => next = Poll::Pending,
            }
        }
        next
    });
    let panicked =
        |error| FileError::Transport { path: "?".into(), source: io::Error::other(error) };
    Some(joined.await?.map_err(panicked).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_of_all_kinds_are_told_of_and_panics_are_errors() {
        let (mut one, mut other) = (JoinSet::new(), JoinSet::new());
        one.spawn(async { Ok(1) });
        other.spawn(async { Ok(2) });
        other.spawn(async { Err(FileError::protocol("x", "a problem")) });
        other.spawn(async { panic!("a panic") });
        let (mut sum, mut failed) = (0, Vec::new());
        while let Some(done) = next_done([&mut one, &mut other]).await {
            match done {
                Ok(number) => sum += number,
                Err(error) => failed.push(error.to_string()),
            }
        }
        failed.sort();
        assert_eq!(sum, 3);
        assert!(failed[0].starts_with("?: ") && failed[1].starts_with("x: "), "{failed:?}");
    }
}
