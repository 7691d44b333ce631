use std::path::Path;

use super::super::Keep;
use super::*;
use crate::task::Cancel;

const WANTED: Wanted = Wanted { key: [3; 32], count: 300, size: 5 };

/// The record of each number; every hundredth cannot be made.
fn record(number: usize) -> Result<Vec<u8>> {
    if number % 100 == 99 {
        return Err(Error::picture(format!("{number}.png"), "is broken"));
    }
    Ok((0..5).map(|i| (number * 7 + i) as u8).collect())
}

fn with<T>(call: impl FnOnce(&mut Loader<'_>) -> T) -> T {
    call(&mut Loader { keep: Keep::Meanwhile("/".into()), cancel: &Cancel::new(), observe: &mut |_, _| () })
}

fn assert_holds_the_records(decoded: &Decoded, problems: &Problems) {
    let mut out = vec![0; 5];
    for number in (0..300).rev().filter(|number| number % 100 != 99) {
        decoded.read(number, &mut out).unwrap();
        assert_eq!(out, record(number).unwrap());
    }
    let broken = [99, 199, 299].map(|number| (number, format!("{number}.png: is broken")));
    assert_eq!(problems[..], broken);
    decoded.read(3000, &mut out).unwrap_err();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_is_made_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pictures");
    assert!(with(|loader| open(&path, WANTED, loader)).unwrap().is_none());
    // What a killed run left is no hindrance.
    std::fs::write(folder.path().join("x.pictures.part"), b"half").unwrap();
    let (made, problems) = with(|loader| make(&path, WANTED, &record, loader)).unwrap();
    assert_holds_the_records(&made, &problems);
    assert_eq!(names(folder.path()), ["x.pictures"]);
    let (found, problems) = with(|loader| open(&path, WANTED, loader)).unwrap().unwrap();
    assert_holds_the_records(&found, &problems);
    let (nameless, problems) = with(|loader| make_nameless(folder.path(), WANTED, &record, loader)).unwrap();
    assert_holds_the_records(&nameless, &problems);
    assert_eq!(names(folder.path()), ["x.pictures"]);
}

#[test]
fn a_file_of_other_pictures_or_with_any_bit_changed_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pictures");
    with(|loader| make(&path, WANTED, &record, loader)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let others =
        [Wanted { key: [4; 32], ..WANTED }, Wanted { count: 299, ..WANTED }, Wanted { count: 500, size: 3, ..WANTED }];
    for wanted in others {
        assert!(with(|loader| open(&path, wanted, loader)).unwrap().is_none(), "{wanted:?}");
    }
    for at in (0..whole.len()).step_by(13).chain([whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, &damaged).unwrap();
        assert!(with(|loader| open(&path, WANTED, loader)).unwrap().is_none(), "byte {at}");
    }
    for length in [0, 10, HEADER, HEADER + 700, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(with(|loader| open(&path, WANTED, loader)).unwrap().is_none(), "{length} bytes");
    }
    std::fs::write(&path, [&*whole, b" "].concat()).unwrap();
    assert!(with(|loader| open(&path, WANTED, loader)).unwrap().is_none(), "a byte more");
    std::fs::write(&path, &whole).unwrap();
    assert!(with(|loader| open(&path, WANTED, loader)).unwrap().is_some());
}

#[test]
fn a_file_cut_short_while_it_is_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pictures");
    let (made, _) = with(|loader| make(&path, WANTED, &record, loader)).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(HEADER as u64 + 20).unwrap();
    made.read(3, &mut [0; 5]).unwrap();
    let error = made.read(4, &mut [0; 5]).unwrap_err().to_string();
    assert!(error.contains("x.pictures"), "{error}");
}

#[test]
fn making_is_watched_and_stopped_and_then_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pictures");
    let (cancel, mut seen) = (Cancel::new(), Vec::new());
    let mut observe = |done, total| {
        seen.push((done, total));
        if done >= 256 {
            cancel.raise();
        }
    };
    let mut loader = Loader { keep: Keep::File(path.clone()), cancel: &cancel, observe: &mut observe };
    assert!(matches!(make(&path, WANTED, &record, &mut loader), Err(Error::Cancelled)));
    assert_eq!(seen, [(128, 300), (256, 300)]);
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    let error = with(|loader| make(&folder.path().join("no/x"), WANTED, &record, loader)).unwrap_err().to_string();
    assert!(error.contains("no/x"), "{error}");
}
