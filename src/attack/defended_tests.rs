//! Defences and the attacks that know them, against the Gaussian-mixture oracle.

use super::tests::{SIGMA, attack, distance_of_two, five, mean, mixture, pictures, two};
use super::*;
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};
use crate::task::Cancel;

#[test]
fn a_defence_votes_as_often_as_noise_keeps_a_picture_on_its_side() {
    // Neither noise nor the denoiser moves the boundary, a plane at distance d, and the denoiser takes no picture across it:
    // noise of deviation d keeps Φ(1) of the draws on their side, of deviation 2d Φ(½).
    let model = two();
    let (clean, labels) = pictures(&model, 2);
    for (i, &label) in labels.iter().enumerate() {
        let distance = distance_of_two(clean.row(i), label) as f32;
        for (deviations, share) in [(1.0, 0.8413), (2.0, 0.6915)] {
            let sigma = deviations * distance;
            let straight = Through::Straight;
            let purified =
                Defence::Purification { sigma, rounds: 1, through: straight, draws: 1, votes: 1000, fixed: false };
            for (defence, told) in [(Defence::Vote { draws: 1, votes: 1000, fixed: false }, sigma), (purified, SIGMA)] {
                let settings = Settings { defence, ..Settings::new(Method::Fgsm, told) };
                let before =
                    &attack(&model, &Batch::of([&clean.picture(i)]), &labels[i..=i], &settings)[0].posterior_before;
                // Four standard deviations of a share of 1000.
                assert!((before[label] - share).abs() < 0.06, "{defence}: {} for {share}", before[label]);
            }
        }
    }
}

#[test]
fn fixed_noise_is_the_noise_that_a_person_sees() {
    let model = five();
    let (clean, labels) = pictures(&model, 1);
    let settings = Settings { defence: Defence::FixedNoise { seed: 9 }, ..Settings::new(Method::Fgsm, SIGMA) };
    let outcome = &attack(&model, &clean, &labels, &settings)[0];
    for (picture, posterior) in
        [(clean.picture(0), &outcome.posterior_before), (outcome.attacked.clone(), &outcome.posterior_after)]
    {
        let noisy = crate::picture::Noise::gaussian(SIGMA, 9).apply(&picture);
        let expected = model.forward(&Batch::of([&noisy]), &[SIGMA]).unwrap().posterior_of(0);
        assert!(expected.iter().zip(posterior).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}

#[test]
fn defended_gradients_agree_with_finite_differences() {
    // Two components a class, so that the denoiser is far from linear.
    let model = mixture(&[mean(0.4, 0), mean(0.55, 3), mean(0.45, 1)]).with(0, 0.7, mean(0.6, 2), 0.02);
    let (clean, _) = pictures(&five(), 2);
    let cotangents = [0.7, -1.0, 0.3, -0.2, -0.3, 0.5];
    let rounds = |rounds| match Defence::purification(0.15) {
        Defence::Purification { sigma, through, draws, votes, fixed, .. } => {
            Defence::Purification { sigma, rounds, through, draws, votes, fixed }
        }
        other => other,
    };
    for defence in [Defence::VOTE, rounds(1), rounds(3)] {
        let classifier = defence.classifier(&model, SIGMA, 3);
        let streams = [4, 5];
        let value = |pictures: &Batch, index: usize| {
            let judgement = classifier.judge(pictures, &streams, 7).unwrap();
            let logits = &judgement.logits()[index * 3..][..3];
            logits.iter().zip(&cotangents[index * 3..]).map(|(l, w)| l * f64::from(*w)).sum::<f64>()
        };
        let gradients = classifier.judge(&clean, &streams, 7).unwrap().gradients(&cotangents).unwrap();
        for index in 0..2 {
            for k in [0, 5, 11] {
                let moved = |h: f32| {
                    let mut moved = clean.clone();
                    moved.row_mut(index)[k] += h;
                    value(&moved, index)
                };
                let difference = (moved(2e-3) - moved(-2e-3)) / 4e-3;
                let gradient = f64::from(gradients.row(index)[k]);
                assert!(
                    (difference - gradient).abs() < 2e-3 + 5e-3 * gradient.abs(),
                    "{defence}: {difference} {gradient}"
                );
            }
        }
    }
}

#[test]
fn defences_are_attacked_through_themselves() {
    let model = two();
    let (clean, labels) = pictures(&model, 4);
    let straight =
        Defence::Purification { sigma: 0.1, rounds: 1, through: Through::Straight, draws: 2, votes: 9, fixed: false };
    for defence in [Defence::VOTE, Defence::purification(0.1), straight] {
        let settings = Settings { defence, seed: 2, ..Settings::new(Method::Pgd, SIGMA).within(Norm::L2, 2.0) };
        let outcomes = attack(&model, &clean, &labels, &settings);
        for (i, outcome) in outcomes.iter().enumerate() {
            // The mixture's planes stay its planes under noise and denoising, so far beyond them no vote is left.
            assert!(outcome.success, "{defence}");
            assert!((outcome.posterior_after.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert_eq!(outcome.warnings.contains(&Warning::StraightThrough), defence == straight);
            let one = Settings { first: i as u64, ..settings.clone() };
            assert_eq!(&attack(&model, &Batch::of([&clean.picture(i)]), &labels[i..=i], &one)[0], outcome, "{defence}");
        }
    }
    let none =
        Settings { defence: Defence::Vote { draws: 0, votes: 1, fixed: false }, ..Settings::new(Method::Pgd, SIGMA) };
    let error = run(&model, &clean, &labels, &none, &Cancel::new(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("--defence"));
}

#[test]
fn fixed_noise_decides_by_the_draws_that_gradients_are_over_and_is_no_harder_than_that_noise() {
    let model = two();
    let (clean, labels) = pictures(&model, 4);
    // A plane at this distance: noise of twice that deviation, of which the first draws may take a picture across or not.
    let sigma = 2.0 * distance_of_two(clean.row(0), labels[0]) as f32;
    let defence = |fixed| Defence::Vote { draws: 5, votes: 5, fixed };
    let classifier = |fixed| defence(fixed).classifier(&model, sigma, 3);
    let streams = [0, 1, 2, 3];
    let judged = |fixed, query| classifier(fixed).judge(&clean, &streams, query).unwrap().logits().to_vec();
    assert_eq!(judged(true, 0), judged(true, 9), "every question has the same noise");
    assert_ne!(judged(false, 0), judged(false, 9));
    // One draw: what judges is what decides.
    let one = Defence::Vote { draws: 1, votes: 1, fixed: true }.classifier(&model, sigma, 3);
    let logits = one.judge(&clean, &streams, 4).unwrap().logits().to_vec();
    let verdict = one.verdict(&clean, &streams).unwrap();
    for (judged, decided) in logits.chunks_exact(2).zip(verdict.chunks_exact(2)) {
        assert_eq!(judged[0] > judged[1], decided[0] > decided[1]);
    }
    // Whoever knows the one draw moves the picture by the distance of the noisy one; unknown noise takes more or less.
    let epsilon = 4.0 * distance_of_two(clean.row(0), labels[0]);
    let one = Defence::Vote { draws: 1, votes: 1, fixed: true };
    let settings = Settings { defence: one, ..Settings::new(Method::Pgd, sigma).within(Norm::L2, epsilon) };
    for (index, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
        let right = outcome.posterior_before[labels[index]] > 0.5;
        let mut noise = vec![0.0; clean.row(0).len()];
        crate::picture::normals::fill(0, index as u64, 0, &mut noise);
        let noisy: Vec<f32> = clean.row(index).iter().zip(&noise).map(|(x, n)| x + sigma * n).collect();
        let told = model.forward(&Batch::of([&Picture::new(clean.shape(), noisy)]), &[sigma]).unwrap().posterior_of(0);
        assert_eq!(right, told[labels[index]] > 0.5, "the noise of the picture's number");
    }
}
