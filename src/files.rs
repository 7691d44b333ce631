//! Files written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

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
    let (target, folder) = place(path, overwrite)?;
    let io = |source| Error::io(path, source);
    let mut file = temporary(&folder).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    let persisted = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
    match persisted {
        Ok(_) => Ok(()),
        // Somebody made it in the meantime.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(io(error.error)),
    }
}

/// Refuses what [`write_whole`] would refuse, and a folder that nothing can be written to: said before the work.
///
/// # Errors
/// As for [`write_whole`].
pub fn check_writable(path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
    let path = path.as_ref();
    let (_, folder) = place(path, overwrite)?;
    temporary(&folder).map(drop).map_err(|source| Error::io(path, source))
}

/// What tells a file from every other, whether it is there or not: its path without links, `.` and `..`, and on systems
/// that mind no capitals, without those.
#[must_use]
pub fn identity(path: impl AsRef<Path>) -> PathBuf {
    let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.as_ref().to_owned());
    let there = absolute.ancestors().find_map(|ancestor| Some((ancestor, fs::canonicalize(ancestor).ok()?)));
    let (ancestor, mut whole) = there.unwrap_or((Path::new(""), PathBuf::new()));
    for part in absolute.strip_prefix(ancestor).unwrap_or(&absolute).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    if cfg!(any(windows, target_os = "macos")) { whole.to_string_lossy().to_lowercase().into() } else { whole }
}

/// Where the bytes of `path` go, past links, and the folder that this is in.
fn place(path: &Path, overwrite: bool) -> Result<(PathBuf, PathBuf)> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(refused(path, io::ErrorKind::IsADirectory, "is a folder; name a file in it"));
        }
        Ok(found) if !found.is_file() => {
            let reason = "is no ordinary file, so it cannot be replaced by one";
            return Err(refused(path, io::ErrorKind::Unsupported, reason));
        }
        Ok(_) if !overwrite => return Err(exists(path)),
        _ => {}
    }
    // A link keeps pointing to the file that it points to.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        return Err(refused(path, io::ErrorKind::NotFound, "its folder does not exist"));
    }
    Ok((target, folder))
}

fn exists(path: &Path) -> Error {
    refused(path, io::ErrorKind::AlreadyExists, "exists already and was not overwritten")
}

fn refused(path: &Path, kind: io::ErrorKind, reason: &str) -> Error {
    Error::io(path, io::Error::new(kind, reason.to_owned()))
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
        let error = check_writable(folder.path().join("no/a.png"), true).expect_err("no folder").to_string();
        assert!(error.contains("folder does not exist"), "said before the work too: {error}");
        check_writable(folder.path().join("a.png"), false).expect("a new file");
        assert!(names(folder.path()).is_empty(), "asking leaves nothing");
        #[cfg(unix)]
        write_whole("/dev/null", b"x", true).expect_err("a device");
    }

    #[test]
    fn a_file_is_the_same_by_whatever_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| identity(folder.path().join(name));
        fs::write(folder.path().join("there"), "x").expect("a file");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        assert_eq!(path("there"), path("./in/../there"));
        assert_eq!(path("not"), path("in/../not"));
        assert_eq!(path("new/one"), path("new/two/../one"));
        assert_ne!(path("new/one"), path("new/two"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("there"), folder.path().join("link")).expect("a link");
            assert_eq!(path("link"), path("there"));
        }
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
