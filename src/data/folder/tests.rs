//! Every way that people lay out their folders.

use super::super::{DataSet, Loader, open};
use super::*;

/// Files, each a tiny picture whose red tells its place in the list, in a new folder; a name that ends with `/` is an empty
/// folder, `!` in front means that the file is no picture.
struct Layout(tempfile::TempDir);

impl Layout {
    fn new(names: &[&str]) -> Self {
        let layout = Self(tempfile::tempdir().unwrap());
        for (number, name) in names.iter().enumerate() {
            let path = layout.0.path().join(name.trim_start_matches('!'));
            if name.ends_with('/') {
                std::fs::create_dir_all(&path).unwrap();
                continue;
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name.starts_with('!') {
                std::fs::write(&path, b"not a picture").unwrap();
            } else {
                let picture = image::RgbImage::from_pixel(4, 4, image::Rgb([number as u8, 0, 0]));
                picture.save_with_format(&path, image::ImageFormat::Png).unwrap();
            }
        }
        layout
    }

    fn open(&self, purpose: Purpose) -> Result<Catalogue> {
        open(self.0.path(), Some(Shape::new(3, 4, 4)), purpose)
    }

    /// The places of the files that are used for a purpose, with their classes, and the number of the part's own.
    fn used(&self, purpose: Purpose) -> (Vec<(String, u8)>, usize, Vec<String>) {
        let set = self.open(purpose).unwrap();
        let (all, main): (Vec<u32>, usize) = ((0..set.labels.len() as u32).collect(), set.main().len());
        let (data, count): (DataSet, usize) = Loader::quiet(|loader| set.load(&all, main, loader)).unwrap();
        let one = |index: usize| {
            let class = data.classes[data.labels[index] as usize].clone();
            (class, data.bytes(index, &mut Vec::new()).unwrap()[0])
        };
        ((0..data.len()).map(one).collect(), count, data.notices.clone())
    }

    /// Holds that these files, of these classes, are used for a purpose, and that each notice has its words.
    fn assert(&self, purpose: Purpose, files: &[(&str, u8)], notices: &[&str]) {
        let (used, _, told) = self.used(purpose);
        let used: Vec<(&str, u8)> = used.iter().map(|(class, place)| (class.as_str(), *place)).collect();
        assert_eq!(used, files);
        assert_eq!(told.len(), notices.len(), "{told:?}");
        for (told, words) in told.iter().zip(notices) {
            assert!(told.contains(words) && !told.contains('\n'), "{told:?} does not say {words:?}");
        }
    }
}

#[test]
fn a_validation_or_test_part_is_what_is_measured() {
    for (held_out, others) in
        [("val", true), ("valid", false), ("Validation", false), ("test", false), ("Testing", false)]
    {
        let dog = format!("{held_out}/dog/0.png");
        let cat = format!("{held_out}/CAT/0.png");
        let mut names = vec!["train/cat/0.png", "train/dog/0.png", "train/ship/0.png", &*dog, &*cat];
        if others {
            names.extend(["test/dog/0.png"]);
        }
        let layout = Layout::new(&names);
        let without = "ship";
        if others {
            // With both, val is for training and test for measuring.
            layout.assert(
                Purpose::Measuring,
                &[("dog", 5)],
                &["measured on test, val left aside", "test has no pictures of"],
            );
        } else {
            layout.assert(
                Purpose::Measuring,
                &[("cat", 4), ("dog", 3)],
                &[&format!("measured on {held_out}"), without],
            );
        }
        let (used, main, told) = layout.used(Purpose::Training);
        let is_test = held_out.to_lowercase().starts_with("test");
        assert_eq!((used.len(), main), (if is_test { 3 } else { 5 }, 3), "{held_out}");
        let words = if is_test { format!("{held_out} is left for eval") } else { format!("{held_out} is measured on") };
        assert!(told[0].contains(&words), "{told:?}");
    }
}

#[test]
fn nothing_to_train_on_is_needed_to_measure() {
    let layout = Layout::new(&["test/a/0.png", "test/b/0.png"]);
    layout.assert(Purpose::Measuring, &[("a", 0), ("b", 1)], &["measured on test"]);
    assert!(layout.open(Purpose::Training).unwrap_err().to_string().contains("no train folder"));
    let layout = Layout::new(&["train/a/", "train/b/", "test/a/0.png", "test/b/0.png"]);
    layout.assert(Purpose::Measuring, &[("a", 2), ("b", 3)], &["measured on test"]);
}

#[test]
fn without_a_part_to_measure_on_all_is_measured_and_said() {
    let layout = Layout::new(&["a/0.png", "b/0.png"]);
    layout.assert(Purpose::Measuring, &[("a", 0), ("b", 1)], &["no test or val folder"]);
    layout.assert(Purpose::Training, &[("a", 0), ("b", 1)], &[]);
    let layout = Layout::new(&["train/a/0.png", "train/b/0.png"]);
    layout.assert(Purpose::Measuring, &[("a", 0), ("b", 1)], &["no test or val folder"]);
}

#[test]
fn nested_folders_are_read() {
    let layout = Layout::new(&["cat/1.png", "cat/more/2.png", "cat/more/yet/3.png", "dog/only/inside/4.png"]);
    layout.assert(Purpose::Training, &[("cat", 0), ("cat", 1), ("cat", 2), ("dog", 3)], &[]);
}

#[test]
fn system_folders_are_no_classes_and_empty_ones_are_said() {
    let layout = Layout::new(&[
        "__MACOSX/cat/._1.png",
        "@eaDir/cat.png",
        ".git/x.png",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "cat/@eaDir/1.png",
        "cat/1.png",
        "dog/1.png",
        "unicorn/",
        "griffin/deep/",
        "beside.JPG",
        "!readme.txt",
    ]);
    let notices = ["left out: @eaDir, __MACOSX", "left out: griffin, unicorn", "1 pictures beside the class folders"];
    layout.assert(Purpose::Training, &[("cat", 6), ("dog", 7)], &notices);
}

#[test]
fn a_class_of_one_part_alone_is_said() {
    let layout = Layout::new(&["train/a/0.png", "train/b/0.png", "val/b/0.png", "val/c/0.png", "val/c/1.png"]);
    let notices = ["measured on val", "val has 2 pictures of c", "val has no pictures of a"];
    layout.assert(Purpose::Measuring, &[("b", 2)], &notices);
    let notices = ["val is measured on", "val has 2 pictures of c", "val has no pictures of a"];
    layout.assert(Purpose::Training, &[("a", 0), ("b", 1), ("b", 2)], &notices);
    let strangers = Layout::new(&["train/a/0.png", "test/b/0.png"]);
    assert!(strangers.open(Purpose::Measuring).unwrap_err().to_string().contains("none of the classes"));
}

#[test]
fn folders_that_are_no_part_are_said() {
    let layout = Layout::new(&["train/a/0.png", "train/b/0.png", "test/0.png", "spare/a/0.png", "val/a/0.png"]);
    let notices =
        ["spare is none of train", "test has no class folders", "measured on val", "val has no pictures of b"];
    layout.assert(Purpose::Measuring, &[("a", 4)], &notices);
    // Without class folders inside it a folder of such a name is a class: of vehicles, for one.
    let layout = Layout::new(&["train/0.png", "plane/0.png"]);
    layout.assert(Purpose::Training, &[("plane", 1), ("train", 0)], &[]);
}

#[test]
fn broken_pictures_are_counted_and_the_first_are_named() {
    let layout = Layout::new(&["!a/0.png", "!a/1.png", "!a/2.png", "!a/3.png", "a/4.png", "!b/0.png", "b/1.png"]);
    layout.assert(Purpose::Training, &[("a", 4), ("b", 6)], &["5 of 7 files were left out"]);
    let (_, main, told) = layout.used(Purpose::Training);
    assert_eq!(main, 2);
    assert!(told[0].contains("2.png") && !told[0].contains("3.png") && told[0].contains("and 2 more"), "{told:?}");
}

#[test]
fn a_class_whose_pictures_are_all_broken_is_left_out_of_training() {
    let layout = Layout::new(&["a/0.png", "!b/0.png", "c/0.png", "c/1.png"]);
    let set = layout.open(Purpose::Training).unwrap();
    let (mut data, count) = Loader::quiet(|loader| set.load(&[0, 1, 2, 3], 3, loader)).unwrap();
    data.keep_classes_of_first(count).unwrap();
    assert_eq!((count, data.classes.clone(), data.labels.clone()), (2, vec!["a".into(), "c".into()], vec![0, 1, 1]));
    assert_eq!(data.bytes(2, &mut Vec::new()).unwrap()[0], 3);
    assert!(data.notices.last().unwrap().ends_with("left out: b"), "{:?}", data.notices);
}

#[test]
fn one_class_is_a_denoiser_and_a_wrapping_folder_is_looked_through() {
    let layout = Layout::new(&["photos/0.png", "photos/1.png"]);
    layout.assert(Purpose::Training, &[("photos", 0), ("photos", 1)], &["one class only, photos"]);
    let wrapped = Layout::new(&["download/set/train/a/0.png", "download/set/train/b/0.png", "download/.x"]);
    wrapped.assert(Purpose::Training, &[("a", 0), ("b", 1)], &[]);
}

#[cfg(unix)]
#[test]
fn linked_classes_are_read_and_linked_folders_inside_them_are_not_followed() {
    use std::os::unix::fs::symlink;
    let layout = Layout::new(&["cat/0.png", "elsewhere/dog/0.png", "elsewhere/dog/1.png"]);
    let (root, other) = (layout.0.path(), tempfile::tempdir().unwrap());
    std::fs::rename(root.join("elsewhere/dog"), other.path().join("dog")).unwrap();
    std::fs::remove_dir(root.join("elsewhere")).unwrap();
    symlink(other.path().join("dog"), root.join("dog")).unwrap();
    symlink(root, root.join("cat/around")).unwrap();
    symlink(root.join("nowhere.png"), root.join("cat/lost.png")).unwrap();
    let notices = ["1 linked folders", "1 of 4 files were left out"];
    layout.assert(Purpose::Training, &[("cat", 0), ("dog", 1), ("dog", 2)], &notices);
}

#[test]
fn runs_from_before_are_read_as_they_were() {
    let layout = Layout::new(&["__MACOSX/0.png", "cat/0.png", "cat/more/1.png", "dog/0.png", "unicorn/", ".x/0.png"]);
    let set = layout.open(Purpose::OldTraining).unwrap();
    assert_eq!(set.classes, ["__MACOSX", "cat", "dog", "unicorn"]);
    assert_eq!((set.labels.clone(), set.main().len()), (vec![0, 1, 2], 3));
}

#[test]
fn larger_pictures_are_said_to_be_made_small_unless_a_size_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let save = |class: &str, width: u32, height: u32| {
        let path = folder.path().join(class).join("a.png");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::new(width, height).save(path).unwrap();
    };
    let said = |shape: Option<Shape>, purpose: Purpose| open(folder.path(), shape, purpose).unwrap().notices.join("\n");
    save("ant", 32, 40);
    save("bee", 200, 90);
    assert_eq!(said(None, Purpose::Training), "", "by the first");
    save("ant", 80, 64);
    let notice = said(None, Purpose::Training);
    assert!(notice.contains("32×32") && notice.contains("80×64: --size 64"), "{notice}");
    assert!(!said(None, Purpose::Measuring).contains("--size"), "a model says what it takes");
    assert_eq!(said(Some(Shape::new(3, 32, 32)), Purpose::Training), "");
}
