//! Photographs whose pixels tell where they are, so that a crop tells where it was taken and that it was not scaled.

use std::path::Path;

use super::super::{Keep, Loader, open, open_photographs};
use super::*;
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(3, 16, 16);

/// A photograph: red is the column, green the row, blue its number.
fn draw(folder: &Path, name: &str, (width, height): (u32, u32), number: u8) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, number])).save(path).unwrap();
}

fn folder(pictures: &[(&str, (u32, u32))]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, size)) in pictures.iter().enumerate() {
        draw(folder.path(), name, *size, number as u8);
    }
    folder
}

/// Column, row and number of the photograph of a crop's upper left pixel, after holding that the others follow from it.
fn place(bytes: &[u8]) -> (usize, usize, usize) {
    let at = |channel: usize, y: usize, x: usize| usize::from(bytes[(channel * 16 + y) * 16 + x]);
    let first = (at(0, 0, 0), at(1, 0, 0), at(2, 0, 0));
    for y in 0..16 {
        for x in 0..16 {
            assert_eq!((at(0, y, x), at(1, y, x), at(2, y, x)), (first.0 + x, first.1 + y, first.2), "not scaled");
        }
    }
    first
}

/// The set for training, of which the first `trained` photographs are trained on.
fn load(set: Catalogue, trained: usize, keep: Keep) -> Result<(DataSet, usize)> {
    let all: Vec<u32> = (0..set.labels.len() as u32).collect();
    set.load(&all, trained, &mut Loader { keep, cancel: &Cancel::new(), observe: &mut |_, _| () })
}

#[test]
fn a_pass_shows_every_region_once_and_other_crops_lie_anywhere() {
    let folder = folder(&[("a.png", (50, 33)), ("b.png", (16, 40)), ("c.png", (10, 90)), ("d.png", (160, 160))]);
    std::fs::write(folder.path().join("read.me"), "no picture").unwrap();
    std::fs::write(folder.path().join("e.png"), "no picture either").unwrap();
    let set = open(folder.path(), Some(SHAPE), Purpose::Training).unwrap();
    assert_eq!(
        (set.kind, set.classes.as_slice(), set.labels.len()),
        (Kind::Photographs, &["photograph".to_owned()][..], 5)
    );
    let keep = Keep::File(folder.path().join("x.pictures"));
    let (data, trained) = load(set, 3, keep).unwrap();
    let fixed = |index: usize| place(data.bytes(index, &mut Vec::new()).unwrap());
    // Three by two crops of the first, one by two of the second, none of the third; eight of those of the fourth.
    let expected = [(0, 0, 0), (17, 0, 0), (34, 0, 0), (0, 17, 0), (17, 17, 0), (34, 17, 0), (0, 0, 1), (0, 24, 1)];
    assert_eq!((0..trained).map(fixed).collect::<Vec<_>>(), expected);
    let measured: Vec<_> = (trained..data.len()).map(fixed).collect();
    assert_eq!(measured.len(), MEASURED);
    assert!(
        measured.iter().all(|at| at.2 == 3 && at.0 % 16 == 0 && at.1 % 16 == 0)
            && measured.windows(2).all(|w| w[0] != w[1])
    );
    let notices = data.notices.join("\n");
    for words in [
        "1 of 5 files were left out",
        "1 of 5 photographs were left out: smaller than a crop of 16×16",
        "8 crops of 16×16",
    ] {
        assert!(notices.contains(words), "{notices}");
    }
    assert!(data.is_cropped());
    let at = |place_: (f64, f64)| place(data.crop(4, place_, &mut Vec::new()).unwrap());
    assert_eq!([at((0.0, 0.0)), at((0.999, 0.999)), at((0.5, 0.2))], [(0, 0, 0), (34, 17, 0), (7, 9, 0)]);
}

#[test]
fn photographs_are_decoded_once_for_crops_of_any_size() {
    let folder = folder(&[("a.png", (40, 40)), ("b.png", (33, 20))]);
    let kept = folder.path().join("x.pictures");
    let of = |side: usize| {
        let set = open(folder.path(), Some(Shape::new(3, side, side)), Purpose::Training).unwrap();
        load(set, 2, Keep::File(kept.clone())).unwrap()
    };
    assert_eq!(of(16).1, 4 + 2);
    let made = std::fs::read(&kept).unwrap();
    assert!(made.len() > 3 * (40 * 40 + 33 * 20) && made.len() < 3 * (40 * 40 + 33 * 20) + 300);
    std::fs::write(folder.path().join("mark"), "").unwrap();
    let before = std::fs::metadata(&kept).unwrap().modified().unwrap();
    assert_eq!(of(20).1, 4 + 1);
    assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), before, "it was found again");
    // A changed bit anywhere is not trusted: it is made anew.
    for at in [20, 60, 98, 110, 2000, made.len() - 3] {
        let mut damaged = made.clone();
        damaged[at] ^= 1;
        std::fs::write(&kept, damaged).unwrap();
        assert_eq!(of(16).1, 6);
        assert!(std::fs::read(&kept).unwrap() == made, "byte {at}");
    }
}

#[test]
fn parts_are_told_by_their_names_and_classes_remain_classes() {
    let names = |set: &Catalogue| (set.main().len(), set.validation().len());
    let flat = folder(&[
        ("train/a.png", (20, 20)),
        ("train/b.png", (20, 20)),
        ("val/c.png", (20, 20)),
        ("test/d.png", (20, 20)),
    ]);
    let set = open(flat.path(), Some(SHAPE), Purpose::Training).unwrap();
    assert_eq!((set.kind, names(&set)), (Kind::Photographs, (2, 1)));
    assert!(
        set.notices.iter().any(|n| n.contains("val is measured on"))
            && set.notices.iter().any(|n| n.contains("left for eval"))
    );
    let measured = open(flat.path(), Some(SHAPE), Purpose::Measuring).unwrap();
    assert_eq!((measured.kind, names(&measured)), (Kind::Photographs, (1, 0)));
    let (data, _) = load(measured, 1, Keep::Meanwhile(std::env::temp_dir())).unwrap();
    assert_eq!(place(data.bytes(0, &mut Vec::new()).unwrap()), (2, 2, 3), "the middle of d");

    let nested = folder(&[("holiday/a.png", (20, 20)), ("garden/spring/b.png", (20, 20))]);
    assert_eq!(open(nested.path(), Some(SHAPE), Purpose::Training).unwrap().kind, Kind::Folder);
    let set = open_photographs(nested.path(), None, Purpose::Training).unwrap();
    assert_eq!((set.kind, names(&set), set.shape), (Kind::Photographs, (2, 0), Shape::new(3, 64, 64)));
    let small = load(set, 2, Keep::Meanwhile(std::env::temp_dir())).unwrap_err().to_string();
    assert!(small.contains("each is smaller than a crop of 64×64") && !small.contains('\n'), "{small}");

    let empty = folder(&[]);
    std::fs::write(empty.path().join("notes.txt"), "").unwrap();
    let error = open_photographs(empty.path(), None, Purpose::Training).unwrap_err().to_string();
    assert!(error.contains("holds no pictures"), "{error}");
    assert!(open(empty.path(), None, Purpose::Training).unwrap_err().to_string().contains("or photographs"));
}

#[test]
fn a_grey_photograph_is_taken_in_colour() {
    let folder = tempfile::tempdir().unwrap();
    image::GrayImage::from_fn(20, 20, |x, y| image::Luma([(10 * x + y) as u8]))
        .save(folder.path().join("a.png"))
        .unwrap();
    let set = open(folder.path(), Some(SHAPE), Purpose::Training).unwrap();
    let (data, _) = load(set, 1, Keep::Meanwhile(std::env::temp_dir())).unwrap();
    let mut buffer = Vec::new();
    let bytes = data.bytes(0, &mut buffer).unwrap();
    assert_eq!((bytes[0], bytes[256], bytes[512], bytes[1]), (22, 22, 22, 32));
}
