//! A file mapped into memory, whose bytes are copied out and never borrowed.
//!
//! What another program does to the file may change a copy, but no reference to bytes that change is ever made. A file that was cut
//! short is found out before the copy, because touching what is no longer there would end this program.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind};

use memmap2::{MmapOptions, MmapRaw};

/// An open file and its pages.
#[derive(Debug)]
pub(super) struct Map {
    file: File,
    pages: MmapRaw,
}

impl Map {
    /// Maps the whole file, read only. Its pages come in where they are touched and go where memory is wanted.
    ///
    /// # Errors
    /// As the system has it.
    pub fn new(file: File) -> io::Result<Self> {
        // No advice to the system: a run reads all pictures in order once, for which what lies ahead is wanted, and then at random.
        Ok(Self { pages: MmapOptions::new().map_raw_read_only(&file)?, file })
    }

    /// Copies the bytes from `at` on into `out`.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] if the file does not reach so far, or does no more.
    pub fn copy(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.reaches(at, out.len())?;
        self.copy_within(at, out)
    }

    /// Bytes of the file when it was mapped.
    pub fn length(&self) -> u64 {
        self.pages.len() as u64
    }

    /// Whether `count` bytes from `at` on are in the file as it is now.
    ///
    /// # Errors
    /// As for [`Self::copy`].
    pub fn reaches(&self, at: u64, count: usize) -> io::Result<()> {
        let end = at.checked_add(count as u64).ok_or(ErrorKind::UnexpectedEof)?;
        if end > self.file.metadata()?.len() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// [`Self::copy`] where the file's length was just asked for.
    pub fn copy_within(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let end = usize::try_from(at).ok().and_then(|at| at.checked_add(out.len()));
        if end.is_none_or(|end| end > self.pages.len()) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the bytes lie in the map, as was just checked, `out` lies elsewhere, and any byte is a `u8`.
        unsafe { std::ptr::copy_nonoverlapping(self.pages.as_ptr().add(at as usize), out.as_mut_ptr(), out.len()) };
        Ok(())
    }
}
