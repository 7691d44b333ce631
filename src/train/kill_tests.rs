//! A run that is killed at random moments, as by a power cut, and resumed, ends as one that was not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::tests::{config, train, write_data};
use super::{Config, Every, state};
use crate::network::Checkpoint;

/// Tells the child process where to work.
const FOLDER: &str = "DENOSCOPE_TEST_KILL";
/// Tells it to begin anew, with this seed.
const ANEW: &str = "DENOSCOPE_TEST_KILL_ANEW";

fn killed(folder: &Path) -> Config {
    Config { steps: Some(60), checkpoint_every: Every::Steps(1), name: Some("m".to_owned()), ..config(folder) }
}

/// Not a test by itself: what the process that gets killed does.
#[test]
#[ignore = "the child process of the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let config = killed(folder.as_ref());
    if let Some(seed) = std::env::var(ANEW).ok().and_then(|seed| seed.parse().ok()) {
        train(&Config { seed, overwrite: true, checkpoint_every: Every::Steps(1000), ..config }).unwrap();
        return;
    }
    let resume = state::path(&config.out).is_file();
    // Killed between state and model, a first run leaves no model; killed before both, nothing.
    train(&Config { resume, ..config }).unwrap();
}

#[test]
fn a_run_that_is_killed_twenty_times_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let straight = Config { out: folder.path().join("straight"), ..killed(folder.path()) };
    train(&Config { checkpoint_every: Every::Steps(1000), ..straight.clone() }).unwrap();

    let program = std::env::current_exe().unwrap();
    let start = || {
        let mut command = Command::new(&program);
        command.args(["--exact", "train::kill_tests::child", "--ignored"]).env(FOLDER, folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let state_path = state::path(&killed(folder.path()).out);
    let step = || state::read(&state_path).map_or(0, |(record, _)| record.step);
    let mut moments = ChaCha8Rng::seed_from_u64(20);
    let mut interrupted = 0;
    for _ in 0..20 {
        let before = step();
        let mut child = start();
        // Starting takes as long as it takes; the moment is random from its first new step on.
        while step() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(u64::from(moments.next_u32() % 40_000)));
        // It may be over already; then the rest of the kills come to nothing.
        let _ = child.kill();
        child.wait().unwrap();
        interrupted += usize::from(step() < 60);
    }
    assert!(interrupted >= 5, "only {interrupted} kills came before the end");
    assert!(start().wait().unwrap().success());
    let (a, b) = (Checkpoint::read(&straight.out).unwrap(), Checkpoint::read(&killed(folder.path()).out).unwrap());
    assert_eq!(a.tensors, b.tensors);
    assert_eq!(b.description.training.unwrap().steps, 60);
}

#[test]
fn a_run_begun_anew_and_killed_is_not_the_old_one_when_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let old = Config { steps: Some(5), ..killed(folder.path()) };
    train(&old).unwrap();
    let straight = Config { seed: 9, out: folder.path().join("straight"), ..killed(folder.path()) };
    train(&straight).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "train::kill_tests::child", "--ignored"]).env(FOLDER, folder.path()).env(ANEW, "9");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Its log begins anew as soon as it runs; it is killed before it saves for the first time.
    let log = super::log_path(&old.out);
    while std::fs::read_to_string(&log).is_ok_and(|text| text.lines().any(|line| line.starts_with("4,")))
        && child.try_wait().unwrap().is_none()
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap();
    train(&Config { resume: true, ..killed(folder.path()) }).unwrap();
    let (a, b) = (Checkpoint::read(&straight.out).unwrap(), Checkpoint::read(&old.out).unwrap());
    assert_eq!(a.tensors, b.tensors);
}
