//! Whole runs on a graphics card against those on the processor.

use super::tests::{config, train, write_data};
use super::*;
use crate::network::Checkpoint;
use crate::skip::skipped;
use crate::task::Cancel;

fn no_adapter() -> bool {
    let none = crate::gpu::cards().is_empty();
    if none {
        skipped("gpu", "there is no graphics driver: install libvulkan1 and mesa-vulkan-drivers");
    }
    none
}

/// The weights and every moment of two runs agree.
fn agree(a: &Config, b: &Config, tolerance: f32) {
    let state = |config: &Config| super::state::read(&super::state::path(&config.out)).unwrap();
    let ((a, left), (b, right)) = (state(a), state(b));
    assert_eq!(a.step, b.step);
    assert!(left.keys().eq(right.keys()));
    for (name, (shape, values)) in &left {
        assert_eq!(*shape, right[name].0, "{name}");
        let error = values.iter().zip(&right[name].1).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error <= tolerance, "{name} is {error} apart");
    }
}

#[test]
fn a_run_on_a_card_is_the_processors_and_either_goes_on_where_the_other_stopped() {
    if no_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let cpu = Config { out: folder.path().join("cpu"), name: Some("m".to_owned()), ..config(folder.path()) };
    let gpu = Config { out: folder.path().join("gpu"), device: "gpu:0".to_owned(), ..cpu.clone() };
    let mut started = None;
    let mut reports = Vec::new();
    let mut keep = |event| match event {
        Progress::Started(begun) => started = Some(begun),
        Progress::Step(report) => reports.push(report),
        _ => {}
    };
    run(&gpu, &Cancel::new(), &mut keep).unwrap();
    let started = started.unwrap();
    assert!(started.device.starts_with("gpu:0 ("), "{}", started.device);
    assert!(started.memory.unwrap().ends_with("4 pictures at a time"));
    assert_eq!(reports.len(), 3);
    assert!(reports.iter().all(|r| (r.loss - r.cross_entropy - 10.0 * r.score_error).abs() < 1e-4 * r.loss));
    train(&cpu).unwrap();
    agree(&cpu, &gpu, 1e-4);

    // Three steps on one, three on the other.
    for [first, then] in [["cpu", "gpu:0"], ["gpu:0", "cpu"]] {
        let part = Config { out: folder.path().join(&first[..3]), device: first.to_owned(), ..cpu.clone() };
        let part = Config { out: part.out.with_extension("part"), ..part };
        let cancel = Cancel::new();
        let mut stop = |event: Progress| {
            if matches!(&event, Progress::Step(report) if report.step == 3) {
                cancel.raise();
            }
        };
        let part = Config { log_every: 1, ..part };
        assert!(run(&part, &cancel, &mut stop).unwrap().stopped);
        let rest = Config { device: then.to_owned(), resume: true, ..part };
        assert_eq!(train(&rest).unwrap().steps, 6);
        agree(&cpu, &rest, 1e-4);
    }
}

#[test]
fn a_run_on_a_card_that_is_stopped_and_resumed_ends_with_the_same_bits() {
    if no_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let name = Some("m".to_owned());
    let straight =
        Config { out: folder.path().join("straight"), name, device: "gpu:0".to_owned(), ..config(folder.path()) };
    train(&straight).unwrap();
    let mut parts = Config { out: folder.path().join("parts"), log_every: 1, ..straight.clone() };
    loop {
        let cancel = Cancel::new();
        let mut stop = |event: Progress| {
            if matches!(event, Progress::Step(_)) {
                cancel.raise();
            }
        };
        if !run(&parts, &cancel, &mut stop).unwrap().stopped {
            break;
        }
        parts.resume = true;
    }
    agree(&straight, &parts, 0.0);
    let [a, b] = [&straight, &parts].map(|config| Checkpoint::read(&config.out).unwrap());
    assert_eq!(a.tensors, b.tensors);
}

#[test]
fn a_card_that_is_not_there_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { device: "gpu:nonesuch".to_owned(), ..config(folder.path()) };
    write_data(folder.path(), 6);
    let error = train(&config).unwrap_err().to_string();
    assert!(error.contains("gpu:nonesuch") && error.lines().count() == 1, "{error}");
    assert!(!config.out.exists());
}
