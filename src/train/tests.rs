//! Whole runs of a tiny network on a data set of a few made-up pictures.

use std::path::Path;

use super::*;
use crate::joint::JointModel;
use crate::network::{Checkpoint, DeviceChoice, Network};
use crate::picture::Batch;
use crate::task::Cancel;
use crate::{Error, Result};

/// Writes CIFAR-10's files with `count` pictures each of two kinds: brighter above, or brighter below.
pub(super) fn write_data(folder: &Path, count: usize) {
    std::fs::write(folder.join("batches.meta.txt"), "above\nbelow\n").unwrap();
    for (number, name) in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
        .iter()
        .enumerate()
    {
        let mut bytes = Vec::new();
        for index in 0..count {
            let label = (index + number) % 2;
            bytes.push(label as u8);
            for value in 0..3072 {
                let below = value % 1024 >= 512;
                let grain = (value * 7 + index * 13 + number * 5) % 50;
                bytes.push(if below == (label == 1) { 180 + grain as u8 } else { 20 + grain as u8 });
            }
        }
        std::fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
    }
}

/// A run short enough for a test, saved rarely.
pub(super) fn config(folder: &Path) -> Config {
    Config {
        widths: Some(vec![8, 16]),
        blocks: Some(vec![1, 1]),
        strides: Some(vec![1, 2]),
        batch: 4,
        steps: Some(6),
        warmup: 2,
        holdout: Some(4),
        crop: Some(1),
        conditional_share: 0.25,
        counterfactual_share: 0.25,
        log_every: 2,
        evaluate_every: Every::Steps(1000),
        checkpoint_every: Every::Steps(1000),
        threads: Some(2),
        device: "cpu".to_owned(),
        ..Config::new(folder, folder.join("model.safetensors"))
    }
}

pub(super) fn train(config: &Config) -> Result<Summary> {
    run(config, &Cancel::new(), &mut |_| {})
}

#[test]
fn half_precision_rounds_the_model_but_not_the_state() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let whole = Config { name: Some("m".to_owned()), ..config(folder.path()) };
    train(&whole).unwrap();
    let single = Checkpoint::read(&whole.out).unwrap();
    let state = |config: &Config| super::state::read(&super::state::path(&config.out)).unwrap().1;
    let before = state(&whole);
    // A finished run is only written anew.
    let half = Config { resume: true, half: true, ..whole.clone() };
    assert_eq!(train(&half).unwrap().steps, 6);
    let rounded = Checkpoint::read(&half.out).unwrap();
    let mut changed = 0;
    for (name, tensor) in &single.tensors {
        for (a, b) in tensor.values.iter().zip(&rounded.tensors[name].values) {
            assert!((a - b).abs() <= a.abs() / 2048.0 + 1e-7, "{name}: {a} became {b}");
            changed += usize::from(a != b);
        }
    }
    assert!(changed > 0, "weights were rounded");
    assert!(before == state(&half));
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let straight = Config { out: folder.path().join("straight"), name: Some("m".to_owned()), ..config(folder.path()) };
    let summary = train(&straight).unwrap();
    assert!(!summary.stopped && summary.steps == 6);

    // The other run is stopped after every step, by its owner, and taken up again.
    let mut parts = Config { out: folder.path().join("parts"), ..straight.clone() };
    parts.log_every = 1;
    let mut stops = 0;
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
        stops += 1;
        parts.resume = true;
    }
    assert!(stops >= 5, "{stops}");
    let (a, b) = (Checkpoint::read(&straight.out).unwrap(), Checkpoint::read(&parts.out).unwrap());
    assert_eq!(a.tensors, b.tensors);
    let untrained = Checkpoint::untrained(a.description.clone(), 0).unwrap();
    assert_ne!(a.tensors, untrained.tensors);
    let record = b.description.training.unwrap();
    assert_eq!((record.steps, record.pictures, record.data.as_str()), (6, 24, "cifar10"));
    assert!(record.results.contains_key("held_out"));
}

#[test]
fn training_lowers_every_part_of_the_loss() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 8);
    let config = Config { steps: Some(60), batch: 8, log_every: 10, warmup: 5, ..config(folder.path()) };
    let mut reports = Vec::new();
    let summary = run(&config, &Cancel::new(), &mut |event| {
        if let Progress::Step(report) = event {
            reports.push(report);
        }
    });
    let (first, last) = (reports[0], reports[reports.len() - 1]);
    assert!(last.cross_entropy < 0.5 * first.cross_entropy, "{first:?} {last:?}");
    assert!(last.score_error < 0.95 * first.score_error, "{first:?} {last:?}");
    assert!(summary.unwrap().evaluation.unwrap().accuracy > 0.9);
    let log = std::fs::read_to_string(folder.path().join("model.safetensors.csv")).unwrap();
    assert_eq!(log.lines().count(), 1 + 6 + 1, "{log}");
}

#[test]
fn a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let good = config(folder.path());
    train(&good).unwrap();
    let before = std::fs::read(&good.out).unwrap();
    // Continued at a rate that overflows: the options are not this command's to change, so the state is edited.
    let (mut record, state) = super::state::read(&super::state::path(&good.out)).unwrap();
    record.config.lr_muon = 1e30;
    record.config.clip = 1e30;
    super::state::write(&super::state::path(&good.out), &record, &state).unwrap();
    let again = Config { resume: true, steps: Some(50), checkpoint_every: Every::Steps(1), ..good.clone() };
    let mut saves = 0;
    let result = run(&again, &Cancel::new(), &mut |e| saves += usize::from(matches!(e, Progress::Saved { .. })));
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Compute(_)) && text.contains("is kept") && text.contains("--lr-muon"), "{text}");
    let after = Checkpoint::read(&good.out).expect("the file is a whole, finite checkpoint");
    assert!(saves == 0 || after.tensors != Checkpoint::from_bytes("before", &before).unwrap().tensors);
}

#[test]
fn a_run_begins_with_another_models_weights() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let first = config(folder.path());
    train(&first).unwrap();
    let trained = Checkpoint::read(&first.out).unwrap();
    // Steps of no length, so that what the run began with is what it ends with.
    let tuned = Config {
        init: Some(first.out.clone()),
        out: folder.path().join("tuned.safetensors"),
        widths: None,
        blocks: None,
        strides: None,
        seed: 5,
        lr_muon: 1e-12,
        lr_adam: 1e-12,
        ..first.clone()
    };
    train(&tuned).unwrap();
    let begun = Checkpoint::read(&tuned.out).unwrap();
    assert_eq!(begun.description.architecture, trained.description.architecture);
    for (name, tensor) in &trained.tensors {
        let apart = tensor.values.iter().zip(&begun.tensors[name].values).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-6, "{name}");
    }
    // With more blocks it is the same function at first, and the new ones are there to be trained.
    let deeper = Config { blocks: Some(vec![1, 3]), overwrite: true, ..tuned.clone() };
    train(&deeper).unwrap();
    let begun = Checkpoint::read(&deeper.out).unwrap();
    assert_eq!(begun.description.architecture.blocks, [1, 3]);
    let noisy = Batch::new(trained.description.image, vec![0.4; trained.description.image.len()]);
    let log_joint = |checkpoint: &Checkpoint| {
        let model = Network::load(checkpoint, &DeviceChoice::Cpu).unwrap();
        model.forward(&noisy, &[0.1]).unwrap().log_joint().to_vec()
    };
    let apart = log_joint(&trained).into_iter().zip(log_joint(&begun)).map(|(a, b)| (a - b).abs() / a.abs());
    assert!(apart.fold(0.0, f64::max) < 1e-5);
    let moved = begun.tensors["stages.1.blocks.2.conv2.weight"].values.iter().any(|v| *v != 0.0);
    assert!(moved && begun.tensors["stages.1.blocks.2.conv1.weight"].values.iter().any(|v| v.abs() > 1e-3));
    for (blocks, words) in
        [(vec![0, 2], "model.safetensors has 1,1"), (vec![2], "a number for each stage"), (vec![1, 65], "64 blocks")]
    {
        let error = train(&Config { blocks: Some(blocks), ..deeper.clone() }).unwrap_err().to_string();
        assert!(error.starts_with("--blocks") && error.contains(words), "{error}");
    }
    // For other classes all is kept but what reads them out.
    std::fs::write(folder.path().join("batches.meta.txt"), "up\ndown\n").unwrap();
    let other = Config { overwrite: true, ..tuned };
    let mut notices = Vec::new();
    run(&other, &Cancel::new(), &mut |progress| {
        if let Progress::Started(started) = progress {
            notices = started.notices;
        }
    })
    .unwrap();
    assert!(notices.iter().any(|notice| notice.contains("begins anew")), "{notices:?}");
    let begun = Checkpoint::read(&other.out).unwrap();
    assert_eq!(begun.description.classes, ["up", "down"]);
    let differs = |name: &&String| {
        begun.tensors[*name].values.iter().zip(&trained.tensors[*name].values).any(|(a, b)| (a - b).abs() > 1e-6)
    };
    let anew: Vec<&String> = trained.tensors.keys().filter(differs).collect();
    assert!(!anew.is_empty() && anew.iter().all(|name| name.starts_with("head.")), "{anew:?}");
    let grey = Config { init: Some("digits".into()), ..other };
    let error = train(&grey).unwrap_err().to_string();
    assert!(error.contains("digits: takes grey pictures"), "{error}");
}

#[test]
fn nothing_is_overwritten_or_resumed_without_reason() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let config = Config { steps: Some(1), ..config(folder.path()) };
    let fails = |config: &Config, what: &str| {
        let text = train(config).unwrap_err().to_string();
        assert!(text.contains(what), "{text}");
    };
    fails(&Config { resume: true, ..config.clone() }, "to continue from");
    train(&config).unwrap();
    fails(&config, "--force");
    fails(&Config { resume: true, lambda: 3.0, ..config.clone() }, "--lambda");
    train(&Config { overwrite: true, ..config.clone() }).unwrap();
    write_data(folder.path(), 7);
    fails(&Config { resume: true, ..config.clone() }, "other pictures");
    fails(&Config { overwrite: true, widths: Some(vec![7, 8]), ..config.clone() }, "group");
    fails(&Config { overwrite: true, holdout: Some(1000), ..config.clone() }, "--holdout");
}

/// A folder of two classes, `count` small pictures each.
fn write_folder(folder: &Path, count: usize) {
    for (class, bright) in [("above", 200), ("below", 60)] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..count {
            let picture = image::RgbImage::from_fn(8, 8, |x, y| {
                let grain = ((x * 7 + y * 3 + index as u32 * 13) % 50) as u8;
                image::Rgb([bright + grain, 60 + grain, index as u8])
            });
            picture.save(folder.join(class).join(format!("{index:03}.png"))).unwrap();
        }
    }
}

/// A run on a folder, and what it said when it began.
fn begin(config: &Config) -> Result<Started> {
    let mut told = None;
    run(config, &Cancel::new(), &mut |event| {
        if let Progress::Started(started) = event {
            told = Some(started);
        }
    })?;
    Ok(told.expect("it began"))
}

fn in_folder(folder: &Path) -> Config {
    let data = folder.join("data");
    Config { data, size: Some(8), holdout: Some(6), ..config(folder) }
}

#[test]
fn a_folder_is_split_by_class_and_its_state_remembers_how() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(folder.path());
    write_folder(&config.data, 10);
    let started = begin(&config).unwrap();
    assert_eq!((started.pictures, started.held_out), (14, 6));
    let record = || super::state::read(&super::state::path(&config.out)).unwrap().0;
    let split = record().split.expect("a run that begins now names its split");
    assert_eq!((split.seed, split.train, split.held_out), (0, 14, 6));
    assert_eq!(record().evaluation.unwrap().pictures, 6);

    // It goes on with the same, whatever the files' times are; not with others.
    let again = Config { resume: true, steps: Some(8), ..config.clone() };
    assert_eq!(train(&again).unwrap().steps, 8);
    assert_eq!(record().split.unwrap(), split);
    std::fs::rename(config.data.join("above/003.png"), config.data.join("above/020.png")).unwrap();
    assert!(train(&again).unwrap_err().to_string().contains("other pictures"));
    std::fs::rename(config.data.join("above/020.png"), config.data.join("above/003.png")).unwrap();
    assert_eq!(train(&Config { steps: Some(9), ..again.clone() }).unwrap().steps, 9);
    write_folder(&config.data, 11);
    assert!(train(&again).unwrap_err().to_string().contains("other pictures"));

    // What the old rule kept aside were the last six, all of the second class. Another seed of the run changes nothing.
    let other = Config { seed: 9, out: folder.path().join("other"), ..config.clone() };
    write_folder(&other.data, 10);
    std::fs::remove_file(other.data.join("above/010.png")).unwrap();
    std::fs::remove_file(other.data.join("below/010.png")).unwrap();
    train(&other).unwrap();
    assert_eq!(super::state::read(&super::state::path(&other.out)).unwrap().0.split.unwrap(), split);
}

#[test]
fn a_state_that_names_no_split_goes_on_with_the_first_pictures_of_the_set() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(folder.path());
    write_folder(&config.data, 10);
    train(&config).unwrap();
    // What such a run wrote: the digest of the first 14 pictures of the folder, and no word about a split.
    let mut hash = sha2::Sha256::default();
    for index in 0..14 {
        let class = if index < 10 { "above" } else { "below" };
        let path = config.data.join(class).join(format!("{:03}.png", index % 10));
        let picture = image::open(path).unwrap().into_rgb8();
        sha2::Digest::update(&mut hash, u32::from(index >= 10).to_le_bytes());
        for channel in 0..3 {
            picture.pixels().for_each(|pixel| sha2::Digest::update(&mut hash, [pixel.0[channel]]));
        }
    }
    let path = super::state::path(&config.out);
    let (mut record, state) = super::state::read(&path).unwrap();
    record.data = format!("{:x}", sha2::Digest::finalize(hash));
    let mut json = serde_json::to_value(&record).unwrap();
    json.as_object_mut().unwrap().remove("split");
    json["config"].as_object_mut().unwrap().remove("split_seed");
    let record: super::state::Record = serde_json::from_value(json).unwrap();
    assert_eq!(record.split, None);
    super::state::write(&path, &record, &state).unwrap();
    let mut told = None;
    let again = Config { resume: true, steps: Some(8), ..config.clone() };
    let summary = run(&again, &Cancel::new(), &mut |event| {
        if let Progress::Started(started) = event {
            told = Some((started.pictures, started.held_out));
        }
    });
    assert_eq!((summary.unwrap().steps, told), (8, Some((14, 6))));
    assert_eq!(super::state::read(&path).unwrap().0.split, None, "it stays with the old rule");
}

#[test]
fn decoded_pictures_are_kept_beside_the_model_and_made_anew_when_they_changed() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { steps: Some(1), overwrite: true, ..in_folder(folder.path()) };
    write_folder(&config.data, 10);
    let kept = folder.path().join("model.safetensors.pictures");
    let digest = || super::state::read(&super::state::path(&config.out)).unwrap().0.data;
    let bytes = || std::fs::read(&kept).unwrap();
    let started = begin(&config).unwrap();
    assert!(started.notices.iter().any(|n| n.contains("model.safetensors.pictures")), "{:?}", started.notices);
    let (first, whole) = (digest(), bytes());
    let written = || std::fs::metadata(&kept).unwrap().modified().unwrap();
    let before = written();
    train(&config).unwrap();
    assert_eq!((digest(), written()), (first.clone(), before), "it is found again");
    // Damaged, it is not trusted.
    let mut damaged = whole.clone();
    damaged[500] ^= 1;
    std::fs::write(&kept, &damaged).unwrap();
    train(&config).unwrap();
    assert!(digest() == first && bytes() == whole);
    // Another size, and another picture of the same name.
    train(&Config { size: Some(16), ..config.clone() }).unwrap();
    assert!(bytes().len() > 3 * whole.len());
    train(&config).unwrap();
    assert!(digest() == first && bytes() == whole);
    image::RgbImage::new(9, 8).save(config.data.join("below/004.png")).unwrap();
    train(&config).unwrap();
    assert_ne!(bytes(), whole);
    // Deleted, it is missed by nobody.
    std::fs::remove_file(&kept).unwrap();
    train(&config).unwrap();
    assert!(kept.is_file());
}

#[test]
fn an_ended_run_that_is_taken_up_again_leaves_its_files_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(folder.path());
    write_folder(&config.data, 10);
    train(&config).unwrap();
    let bytes = || [&config.out, &super::state::path(&config.out)].map(|path| std::fs::read(path).unwrap());
    let (before, again) = (bytes(), Config { resume: true, ..config.clone() });
    let steps = train(&again).unwrap().steps;
    assert!(steps > 0 && bytes() == before);
    std::fs::remove_file(&config.out).unwrap();
    train(&again).unwrap();
    assert!(Checkpoint::read(&config.out).unwrap().description.training.unwrap().steps == steps, "written again");
}

#[test]
fn a_run_that_is_stopped_while_it_reads_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(folder.path());
    write_folder(&config.data, 10);
    let cancel = Cancel::new();
    let mut stop = |event: Progress| {
        if matches!(event, Progress::Reading { .. }) {
            cancel.raise();
        }
    };
    assert!(matches!(run(&config, &cancel, &mut stop), Err(Error::Cancelled)));
    assert!(!config.out.exists() && !super::state::path(&config.out).exists());
}

/// Runs until the data is read and the state is on disk, and stops before the first step.
fn stopped_at_once(config: &Config) -> Result<Summary> {
    let cancel = Cancel::new();
    run(config, &cancel, &mut |event| {
        if matches!(event, Progress::Started(_)) {
            cancel.raise();
        }
    })
}

#[test]
fn a_run_begun_anew_is_the_one_that_resume_goes_on_with() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let old = Config { name: Some("m".to_owned()), ..config(folder.path()) };
    train(&old).unwrap();
    let anew = Config { seed: 9, overwrite: true, ..old.clone() };
    let straight = Config { out: folder.path().join("straight"), ..anew.clone() };
    train(&straight).unwrap();
    // Stopped before its first step, it has saved nothing; the old model is still there, and the old state is not.
    stopped_at_once(&anew).unwrap();
    let error = train(&Config { resume: true, overwrite: false, seed: 5, ..anew.clone() }).unwrap_err().to_string();
    assert!(error.contains("--seed") && error.contains('9'), "{error}");
    train(&Config { resume: true, overwrite: false, ..anew.clone() }).unwrap();
    let (a, b) = (Checkpoint::read(&straight.out).unwrap(), Checkpoint::read(&anew.out).unwrap());
    assert_eq!(a.tensors, b.tensors);
    assert_eq!(b.description.training.unwrap().seed, 9);
}

#[test]
fn a_log_that_is_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let config = config(folder.path());
    std::fs::write(log_path(&config.out), "somebody's table").unwrap();
    let error = train(&config).unwrap_err().to_string();
    assert!(error.contains("model.safetensors.csv is there"), "{error}");
    assert_eq!(std::fs::read_to_string(log_path(&config.out)).unwrap(), "somebody's table");
}

#[test]
fn no_number_in_a_state_does_harm() {
    use safetensors::tensor::SafeTensors;
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let config = Config { steps: Some(2), ..config(folder.path()) };
    train(&config).unwrap();
    let path = state_path(&config.out);
    let bytes = std::fs::read(&path).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let (key, json) = metadata.metadata().as_ref().unwrap().iter().next().unwrap();
    let views: Vec<_> = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let (mut refused, mut taken) = (0, 0);
    for (change, json) in crate::network::hostile::hostile(&serde_json::from_str(json).unwrap()) {
        let metadata = std::collections::HashMap::from([(key.clone(), json)]);
        std::fs::write(&path, safetensors::serialize(views.clone(), Some(metadata)).unwrap()).unwrap();
        match stopped_at_once(&Config { resume: true, steps: None, ..config.clone() }) {
            Ok(_) => taken += 1,
            Err(error) => {
                assert!(!error.to_string().contains('\n'), "{change}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && taken > 10, "{refused} refused, {taken} taken");
}

#[test]
fn the_recipe_beside_a_model_repeats_its_run_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let first = Config { seed: u64::MAX - 3, name: Some("m".to_owned()), ..config(folder.path()) };
    train(&first).unwrap();
    let recipe = Config::of_recipe(&recipe_path(&first.out)).unwrap();
    assert_eq!(recipe, first);
    let again = Config { out: folder.path().join("again.safetensors"), ..recipe };
    train(&again).unwrap();
    let (a, b) = (Checkpoint::read(&first.out).unwrap(), Checkpoint::read(&again.out).unwrap());
    assert_eq!(a.tensors, b.tensors);
    let kept = |out: &Path| super::state::read(&super::state::path(out)).unwrap().0;
    assert_eq!((kept(&first.out).split, kept(&first.out).data), (kept(&again.out).split, kept(&again.out).data));
}
