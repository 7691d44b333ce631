//! The readers of foreign bytes, each behind a door of one form: for the fuzzers (`fuzz/`), and for the tests that send the
//! seeds in `tests/seeds`, whole and broken, through the same doors.
//!
//! A door takes any bytes. It panics where a promise is broken: refusing them is right, reading them wrongly is not.

use std::cell::OnceCell;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::data::Purpose;
use crate::network::{Checkpoint, Storage};
use crate::study::evaluation::{Journal, merge};
use crate::{data, picture, train};

/// Takes a file's bytes.
pub type Door = fn(&[u8]);

/// The doors by name. Seeds lie in the folder of this name, and the fuzz target is called so.
pub const DOORS: &[(&str, Door)] = &[
    ("picture", picture),
    ("checkpoint", checkpoint),
    ("training_state", training_state),
    ("journal", journal),
    #[cfg(feature = "gui")]
    ("session", session),
    ("idx", idx),
    ("cifar", cifar),
    ("training_log", training_log),
];

/// A folder of this thread's own for the readers that take a path, and what lies in it.
fn in_folder(files: &[(&str, &[u8])], read: impl FnOnce(&Path)) {
    thread_local!(static FOLDER: OnceCell<TempDir> = const { OnceCell::new() });
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        for (name, bytes) in files {
            std::fs::write(folder.join(name), bytes).expect("a file");
        }
        read(folder);
        for (name, _) in files {
            std::fs::remove_file(folder.join(name)).expect("removed");
        }
    });
}

/// What reads a picture file, whole and, as pictures above the limit are, smaller: its values lie in [0, 1].
pub fn picture(bytes: &[u8]) {
    let name = Path::new("fuzzed");
    let check = |loaded: &picture::Loaded| {
        assert!(loaded.picture.values().iter().all(|value| (0.0..=1.0).contains(value)), "values in [0, 1]");
        loaded.picture.shape()
    };
    let whole = picture::decode(bytes, name).map(|loaded| check(&loaded));
    // Halves and quarters of what is read whole; of what is not, of a size that mutated headers often have.
    let limits = whole.map_or([1 << 12, 1 << 14], |shape| {
        let pixels = |times: usize| (shape.width.div_ceil(times) * shape.height.div_ceil(times)) as u64;
        [pixels(2), pixels(4)]
    });
    for most in limits {
        if let Ok(loaded) = picture::decode_within(bytes, name, most) {
            let shape = check(&loaded);
            assert!((shape.width * shape.height) as u64 <= most, "no more pixels than are asked for");
        }
    }
}

/// What reads a model file: what it accepts it writes again.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::from_bytes("fuzzed", bytes) {
        let written = checkpoint.to_bytes(Storage::Single).expect("a checkpoint is writable");
        assert!(Checkpoint::from_bytes("written", &written).expect("and readable") == checkpoint);
    }
}

/// What reads the state of a training run.
pub fn training_state(bytes: &[u8]) {
    in_folder(&[("run.state", bytes)], |folder| {
        let _ = train::read_state(&folder.join("run.state"));
    });
}

/// What reads the journal of an evaluation: after a torn line was left out, it reads the same again. Of one shard's alone figures
/// are made.
pub fn journal(bytes: &[u8]) {
    in_folder(&[("journal", bytes)], |folder| {
        let path = folder.join("journal");
        let _ = merge(std::slice::from_ref(&path));
        if Journal::resume(&path).is_ok() {
            let kept = std::fs::read(&path).expect("readable");
            assert!(bytes.starts_with(&kept), "nothing is made up");
            Journal::resume(&path).expect("a journal still");
            assert!(std::fs::read(&path).expect("readable") == kept);
        }
    });
}

/// What reads the window's session.
#[cfg(feature = "gui")]
pub fn session(bytes: &[u8]) {
    in_folder(&[("session.json", bytes)], |folder| {
        let _ = crate::gui::read_session(&folder.join("session.json"));
    });
}

/// What reads MNIST's files. The first byte chooses which of the four the rest is, gzipped or not; the others are sound.
pub fn idx(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7, 9]].concat();
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 2][..], &[1, 0]].concat();
    let names =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    let packed = format!("{}.gz", names[usize::from(choice % 4)]);
    let gzipped = gzip(rest);
    let mut files: Vec<(&str, &[u8])> =
        names.iter().zip([&images, &labels, &images, &labels]).map(|(&name, sound)| (name, &sound[..])).collect();
    files[usize::from(choice % 4)] = match choice / 4 % 4 {
        0 => (files[usize::from(choice % 4)].0, rest),
        1 => (&packed, rest),
        _ => (&packed, &gzipped),
    };
    in_folder(&files, open_data);
}

/// What reads CIFAR-10's files. The first byte chooses whether the rest is a batch, the names of the classes, the archive, or
/// what is in the archive.
pub fn cifar(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let (names, record) = (&b"cat\ndog\n"[..], &[1; 3073][..]);
    match choice % 4 {
        chosen @ (0 | 1) => {
            let mut files = vec![("batches.meta.txt", names)];
            files.extend(
                ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
                    .map(|_| ("", record)),
            );
            let batches = [1, 2, 3, 4, 5].map(|n| format!("data_batch_{n}.bin"));
            for (file, name) in files[1..].iter_mut().zip(batches.iter().map(String::as_str).chain(["test_batch.bin"]))
            {
                file.0 = name;
            }
            files[usize::from(chosen == 0)].1 = rest;
            in_folder(&files, open_data);
        }
        2 => in_folder(&[("cifar.tar.gz", rest)], |folder| open_data(&folder.join("cifar.tar.gz"))),
        _ => in_folder(&[("cifar.tar.gz", &gzip(rest))], |folder| open_data(&folder.join("cifar.tar.gz"))),
    }
}

/// What follows the log of a training run: read in two parts, it gives the same lines.
pub fn training_log(bytes: &[u8]) {
    in_folder(&[("run.csv", bytes)], |folder| {
        let path = folder.join("run.csv");
        if let Ok(whole) = train::read_log(&path, 0) {
            let rest = train::read_log(&path, whole.offset).expect("readable");
            assert!(rest.entries.is_empty() && !rest.anew && rest.offset == whole.offset);
            assert!(train::read_log(&path, u64::MAX).expect("readable").anew);
        }
    });
}

fn open_data(path: &Path) {
    for purpose in [Purpose::Training, Purpose::Measuring] {
        let _ = data::open(path, None, purpose);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[cfg(test)]
mod tests;
