//! The one error type: every message is one line that names the file or the option and says what to do.

use std::path::{Path, PathBuf};

/// What this crate's fallible functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, each with what a person needs to mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A picture file that cannot be used.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A model file that cannot be used; nothing of it was loaded.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, naming the tensor where one is at fault.
        reason: String,
    },
    /// A data set that cannot be used.
    #[error("{}: {reason}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// An option or argument with a value outside what it takes.
    #[error("{option}: {reason}")]
    Option {
        /// The option as the person typed it, `--sigma` for one.
        option: String,
        /// What it takes.
        reason: String,
    },
    /// A file that could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A computing device that is not there, or was lost.
    #[error("{0}")]
    Device(String),
    /// The arithmetic failed: a shape that does not fit, memory that ran out.
    #[error("{0}")]
    Compute(String),
    /// The work was cancelled by its owner.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// A [`Error::Picture`] for `path`.
    pub fn picture(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Picture { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// A [`Error::Checkpoint`] for `path`.
    pub fn checkpoint(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// A [`Error::Data`] for `path`.
    pub fn data(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Data { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// A [`Error::Option`] for `option`.
    pub fn option(option: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Option { option: option.into(), reason: reason.into() }
    }

    /// A [`Error::Io`] for `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }
}
