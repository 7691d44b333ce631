//! Picture files as other programs write them, against what other readers see in them: `tests/seeds/picture`, which
//! `tests/seeds/picture.py` makes with Pillow, tifffile, `LittleCMS` and libjpeg-turbo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use denoscope::picture::{Loaded, Shape, decode, load};

/// What is right for one file.
#[derive(serde::Deserialize)]
struct Right {
    /// A part of the message with which it is refused.
    refused: Option<String>,
    shape: Option<[usize; 3]>,
    /// Every so many rows and columns are listed.
    every: Option<usize>,
    /// `[channel][row][column]`, in [0, 1].
    values: Option<Vec<f32>>,
    tolerance: Option<f32>,
    /// A part of the description of how it was read; without it nothing is said.
    note: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/picture")
}

fn listed() -> BTreeMap<String, Right> {
    let list = std::fs::read_to_string(folder().join("values.json")).expect("the list");
    serde_json::from_str(&list).expect("a list")
}

fn compare(loaded: &Loaded, right: &Right) -> Result<(), String> {
    let [channels, rows, columns] = right.shape.ok_or("no shape")?;
    let shape = loaded.picture.shape();
    if shape != Shape::new(channels, rows, columns) {
        return Err(format!("it is {shape}"));
    }
    let every = right.every.unwrap_or(1);
    let mut listed = right.values.as_deref().ok_or("no values")?.iter();
    let (mut worst, mut place) = (0.0_f32, (0, 0, 0));
    for c in 0..channels {
        for y in (0..rows).step_by(every) {
            for x in (0..columns).step_by(every) {
                let off = (loaded.picture.at(c, y, x) - listed.next().ok_or("too few values")?).abs();
                if off > worst {
                    (worst, place) = (off, (c, y, x));
                }
            }
        }
    }
    if worst > right.tolerance.ok_or("no tolerance")? {
        return Err(format!("off by {worst} at {place:?}"));
    }
    match &right.note {
        Some(note) if !loaded.describe().contains(note) => {
            Err(format!("nothing said of {note:?}: {}", loaded.describe()))
        }
        None if !loaded.notes.is_empty() => Err(format!("said {:?}", loaded.notes)),
        _ => Ok(()),
    }
}

#[test]
fn files_of_other_programs_hold_what_other_readers_see() {
    let folder = folder();
    let listed = listed();
    assert!(listed.len() > 70, "{} files", listed.len());
    let mut wrong = Vec::new();
    for (name, right) in listed {
        let outcome = match (load(folder.join(&name)), &right.refused) {
            (Ok(loaded), None) => compare(&loaded, &right),
            (Ok(loaded), Some(_)) => Err(format!("was read: {}", loaded.describe())),
            (Err(error), Some(part)) if error.to_string().contains(part) => Ok(()),
            (Err(error), _) => Err(error.to_string()),
        };
        wrong.extend(outcome.err().map(|why| format!("{name}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file cut anywhere is refused, or what is missing was not the picture. A JPEG decoder fills what is missing with grey, and an
/// end marker after the cut makes the file look whole.
#[test]
fn a_cut_file_is_refused_or_the_whole_picture() {
    for (name, right) in listed() {
        if right.refused.is_some() {
            continue;
        }
        let bytes = std::fs::read(folder().join(&name)).expect("the file");
        let whole = decode(&bytes, Path::new(&name)).expect("whole");
        let ends: &[&[u8]] = if whole.format == "JPEG" { &[b"", b"\xFF\xD9"] } else { &[b""] };
        for end in ends {
            for length in 1..bytes.len() {
                let cut = [&bytes[..length], end].concat();
                match decode(&cut, Path::new("cut")) {
                    Ok(loaded) => assert!(
                        // Between the scans of a progressive file it is whole, and only less fine; this is said.
                        loaded.picture == whole.picture || loaded.describe().contains("coarser than it was meant"),
                        "{name} cut at {length}, then {end:?}"
                    ),
                    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
                }
            }
        }
    }
}

/// Any byte may be wrong: nothing panics, and what is read lies in [0, 1].
#[test]
fn damaged_files_are_refused_or_read() {
    for name in listed().into_keys() {
        let bytes = std::fs::read(folder().join(&name)).expect("the file");
        let mut state = 1_u64;
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=state % 3 {
                // Knuth's multiplier (TAOCP 3.3.4); the high bits are random enough to break files with.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % damaged.len();
                damaged[at] = (state >> 24) as u8;
            }
            if let Ok(loaded) = decode(&damaged, Path::new("damaged")) {
                assert!(loaded.picture.values().iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
            }
        }
    }
}
