//! Bulk: one stream, as fast as it goes, to a receiver that counts and says how much it was.

use bytes::Bytes;

use super::{Meter, read_exactly};
use crate::Fallible;
use crate::measure::{CPU_CLIENT_S, CPU_S_PER_GIB, CPU_SERVER_S, GBIT_PER_S, SECONDS};
use crate::task::{Figures, Task};
use crate::transport::{Session, Stream, Transport};

/// What is written at once.
pub(crate) const PIECE_LEN: usize = 256 << 10;

pub(super) async fn serve(mut stream: impl Stream) -> Fallible<()> {
    let (mut room, mut total) = (vec![0; PIECE_LEN], 0_u64);
    loop {
        match stream.skip(&mut room).await? {
            0 => break,
            len => total += len as u64,
        }
    }
    stream.send(Bytes::copy_from_slice(&total.to_be_bytes())).await?;
    stream.finish().await?;
    // TCP would lose the answer with the socket; others have nothing more to say.
    let _ = stream.read(&mut room).await;
    Ok(())
}

pub(super) async fn drive<T: Transport>(
    client: &T::Client,
    task: &Task,
    server: u32,
) -> Fallible<Figures> {
    let session = T::connect(client).await?;
    let meter = Meter::start(server);
    let mut stream = session.open().await?;
    let piece = Bytes::from(vec![0x5a; PIECE_LEN]);
    let mut rest = task.count;
    while rest > 0 {
        let len = rest.min(PIECE_LEN as u64);
        stream.send(piece.slice(..len as usize)).await?;
        rest -= len;
    }
    stream.finish().await?;
    let mut counted = [0; 8];
    read_exactly(&mut stream, &mut counted).await?;
    let figures = meter.stop();
    session.close();
    if u64::from_be_bytes(counted) != task.count {
        return Err("the server received another number of bytes".into());
    }
    Ok(rates(figures, task.count))
}

/// Adds the rate, and the processor time of both sides for each GiB.
pub(crate) fn rates(mut figures: Figures, bytes: u64) -> Figures {
    let rate = bytes as f64 * 8.0 / figures[SECONDS] / 1e9;
    let cpu_s = figures[CPU_CLIENT_S] + figures[CPU_SERVER_S];
    figures.insert(GBIT_PER_S.into(), rate);
    figures.insert(CPU_S_PER_GIB.into(), cpu_s * f64::from(1 << 30) / bytes as f64);
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gibibyte_in_a_second_is_eight_and_a_half_gigabit() {
        let used = [(SECONDS, 1.0), (CPU_CLIENT_S, 0.5), (CPU_SERVER_S, 0.25)];
        let used = used.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let figures = rates(used, 1 << 31);
        assert_eq!(figures[GBIT_PER_S], 17.179_869_184);
        assert_eq!(figures[CPU_S_PER_GIB], 0.375);
    }
}
