//! Training on more pictures takes no more memory: they are read from a file as they are shown.

use std::path::Path;
use std::process::{Command, Stdio};

use super::tests::config;
use super::{Config, Every, run};
use crate::task::Cancel;

/// Tells the child process where to work.
const FOLDER: &str = "DENOSCOPE_TEST_MEMORY";
/// Pictures of 64×64, which take 12 KiB each: 147 MB in all.
const MANY: usize = 12_000;

/// Not a test by itself: the process whose memory is measured.
#[test]
#[ignore = "the child process of the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder: &Path = folder.as_ref();
    let config = Config {
        data: folder.join("data"),
        size: Some(64),
        holdout: Some(4),
        steps: Some(3),
        counterfactual_share: 0.0,
        evaluate_every: Every::Steps(100),
        ..config(folder)
    };
    let mut most = 0;
    // The second run reads the file that is there.
    for config in [config.clone(), Config { overwrite: true, ..config }] {
        run(&config, &Cancel::new(), &mut |_| most = own_memory().max(most)).unwrap();
        most = own_memory().max(most);
    }
    std::fs::write(folder.join("peak"), most.to_string()).unwrap();
}

/// This process's own memory in kB. Pages of mapped files are not it: the system takes them back when it likes.
fn own_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    own.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The most memory of its own that the child had whenever it told of its progress, in megabytes, with so many pictures.
fn peak(pictures: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("one.png");
    image::RgbImage::from_fn(2, 2, |x, y| image::Rgb([90 * x as u8, 90 * y as u8, 50])).save(&one).unwrap();
    for class in ["a", "b"] {
        let class = folder.path().join("data").join(class);
        std::fs::create_dir_all(&class).unwrap();
        (0..pictures / 2).for_each(|n| std::fs::hard_link(&one, class.join(format!("{n}.png"))).unwrap());
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "train::memory_tests::child", "--ignored"]).env(FOLDER, folder.path());
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    let kept = std::fs::metadata(folder.path().join("model.safetensors.pictures")).unwrap().len();
    assert!(kept > (pictures * 3 * 64 * 64) as u64, "{kept} bytes of pictures");
    std::fs::read_to_string(folder.path().join("peak")).unwrap().parse::<usize>().unwrap() / 1000
}

#[test]
fn many_pictures_take_the_memory_of_few() {
    let (few, many) = (peak(400), peak(MANY));
    assert!(many < few + 40, "{few} MB with 400 pictures, {many} MB with {MANY}");
}
