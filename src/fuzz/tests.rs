//! The seeds through their doors, whole and broken.

use std::fs;
use std::path::PathBuf;

use super::DOORS;
use crate::data::Purpose;
use crate::network::{Architecture, Checkpoint, Description, Storage};
use crate::picture::Shape;

/// The seeds of a door, sorted.
fn seeds(door: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(door);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).expect("a folder").map(|e| e.expect("a file").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a seed"))).collect()
}

#[test]
fn every_seed_goes_through_its_door() {
    for (name, door) in DOORS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has seeds");
        for (path, bytes) in seeds {
            println!("{}", path.display());
            door(&bytes);
        }
    }
}

/// A stand-in for the fuzzers where they do not run: bytes changed, taken out, doubled, numbers made extreme.
/// `DENOSCOPE_FUZZ` is how many times a seed is broken.
#[test]
fn broken_seeds_go_through_their_doors() {
    let rounds = std::env::var("DENOSCOPE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(40_u64);
    for (name, door) in DOORS {
        for (path, bytes) in seeds(name) {
            for round in 0..rounds {
                let broken = broken(&bytes, round);
                let outcome = std::panic::catch_unwind(|| door(&broken));
                assert!(outcome.is_ok(), "{} broken in round {round}", path.display());
            }
        }
    }
}

/// The bytes with one to four changes, the same for the same round.
fn broken(bytes: &[u8], round: u64) -> Vec<u8> {
    let mut state = round;
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut draw = |below: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) % below.max(1) as u64) as usize
    };
    let mut out = bytes.to_vec();
    for _ in 0..=draw(4) {
        let at = draw(out.len());
        let length = (1 + draw(16)).min(out.len() - at);
        match draw(6) {
            0 if at < out.len() => out[at] = draw(256) as u8,
            1 if at < out.len() => out[at] ^= 1 << draw(8),
            2 => drop(out.drain(at..at + length)),
            3 => {
                let copy = out[at..at + length].to_vec();
                out.splice(at..at, copy);
            }
            4 => out[at..at + length].fill([0, 0x7F, 0x80, 0xFF][draw(4)]),
            _ => {
                // In texts: a number that is out of all bounds.
                let digits: Vec<usize> = (0..out.len()).filter(|&i| out[i].is_ascii_digit()).collect();
                if let Some(&digit) = digits.get(draw(digits.len())) {
                    let extreme = ["1e308", "-1", "18446744073709551615", "4294967296", "0", "1e-45"][draw(6)];
                    out.splice(digit..=digit, extreme.bytes());
                }
            }
        }
    }
    out
}

/// A small file that unpacks to many pictures of one pixel each, which would become 1024 each.
#[test]
fn mnist_files_of_too_many_pictures_are_refused_before_memory_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = (4_u32 << 20) + 1;
    for (name, magic, sizes) in
        [("train-images-idx3-ubyte.gz", 3, &[count, 1, 1][..]), ("train-labels-idx1-ubyte.gz", 1, &[count])]
    {
        let mut bytes = vec![0, 0, 8, magic];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.resize(bytes.len() + count as usize, 0);
        fs::write(folder.path().join(name), super::gzip(&bytes)).expect("written");
    }
    let error = crate::data::open(folder.path(), None, Purpose::Training).expect_err("refused").to_string();
    assert!(error.contains("has 4194305 pictures; at most 4194304 are taken"), "{error}");
}

/// Writes the seeds of the files that this program itself makes: `cargo test --lib -- --ignored writes_seeds`.
#[test]
#[ignore = "writes into the source tree"]
fn writes_seeds() {
    let put = |door: &str, name: &str, bytes: &[u8]| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(door);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(name), bytes).expect("written");
    };
    let architecture = Architecture {
        widths: vec![1],
        blocks: vec![1],
        strides: vec![1],
        group: 1,
        sigma_frequencies: 1,
        sigma_width: 1,
        ..Architecture::compact()
    };
    let classes = ["cat", "dog"].map(str::to_owned).to_vec();
    let description = Description::new("tiny", classes, Shape::new(1, 4, 4), architecture);
    let checkpoint = Checkpoint::untrained(description, 1).expect("a network");
    put("checkpoint", "single.safetensors", &checkpoint.to_bytes(Storage::Single).expect("bytes"));
    put("checkpoint", "half.safetensors", &checkpoint.to_bytes(Storage::Half).expect("bytes"));
    put("training_state", "none", b"");
    put("training_state", "tiny.state", &crate::train::state_seed());
    #[cfg(feature = "gui")]
    put("session", "drawn.json", crate::gui::session_seed().as_bytes());
}
