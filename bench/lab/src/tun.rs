//! Opening a TUN device: whole IP packets, one to a read or write.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::ioctl::{Opcode, Setter, ioctl};

/// `TUNSETIFF` of <linux/if_tun.h>: which device this descriptor is.
const TUNSETIFF: Opcode = 0x4004_54ca;
/// `IFF_TUN`: IP packets; `IFF_NO_PI`: nothing before them.
const FLAGS: u16 = 0x0001 | 0x1000;

/// `struct ifreq` of <linux/if.h>, as far as this call reads it.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Makes a device called `name` in the network namespace of this thread. Reads do not block.
pub(crate) fn open(name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    let tun = options.open("/dev/net/tun")?;
    let mut request = Request { name: [0; 16], flags: FLAGS, rest: [0; 22] };
    for (to, from) in request.name.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: TUNSETIFF reads a `struct ifreq`, which this is in layout and size.
    unsafe { ioctl(&tun, Setter::<TUNSETIFF, Request>::new(request)) }?;
    Ok(tun)
}
