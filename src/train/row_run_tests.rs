//! Whole runs on photographs without classes, and of every kind of row.

use std::path::Path;

use super::tests::{config, train, write_data};
use super::*;
use crate::Error;
use crate::network::Checkpoint;
use crate::task::Cancel;

#[test]
fn photographs_without_classes_are_trained_on_at_their_own_size() {
    let folder = tempfile::tempdir().unwrap();
    let photographs = folder.path().join("photographs");
    std::fs::create_dir(&photographs).unwrap();
    for number in 0..12_u32 {
        // Stripes of one pixel, which no scaled picture has.
        let stripes = image::RgbImage::from_fn(40 + number, 36, |x, y| {
            let value = if (x + number * y) % 2 == 0 { 40 } else { 200 };
            image::Rgb([value, value, 20 * number as u8])
        });
        stripes.save(photographs.join(format!("{number}.png"))).unwrap();
    }
    let config = Config {
        data: photographs,
        out: folder.path().join("model.safetensors"),
        size: Some(16),
        objective: Objective::Denoise,
        conditional_share: 0.0,
        counterfactual_share: 0.0,
        crop: None,
        holdout: Some(2),
        steps: None,
        epochs: Some(0.2),
        ..config(folder.path())
    };
    let mut started = None;
    let summary = run(&config, &Cancel::new(), &mut |progress| {
        if let Progress::Started(told) = progress {
            started = Some(told);
        }
    })
    .unwrap();
    let started = started.unwrap();
    // Ten of them give 2×2 or 3×2 crops each; of the other two at most eight are measured.
    assert!((40..=60).contains(&started.pictures) && (8..=12).contains(&started.held_out), "{started:?}");
    assert!(summary.evaluation.unwrap().denoiser, "there is no accuracy to speak of");
    let log = read_log(&log_path(&config.out), 0).unwrap().entries;
    assert!(log.iter().any(|e| e.psnr.is_some()) && log.iter().all(|e| e.accuracy.is_none()), "{log:?}");
    assert_eq!(summary.steps, (0.2 * started.pictures as f64 / 4.0).ceil() as u64);
    let model = Checkpoint::read(&config.out).unwrap().description;
    assert_eq!((model.classes.as_slice(), model.image.height), (&["photograph".to_owned()][..], 16));
    // The stripes are there in full: their deviation is 80, not that of a picture shrunk to a third.
    assert!((model.deviation - 80.0 / 255.0).abs() < 0.06, "{}", model.deviation);
    let error = train(&Config { objective: Objective::Classify, overwrite: true, ..config.clone() }).unwrap_err();
    assert!(matches!(&error, Error::Option { option, .. } if option == "--objective"), "{error}");
    // Below folders they are classes, unless they are said to be none.
    let nested = Config { data: folder.path().to_owned(), photographs: true, overwrite: true, ..config };
    train(&nested).unwrap();
    assert_eq!(Checkpoint::read(&nested.out).unwrap().description.classes.len(), 1);
}

/// Every kind of row at once.
fn every_row(folder: &Path) -> Config {
    Config {
        batch: 20,
        steps: Some(6),
        counterfactual_share: 0.0,
        conditional_share: 0.1,
        name: Some("m".to_owned()),
        rows: RowOptions {
            classify_share: 0.2,
            denoise_share: 0.1,
            classify_sigma_distribution: Some("log-normal:0.02:1".parse().unwrap()),
            mixup: 0.3,
            adversarial: Some("pgd:8/255:2".parse().unwrap()),
            adversarial_share: 0.2,
            learned_weights: true,
        },
        ..config(folder)
    }
}

#[test]
fn a_run_of_every_kind_of_row_is_resumed_and_repeated_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path(), 6);
    let straight = every_row(folder.path());
    let summary = train(&straight).unwrap();
    assert!(summary.evaluation.unwrap().robust.is_some());
    let mut parts = Config { out: folder.path().join("parts"), log_every: 1, ..straight.clone() };
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
    let again = Config { out: folder.path().join("again"), ..Config::of_recipe(&recipe_path(&straight.out)).unwrap() };
    train(&again).unwrap();
    let read = |config: &Config| Checkpoint::read(&config.out).unwrap().tensors;
    assert!(read(&straight) == read(&parts) && read(&straight) == read(&again));
    // Each option changes what is learned.
    let kinds: [fn(&mut RowOptions); 5] = [
        |rows| rows.mixup = 0.0,
        |rows| rows.learned_weights = false,
        |rows| rows.adversarial = Some("n-fgsm:8/255".parse().unwrap()),
        |rows| rows.classify_sigma_distribution = None,
        |rows| rows.denoise_share = 0.2,
    ];
    for (number, change) in kinds.into_iter().enumerate() {
        let mut other = Config { out: folder.path().join("other"), overwrite: true, ..straight.clone() };
        change(&mut other.rows);
        train(&other).unwrap();
        assert!(read(&other) != read(&straight), "change {number}");
    }
    let moved = Config { resume: true, rows: RowOptions { mixup: 0.9, ..straight.rows.clone() }, ..straight };
    assert!(train(&moved).unwrap_err().to_string().contains("--mixup"));
}

#[test]
fn options_of_rows_that_cannot_be_are_refused_before_anything_is_read() {
    let usual = Config::new("nowhere", "out");
    let refused = |config: Config, name: &str| {
        let said = config.check().unwrap_err().to_string();
        assert!(said.starts_with(name) && !said.contains('\n'), "{said}");
    };
    let rows = |rows: RowOptions| Config { rows, ..usual.clone() };
    let attacked = RowOptions { adversarial: Some("n-fgsm:0.1".parse().unwrap()), ..RowOptions::default() };
    refused(Config { objective: Objective::Denoise, ..rows(attacked.clone()) }, "--adversarial");
    refused(Config { conditional_share: 0.6, ..rows(attacked) }, "--classify-share");
}
