//! The five most probable classes of a model of many, on exact posteriors.

use super::levels::FEW;
use super::*;
use crate::data::{Loader, Purpose, open};
use crate::joint::GaussianMixture;
use crate::picture::{Noise, Picture, Shape, save};
use crate::study::words::share;
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(1, 12, 12);

fn shade(class: usize) -> f64 {
    0.05 * class as f64
}

/// So many shades, a picture of each, and what `eval` says of them under noise that hides their order.
fn shades(classes: usize, noise: Noise) -> (Samples, Evaluation) {
    let model = (0..classes).fold(GaussianMixture::new(SHAPE, classes), |model, class| {
        model.with(class, 1.0, vec![shade(class); SHAPE.len()], 1e-4)
    });
    let folder = tempfile::tempdir().unwrap();
    for class in 0..classes {
        let path = folder.path().join(format!("class {class}"));
        std::fs::create_dir_all(&path).unwrap();
        save(path.join("0.png"), &Picture::filled(SHAPE, shade(class) as f32), false).unwrap();
    }
    let set = open(folder.path(), Some(SHAPE), Purpose::Measuring).unwrap();
    let samples = Loader::quiet(|loader| Samples::new(set, &model, None, loader)).unwrap();
    let plan = Plan { sigmas: vec![noise.sigma], seed: noise.seed, ..Plan::default() };
    let evaluation = evaluate(&model, &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    (samples, evaluation)
}

#[test]
fn among_many_classes_the_five_most_probable_are_counted() {
    let classes = FEW + 1;
    let noise = Noise { kind: NoiseKind::Gaussian, sigma: 1.5, seed: 1 };
    let (samples, evaluation) = shades(classes, noise);
    let found = (0..classes).filter(|&index| {
        let noisy = noise.apply_nth(&samples.picture(index).unwrap(), index as u64);
        let mean = noisy.values().iter().map(|&v| f64::from(v)).sum::<f64>() / SHAPE.len() as f64;
        // Classes of one variance and weight are as probable as their shades are near the picture's mean.
        let gap = |class: usize| (mean - shade(class)).abs();
        let label = samples.label(index);
        (0..classes).filter(|&class| gap(class) < gap(label)).count() < 5
    });
    let found = found.count() as f64 / classes as f64;
    let figures = &evaluation.by_sigma[0];
    assert!(figures.accuracy < found && found < 1.0, "{found} {figures:?}");
    assert_eq!(figures.top5_accuracy, Some(found));
    assert!(csv::table(&evaluation).contains(&format!(",top5_accuracy,{found}")));
    let table = &tables(&evaluation)[0];
    assert_eq!(table.head[3], "top-5 accuracy");
    assert!(table.rows[0][3].starts_with(&share(found)), "{table:?}");
    assert!(table.rows.iter().all(|row| row.len() == table.head.len()));
}

#[test]
fn few_classes_need_no_second_figure() {
    let (_, evaluation) = shades(FEW, Noise { kind: NoiseKind::Gaussian, sigma: 1.5, seed: 1 });
    assert_eq!(evaluation.by_sigma[0].top5_accuracy, None);
    let table = &tables(&evaluation)[0];
    assert_eq!(table.head[3], "ECE");
    assert!(table.rows.iter().all(|row| row.len() == table.head.len()));
    assert!(!csv::table(&evaluation).contains("top5"));
}
