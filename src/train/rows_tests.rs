use super::super::augment::Augmentation;
use std::sync::Arc;

use super::super::batches::{Orders, Sampler, TrainingBatch};
use super::*;
use crate::data::DataSet;
use crate::joint::SigmaRange;
use crate::picture::Shape;

/// Seven grey 2×2 pictures whose bytes tell their number.
fn sampler(options: RowOptions) -> Sampler {
    let pixels = (0..7 * 4).map(|i| (i / 4 * 30) as u8).collect();
    let names = ["0", "1", "2", "3", "4", "5", "6"];
    Sampler {
        data: Arc::new(DataSet::in_memory(&names, Shape::new(1, 2, 2), (0..7).collect(), pixels)),
        pictures: 7,
        batch: 20,
        seed: 11,
        sigmas: SigmaRange { min: 0.01, max: 1.0 },
        levels: NoiseLevels::LogUniform,
        augmentation: Augmentation::NONE,
        conditional: 0.1,
        counterfactual: None,
        special: Special { options },
    }
}

fn batches(sampler: &Sampler, steps: u64) -> Vec<TrainingBatch> {
    (0..steps).map(|step| sampler.batch(step, &mut Orders::default()).unwrap()).collect()
}

/// The grey of each row's picture, on the scale of bytes.
fn clean(batch: &TrainingBatch) -> Vec<f32> {
    let first = |row: usize| 255.0 * (batch.noisy[4 * row] - batch.sigmas[row] * batch.noise[4 * row]);
    (0..batch.sigmas.len()).map(first).collect()
}

#[test]
fn rows_of_each_kind_stand_in_their_order_and_both_parts_are_means_over_theirs() {
    let options = RowOptions { classify_share: 0.3, denoise_share: 0.1, ..RowOptions::default() };
    let sampler = sampler(options);
    let kinds = sampler.special.kinds(20);
    let expected = Kinds { joint: 0..12, denoise: 12..14, classify: 14..20, adversarial: 20..20 };
    assert_eq!(kinds, expected);
    for batch in batches(&sampler, 30) {
        let parts = batch.parts.as_ref().unwrap();
        let (classes, score): (Vec<f32>, Vec<f32>) = parts.iter().map(|p| (p.cross_entropy, p.score)).unzip();
        let expected = |of: &dyn Fn(usize) -> bool, count: f32| -> Vec<f32> {
            (0..20).map(|row| if of(row) { 20.0 / count } else { 0.0 }).collect()
        };
        assert_eq!(classes, expected(&|row| !(12..14).contains(&row), 18.0));
        assert_eq!(score, expected(&|row| row < 14, 14.0));
        assert!((classes.iter().sum::<f32>() - 20.0).abs() < 1e-4 && (score.iter().sum::<f32>() - 20.0).abs() < 1e-4);
        assert!(batch.classes[..2].iter().all(Option::is_some) && batch.classes[2..].iter().all(Option::is_none));
        for (row, grey) in clean(&batch).into_iter().enumerate() {
            assert!((grey - 30.0 * batch.labels[row] as f32).abs() < 1e-2, "{grey} of row {row}");
        }
    }
}

/// A hole that covers the whole picture, whose middle lies anywhere in it.
#[test]
fn holes_are_in_the_rows_of_the_classes_alone_where_there_are_such() {
    let augmentation = Augmentation { hole: 6, ..Augmentation::NONE };
    let hidden =
        |batch: &TrainingBatch| -> Vec<bool> { clean(batch).iter().map(|grey| (grey - 127.5).abs() < 1e-2).collect() };
    let some = Sampler { augmentation, ..sampler(RowOptions { classify_share: 0.3, ..RowOptions::default() }) };
    for batch in batches(&some, 5) {
        assert_eq!(hidden(&batch), (0..20).map(|row| row >= 14).collect::<Vec<_>>());
    }
    let all = Sampler { augmentation, ..sampler(RowOptions::default()) };
    assert!(batches(&all, 5).iter().flat_map(hidden).all(|hidden| hidden));
}

#[test]
fn without_options_rows_are_as_they_always_were() {
    let plain = sampler(RowOptions::default());
    for batch in batches(&plain, 3) {
        assert_eq!(batch.parts, None);
    }
    // Rows of other kinds leave those before them alone.
    let some = sampler(RowOptions { classify_share: 0.5, ..RowOptions::default() });
    for (a, b) in batches(&plain, 3).into_iter().zip(batches(&some, 3)) {
        assert_eq!((a.noisy, a.sigmas, a.labels), (b.noisy, b.sigmas, b.labels));
    }
}

#[test]
fn the_rows_of_the_classes_have_a_law_of_their_own() {
    let law = NoiseLevels::LogNormal { median: 0.02, spread: 0.2 };
    let options = RowOptions { classify_share: 0.5, classify_sigma_distribution: Some(law), ..RowOptions::default() };
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for batch in batches(&sampler(options), 200) {
        others.extend_from_slice(&batch.sigmas[..10]);
        own.extend_from_slice(&batch.sigmas[10..]);
    }
    // Of a normal law 68.3 % lie within a deviation: 2000 draws, five deviations of 1 %. Of the log-uniform law, 8.7 %.
    let within = |sigmas: &[f32]| {
        let near = sigmas.iter().filter(|sigma| ((**sigma / 0.02).ln() / 0.2).abs() < 1.0).count();
        near as f64 / sigmas.len() as f64
    };
    assert!((within(&own) - 0.683).abs() < 0.052 && within(&others) < 0.13, "{} {}", within(&own), within(&others));
}

#[test]
fn a_mixture_is_of_two_pictures_by_the_law_and_so_is_its_label() {
    let options = RowOptions { classify_share: 1.0, mixup: 0.4, ..RowOptions::default() };
    let mut shares = Vec::new();
    for batch in batches(&sampler(options), 200) {
        let parts = batch.parts.as_ref().unwrap();
        for (row, grey) in clean(&batch).into_iter().enumerate() {
            let (own, other, share) = (batch.labels[row] as f32, parts[row].other as f32, parts[row].share);
            assert!((grey - 30.0 * ((1.0 - share) * own + share * other)).abs() < 1e-2, "{grey} of row {row}");
            shares.push(f64::from(share));
        }
    }
    assert!(shares.iter().all(|share| (0.0..=0.5).contains(share)));
    // min(b, 1 − b) of b ~ Beta(a, a): E[b(1 − b)] = a/(2(2a + 1)) = 0.4/3.6.
    let mean = shares.iter().map(|s| s * (1.0 - s)).sum::<f64>() / shares.len() as f64;
    assert!((mean - 0.4 / 3.6).abs() < 0.006, "{mean}");
}

#[test]
fn the_smallest_parameters_mix_nothing_and_break_nothing() {
    for mixup in [f64::MIN_POSITIVE / 1e12, f64::MIN_POSITIVE, 1e-30, 1e-9] {
        let special = Special { options: RowOptions { classify_share: 1.0, mixup, ..RowOptions::default() } };
        for draw in 0..200 {
            let (index, share) = special.mixed_with(7, 3, draw).unwrap();
            assert!(index < 7 && (0.0..1e-6).contains(&share), "{mixup}: {share}");
        }
    }
}

#[test]
fn attacked_rows_stand_last_at_the_smallest_noise_and_train_the_classes() {
    let how = "pgd:8/255:2".parse().unwrap();
    let options =
        RowOptions { classify_share: 0.2, adversarial: Some(how), adversarial_share: 0.3, ..RowOptions::default() };
    for (step, batch) in batches(&sampler(options), 4).into_iter().enumerate() {
        let attacked = batch.attacked.unwrap();
        assert_eq!((attacked.rows.clone(), attacked.how, attacked.first), (14..20, how, 20 * step as u64));
        assert!(batch.sigmas[14..].iter().all(|sigma| *sigma == 0.01), "the smallest trained: 1/255 is below");
        let parts = batch.parts.unwrap();
        assert!(parts[14..].iter().all(|part| part.score == 0.0 && (part.cross_entropy - 1.0).abs() < 1e-6));
        assert!(parts[..10].iter().all(|part| (part.score - 2.0).abs() < 1e-6));
    }
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let check = |options: RowOptions, others: f32| options.check(others).map_err(|error| error.to_string());
    let usual = RowOptions::default;
    check(RowOptions { classify_share: 0.3, denoise_share: 0.6, ..usual() }, 0.1).unwrap();
    for (options, name) in [
        (RowOptions { classify_share: 0.6, denoise_share: 0.5, ..usual() }, "--classify-share"),
        (RowOptions { denoise_share: f32::NAN, ..usual() }, "--denoise-share"),
        (RowOptions { mixup: -1.0, ..usual() }, "--mixup"),
        (RowOptions { mixup: 0.2, ..usual() }, "--mixup"),
        (
            RowOptions { classify_sigma_distribution: Some(NoiseLevels::Uniform), ..usual() },
            "--classify-sigma-distribution",
        ),
        (RowOptions { adversarial_share: 1.5, ..usual() }, "--adversarial-share"),
    ] {
        let said = check(options, 0.0).unwrap_err();
        assert!(said.starts_with(name), "{said}");
    }
}
