//! [`Identity`]: a host's secret key, and the file that keeps it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sst_nostd::crypto::KEY_LEN;
use sst_nostd::{Crypto, HostId};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::primitives;

const BEGIN: &str = "-----BEGIN SST SECRET KEY-----";
const END: &str = "-----END SST SECRET KEY-----";
/// A key file is about 250 bytes; anything much larger is some other file.
const MAX_FILE_LEN: u64 = 4_096;

/// Who this host is: an X25519 secret key and the [`HostId`] that is its public key.
///
/// The secret is erased from memory when the value is dropped, and never printed.
///
/// # Examples
/// ```
/// let identity = sst_std::Identity::generate()?;
/// println!("I am {}", identity.id());
/// # Ok::<(), sst_std::IdentityError>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    secret: [u8; KEY_LEN],
    id: HostId,
}

/// Why a key could not be made, read or written. Each message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file exists and must not be overwritten.
    #[error("{}: exists already; a key is never overwritten", path.display())]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a key file of this program.
    #[error("{}: not an SST key file: {problem}", path.display())]
    Malformed {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Others could read the secret.
    #[error(
        "{}: other users can read this key (mode {mode:03o}); run: chmod 600 {}",
        path.display(),
        path.display()
    )]
    Permissions {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system has no random bytes to give.
    #[error("the system has no random bytes for a new key")]
    Random,
}

impl Identity {
    /// A new identity that no one else has.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        primitives().random(&mut *secret).map_err(|_| IdentityError::Random)?;
        Ok(Self::from_secret(&secret))
    }

    /// The identity of a secret key: any 32 random bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; KEY_LEN]) -> Self {
        let crypto = primitives();
        Self { secret: *secret, id: HostId::new(crypto.public_key(&crypto.load(secret))) }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`IdentityError`]; on Unix also if anyone but the owner may read the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        let io = |source| IdentityError::Io { path: path.into(), source };
        let malformed = |problem| IdentityError::Malformed { path: path.into(), problem };
        // Before it is opened: that would wait for the other end of a pipe.
        if !fs::metadata(path).map_err(io)?.is_file() {
            return Err(malformed("it is not a regular file"));
        }
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        check_permissions(path, &metadata)?;
        if metadata.len() > MAX_FILE_LEN {
            return Err(malformed("it is too long"));
        }
        let text =
            Zeroizing::new(io::read_to_string(file).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => malformed("it is not text"),
                _ => io(error),
            })?);
        parse(&text).map_err(malformed)
    }

    /// Writes a new key file that only the owner may read (mode 0600).
    ///
    /// The file appears complete or not at all, and two programs doing this at once cannot both
    /// succeed.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if there is a file of that name, or [`IdentityError::Io`].
    pub fn save_new(&self, path: impl AsRef<Path>) -> Result<(), IdentityError> {
        let path = path.as_ref();
        let io = |source| IdentityError::Io { path: path.into(), source };
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput.into()).map_err(io)?;
        let mut temporary_name = name.to_os_string();
        temporary_name.push(format!(".{}.new", std::process::id()));
        let temporary = path.with_file_name(temporary_name);
        let written = self.write_to(&temporary).and_then(|()| rename_new(&temporary, path));
        let _ = fs::remove_file(&temporary);
        written.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists if path.exists() => {
                IdentityError::Exists { path: path.into() }
            }
            _ => io(source),
        })
    }

    /// Reads the key file, or makes a new identity and its file if there is none.
    ///
    /// # Errors
    /// [`IdentityError`]. A damaged file is an error, never replaced.
    ///
    /// # Examples
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("key");
    /// let first = sst_std::Identity::load_or_create(&path)?;
    /// let again = sst_std::Identity::load_or_create(&path)?;
    /// assert_eq!(first.id(), again.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        match Self::load(path) {
            Err(IdentityError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(directory)
                .map_err(|source| IdentityError::Io { path: path.into(), source })?;
        }
        let identity = Self::generate()?;
        match identity.save_new(path) {
            Ok(()) => Ok(identity),
            // Someone was quicker: theirs is the key.
            Err(IdentityError::Exists { .. }) => Self::load(path),
            Err(error) => Err(error),
        }
    }

    /// The identity as text, as key files have it: its id and its secret. The text is erased from
    /// memory when dropped; whoever has a copy is this host.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(256));
        text.push_str(BEGIN);
        text.push_str("\nid: ");
        text.push_str(&self.id.to_string());
        text.push_str("\nsecret: ");
        for byte in &self.secret {
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        text.push('\n');
        text.push_str(END);
        text.push('\n');
        text
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// What is wrong with the text.
    ///
    /// # Examples
    /// ```
    /// let identity = sst_std::Identity::generate()?;
    /// let again = sst_std::Identity::from_text(&identity.to_text())?;
    /// assert_eq!(again.id(), identity.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_text(text: &str) -> Result<Self, &'static str> {
        parse(text)
    }

    /// The public half: what peers know this host by.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// The secret half.
    #[must_use]
    pub const fn secret(&self) -> &[u8; KEY_LEN] {
        &self.secret
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(self.to_text().as_bytes())?;
        file.sync_all()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Gives a file its name, unless the name is taken.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let linked = fs::hard_link(from, to);
    // A file system without hard links.
    #[cfg(all(feature = "net", target_os = "linux"))]
    if linked.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        return Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?);
    }
    linked
}

fn parse(text: &str) -> Result<Identity, &'static str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some(BEGIN) {
        return Err("its first line is not the one of a key file");
    }
    let id = lines.next().and_then(|line| line.strip_prefix("id:")).ok_or("the id is missing")?;
    let secret = lines.next().and_then(|line| line.strip_prefix("secret:"));
    let secret = parse_secret(secret.ok_or("the secret is missing")?.trim())
        .ok_or("the secret is not 64 hexadecimal digits")?;
    if lines.next() != Some(END) {
        return Err("its last line is not the one of a key file");
    }
    let identity = Identity::from_secret(&secret);
    if identity.id.to_string() == id.trim() { Ok(identity) } else { Err("its halves differ") }
}

fn parse_secret(text: &str) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_LEN || !rest.is_empty() {
        return None;
    }
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    for (byte, &[high, low]) in secret.iter_mut().zip(pairs) {
        let digit = |character: u8| char::from(character).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(secret)
}

#[cfg(unix)]
fn check_permissions(path: &Path, metadata: &fs::Metadata) -> Result<(), IdentityError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(IdentityError::Permissions { path: path.into(), mode })
    }
}

#[cfg(not(unix))]
fn check_permissions(_path: &Path, _metadata: &fs::Metadata) -> Result<(), IdentityError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_key_comes_back_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let identity = Identity::generate().unwrap();
        identity.save_new(&path).unwrap();
        assert_eq!(Identity::load(&path).unwrap().secret(), identity.secret());
        assert!(matches!(identity.save_new(&path), Err(IdentityError::Exists { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a temporary file is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let error = Identity::load(&path).unwrap_err();
            assert!(matches!(error, IdentityError::Permissions { mode: 0o644, .. }), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        Identity::generate().unwrap().save_new(&path).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let secret = good.find("secret: ").unwrap() + 8;
        let other = if &good[secret..=secret] == "0" { "1" } else { "0" };
        // The top digit is part of a byte that clamping does not hide.
        let changed = [&good[..secret + 4], other, other, &good[secret + 6..]].concat();
        for bad in ["", "hello", &good[..100], &changed, &good.replace("secret", "sacred")] {
            fs::write(&path, bad).unwrap();
            let error = Identity::load_or_create(&path).unwrap_err();
            assert!(matches!(error, IdentityError::Malformed { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
        fs::write(&path, vec![b'x'; 10_000]).unwrap();
        assert!(Identity::load(&path).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn a_missing_directory_is_made_and_errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/key");
        Identity::load_or_create(&path).unwrap();
        assert!(path.exists());
        let error = Identity::load(directory.path().join("none")).unwrap_err();
        assert!(error.to_string().contains("none: No such file"), "{error}");
    }

    // Spec: R-13.18-1.
    #[test]
    fn the_secret_is_not_printed() {
        let identity = Identity::from_secret(&[0xab; 32]);
        assert!(!format!("{identity:?}").contains("171"));
    }
}
