//! The loaders on the real sets, where they are, and on broken files.

use std::path::{Path, PathBuf};

use super::*;
use crate::picture::Shape;
use crate::{Error, Result};

/// A data set's folder, or a message that says why the test was skipped.
fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DENOSCOPE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.is_dir() {
        let why = format!("there is no {}; set DENOSCOPE_DATA to the folder that holds {name}", path.display());
        crate::skip::skipped("data", &why);
    }
    path.is_dir().then_some(path)
}

fn close(ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4), "{ours:?} against {theirs:?}");
}

/// Everything that a set holds for a purpose.
fn whole(path: &Path, purpose: Purpose) -> Result<DataSet> {
    whole_as(path, Shape::new(3, 32, 32), purpose)
}

fn whole_as(path: &Path, shape: Shape, purpose: Purpose) -> Result<DataSet> {
    let set = open(path, Some(shape), purpose)?;
    let all: Vec<u32> = (0..set.labels.len() as u32).collect();
    Loader::quiet(|loader| set.load(&all, all.len(), loader)).map(|(data, _)| data)
}

fn bytes(data: &DataSet, index: usize) -> Vec<u8> {
    data.bytes(index, &mut Vec::new()).unwrap().to_vec()
}

fn statistics(data: &DataSet) -> Statistics {
    Loader::quiet(|loader| data.survey(data.len(), 0, loader)).unwrap().0
}

#[test]
fn cifar10_has_its_known_statistics() {
    let Some(path) = data("cifar-10-batches-bin") else { return };
    let (train, test) = (whole(&path, Purpose::Training).unwrap(), whole(&path, Purpose::Measuring).unwrap());
    assert_eq!((train.len(), test.len(), train.shape), (50_000, 10_000, Shape::new(3, 32, 32)));
    assert_eq!(train.classes[..3], ["airplane", "automobile", "bird"]);
    let statistics = statistics(&train);
    close(&statistics.mean, &[0.4914, 0.4822, 0.4465]);
    close(&statistics.deviation, &[0.2470, 0.2435, 0.2616]);
    for part in [train, test] {
        let each = part.len() / 10;
        assert!((0..10).all(|c| part.labels.iter().filter(|&&l| l == c).count() == each));
    }
}

#[test]
fn mnist_has_its_known_statistics_before_padding() {
    let Some(path) = data("mnist") else { return };
    let set = whole(&path, Purpose::Training).unwrap();
    assert_eq!((set.len(), set.shape), (60_000, Shape::new(1, 32, 32)));
    assert_eq!(whole(&path, Purpose::Measuring).unwrap().len(), 10_000);
    assert_eq!(set.labels[..5], [5, 0, 4, 1, 9]);
    // Zeros around change the moments by the ratio of the areas alone.
    let statistics = statistics(&set);
    let area = (32.0_f32 / 28.0).powi(2);
    let (mean, square) = (statistics.mean[0], statistics.deviation[0].powi(2) + statistics.mean[0].powi(2));
    close(&[mean * area], &[0.1307]);
    close(&[(square * area - (mean * area).powi(2)).sqrt()], &[0.3081]);
}

/// Three records of CIFAR-10 in each of its files.
fn cifar(folder: &Path) {
    std::fs::write(folder.join("batches.meta.txt"), "a\nb\n").unwrap();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        let bytes: Vec<u8> = (0..3 * 3073).map(|i| if i % 3073 == 0 { 1 } else { (i % 251) as u8 }).collect();
        std::fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
    }
}

fn idx(magic: u32, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let header = std::iter::once(magic).chain(sizes.iter().copied()).flat_map(u32::to_be_bytes);
    header.chain(values.iter().copied()).collect()
}

/// Two digits a part, 2×3, not gzipped.
fn mnist(folder: &Path) {
    for part in ["train", "t10k"] {
        let images = idx(0x0803, &[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(0x0801, &[2], &[3, 9])).unwrap();
    }
}

/// Opening it for one of the purposes, or for both, is refused in one line with these words.
fn refused(path: &Path, words: &[&str]) {
    let broken = |purpose| whole(path, purpose).err();
    let error: Error = broken(Purpose::Training).or_else(|| broken(Purpose::Measuring)).expect("it is broken");
    let error = error.to_string();
    assert!(words.iter().all(|w| error.contains(w)) && !error.contains('\n'), "{error}");
}

#[test]
fn a_cifar_archive_is_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&inner).unwrap();
    cifar(&inner);
    let archive = folder.path().join("cifar-10-binary.tar.gz");
    let file = flate2::write::GzEncoder::new(std::fs::File::create(&archive).unwrap(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(file);
    builder.append_dir_all("cifar-10-batches-bin", &inner).unwrap();
    builder.into_inner().unwrap().finish().unwrap();
    for (purpose, count) in [(Purpose::Training, 15), (Purpose::Measuring, 3)] {
        let [a, b, c] = [&inner, &archive, &folder.path().to_owned()].map(|path| whole(path, purpose).unwrap());
        assert_eq!((a.len(), a.labels[0], bytes(&a, 1)[0]), (count, 1, (3074 % 251) as u8));
        for other in [b, c] {
            assert_eq!(a.labels, other.labels);
            assert!((0..count).all(|index| bytes(&a, index) == bytes(&other, index)));
        }
    }
    let whole = std::fs::read(&archive).unwrap();
    std::fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    refused(&archive, &["cifar-10-binary.tar.gz", "no whole .tar.gz"]);
}

#[test]
fn broken_cifar_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let broken = |name: &str, bytes: &[u8], words: &[&str]| {
        cifar(path);
        std::fs::write(path.join(name), bytes).unwrap();
        refused(path, &[&[name], words].concat());
    };
    broken("data_batch_2.bin", &[0; 3000], &["cut short"]);
    broken("data_batch_3.bin", &[], &["empty"]);
    broken("test_batch.bin", &[7; 3073], &["label 7", "2 classes"]);
    broken("batches.meta.txt", b"one\n", &["fewer than two"]);
    cifar(path);
    std::fs::remove_file(path.join("data_batch_4.bin")).unwrap();
    refused(path, &["lacks data_batch_4.bin"]);
}

#[test]
fn digits_are_centred_in_black() {
    let folder = tempfile::tempdir().unwrap();
    mnist(folder.path());
    let set = whole(folder.path(), Purpose::Training).unwrap();
    assert_eq!((set.len(), set.labels.clone()), (2, vec![3, 9]));
    let second = set.picture(1).unwrap();
    assert!((second.at(0, 15, 14) - 7.0 / 255.0).abs() < 1e-7 && (second.at(0, 16, 16) - 12.0 / 255.0).abs() < 1e-7);
    assert_eq!(second.values().iter().filter(|v| **v > 0.0).count(), 6);
}

#[test]
fn broken_idx_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let broken = |name: &str, bytes: &[u8], words: &[&str]| {
        mnist(path);
        std::fs::write(path.join(name), bytes).unwrap();
        refused(path, &[&[name], words].concat());
    };
    let (images, labels) = ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
    broken(images, &[], &["empty"]);
    broken(images, &[0, 0, 8], &["cut short"]);
    broken(images, &idx(0x0801, &[2], &[1, 2]), &["magic 0x00000801"]);
    broken(images, &idx(0x0803, &[2, 2, 3], &[1, 2, 3]), &["3 bytes", "says 12"]);
    broken(images, &idx(0x0803, &[u32::MAX, u32::MAX, u32::MAX], &[]), &["cut short"]);
    broken(images, &idx(0x0803, &[1, 40, 1], &[0; 40]), &["40×1"]);
    broken(labels, &idx(0x0801, &[2], &[1, 10]), &["label 1 is 10"]);
    broken(labels, &idx(0x0801, &[3], &[1, 2, 3]), &["3 labels for 2"]);
    mnist(path);
    std::fs::remove_file(path.join(labels)).unwrap();
    std::fs::write(path.join(format!("{labels}.gz")), b"no gzip").unwrap();
    refused(path, &["t10k-labels-idx1-ubyte.gz", "no whole gzip"]);
}

#[test]
fn cifar_is_measured_without_the_files_to_train_on_and_said_if_without_those_to_test_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    cifar(path);
    (1..=5).for_each(|n| std::fs::remove_file(path.join(format!("data_batch_{n}.bin"))).unwrap());
    assert_eq!(whole(path, Purpose::Measuring).unwrap().len(), 3);
    refused(path, &["lacks data_batch_1.bin"]);
    cifar(path);
    std::fs::remove_file(path.join("test_batch.bin")).unwrap();
    std::fs::remove_file(path.join("data_batch_5.bin")).unwrap();
    let rest = whole(path, Purpose::Measuring).unwrap();
    assert_eq!((rest.len(), rest.notices.len()), (12, 1));
    assert!(rest.notices[0].contains("no test_batch.bin"), "{:?}", rest.notices);
}

#[test]
fn digits_are_found_under_other_tools_names_and_folders() {
    for (inner, dotted, packed) in
        [("", true, false), ("raw", false, true), ("MNIST/raw", true, true), ("fashion/raw", false, false)]
    {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(inner);
        std::fs::create_dir_all(&folder).unwrap();
        mnist(&folder);
        for part in ["train", "t10k"] {
            for (what, kind) in [("images", "idx3-ubyte"), ("labels", "idx1-ubyte")] {
                let from = folder.join(format!("{part}-{what}-{kind}"));
                let bytes = std::fs::read(&from).unwrap();
                std::fs::remove_file(&from).unwrap();
                let name = format!("{part}-{what}{}{kind}", if dotted { "." } else { "-" });
                if packed {
                    let file = std::fs::File::create(folder.join(format!("{name}.gz"))).unwrap();
                    let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
                    std::io::Write::write_all(&mut out, &bytes).unwrap();
                    out.finish().unwrap();
                } else {
                    std::fs::write(folder.join(name), bytes).unwrap();
                }
            }
        }
        let set = whole(root.path(), Purpose::Training).unwrap();
        assert_eq!((set.kind, set.labels.clone()), (Kind::Mnist, vec![3, 9]), "{inner}");
    }
    let root = tempfile::tempdir().unwrap();
    mnist(root.path());
    for name in ["images-idx3", "labels-idx1"] {
        std::fs::remove_file(root.path().join(format!("train-{name}-ubyte"))).unwrap();
    }
    assert_eq!(whole(root.path(), Purpose::Measuring).unwrap().len(), 2, "to be measured it need not be trained on");
    refused(root.path(), &["lacks train-images-idx3-ubyte"]);
}

#[test]
fn a_folder_of_classes_is_fitted_and_broken_pictures_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (class, value) in [("red", 200_u8), ("blue", 90)] {
        let class = folder.path().join(class);
        std::fs::create_dir(&class).unwrap();
        for index in 0..2_u8 {
            let picture = image::RgbImage::from_pixel(9, 7, image::Rgb([value, index, 10]));
            picture.save(class.join(format!("{index}.png"))).unwrap();
        }
    }
    std::fs::write(folder.path().join("red/broken.png"), b"no picture").unwrap();
    let set = whole_as(folder.path(), Shape::new(3, 4, 4), Purpose::Training).unwrap();
    assert_eq!((set.classes.clone(), set.labels.clone()), (vec!["blue".into(), "red".into()], vec![0, 0, 1, 1]));
    assert_eq!((set.shape, bytes(&set, 3)[0], bytes(&set, 1)[16]), (Shape::new(3, 4, 4), 200, 1));
    assert_eq!(set.notices.len(), 1, "{:?}", set.notices);
    assert!(set.notices[0].contains("1 of 5 files") && set.notices[0].contains("broken.png"), "{:?}", set.notices);
    let empty = tempfile::tempdir().unwrap();
    refused(empty.path(), &["no data set"]);
    std::fs::create_dir(empty.path().join("a")).unwrap();
    refused(empty.path(), &["no pictures"]);
    std::fs::write(empty.path().join("a/x.png"), b"").unwrap();
    refused(empty.path(), &["no usable picture", "x.png", "empty"]);
    refused(&empty.path().join("missing"), &["missing"]);
}
