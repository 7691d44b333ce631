//! Files written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes `bytes` to `path`, whole or not at all: to a temporary file in the same folder first, which then takes the name.
///
/// A file that exists is replaced only if `overwrite`. A reader sees the old file or the new one, never a part; so does
/// the next start after a power cut.
///
/// # Errors
/// If the file exists and may not be replaced, if its folder does not, if it is a folder or a device, or if the disk is full.
pub fn write_whole(path: impl AsRef<Path>, bytes: &[u8], overwrite: bool) -> Result<()> {
    let path = path.as_ref();
    let refuse = |kind: io::ErrorKind, reason: &str| Error::io(path, io::Error::new(kind, reason.to_owned()));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(refuse(io::ErrorKind::IsADirectory, "is a folder; name a file in it"));
        }
        Ok(found) if !found.is_file() => {
            return Err(refuse(io::ErrorKind::Unsupported, "is no ordinary file, so it cannot be replaced by one"));
        }
        Ok(_) if !overwrite => {
            return Err(refuse(io::ErrorKind::AlreadyExists, "exists already and was not overwritten"));
        }
        _ => {}
    }
    // A link keeps pointing to the file that it points to.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(refuse(io::ErrorKind::NotFound, "its folder does not exist"));
    }
    let io = |source| Error::io(path, source);
    let mut file = temporary(folder).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    let persisted = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
    match persisted {
        Ok(_) => Ok(()),
        // Somebody made it in the meantime.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(refuse(io::ErrorKind::AlreadyExists, "exists already and was not overwritten"))
        }
        Err(error) => Err(io(error.error)),
    }
}

/// A temporary file in `folder` with a new file's ordinary permissions.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".denoscope-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
    }

    #[test]
    fn writes_whole_and_replaces_only_when_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        write_whole(&path, b"one", false).expect("a new file");
        let error = write_whole(&path, b"two", false).expect_err("it exists").to_string();
        assert!(error.contains("a.txt") && error.contains("exists already"), "{error}");
        assert_eq!(fs::read(&path).expect("the file"), b"one");
        write_whole(&path, b"two", true).expect("told to");
        assert_eq!(fs::read(&path).expect("the file"), b"two");
        assert_eq!(names(folder.path()), ["a.txt"], "no temporary file stays");
    }

    #[test]
    fn folders_missing_folders_and_devices_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = write_whole(folder.path(), b"x", true).expect_err("a folder").to_string();
        assert!(error.contains("is a folder"), "{error}");
        let error = write_whole(folder.path().join("no/a.png"), b"x", true).expect_err("no folder").to_string();
        assert!(error.contains("folder does not exist"), "{error}");
        #[cfg(unix)]
        write_whole("/dev/null", b"x", true).expect_err("a device");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_are_ordinary() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write_whole(&link, b"new", true).expect("through the link");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(fs::read(&file).expect("the file"), b"new");
        let plain = folder.path().join("plain");
        fs::write(&plain, b"").expect("a file");
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
    }
}
