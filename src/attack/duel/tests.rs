//! Duels of mixtures, whose posteriors are known in closed form.

use super::{Aim, Asked, Duel, DuelSettings, Norm, Objective, Said, divergence, duel};
use crate::joint::{GaussianMixture, JointModel, Pairing};
use crate::picture::{Picture, Shape};
use crate::task::Cancel;
use crate::{Error, Result};

const SHAPE: Shape = Shape::new(1, 1, 2);
const SIGMA: f32 = 0.05;
const VARIANCE: f64 = 0.02;

/// Two classes of one variance around two points: log p(1 | y) − log p(0 | y) is a plane over the pictures.
fn two(means: [[f64; 2]; 2]) -> GaussianMixture {
    let empty = GaussianMixture::new(SHAPE, 2).named(&["cat", "dog"]);
    means
        .into_iter()
        .enumerate()
        .fold(empty, |mixture, (class, mean)| mixture.with(class, 1.0, mean.to_vec(), VARIANCE))
}

/// The plane in closed form: log-odds of class 1 against class 0.
fn odds(means: [[f64; 2]; 2], y: [f64; 2]) -> f64 {
    let square = |mean: [f64; 2]| (y[0] - mean[0]).powi(2) + (y[1] - mean[1]).powi(2);
    (square(means[0]) - square(means[1])) / (2.0 * (VARIANCE + f64::from(SIGMA).powi(2)))
}

fn bernoulli(odds: f64) -> [f64; 2] {
    [1.0 / (1.0 + odds.exp()), 1.0 / (1.0 + (-odds).exp())]
}

/// A tells them apart by the first value, B by a slanting line.
const A: [[f64; 2]; 2] = [[0.3, 0.5], [0.7, 0.5]];
const B: [[f64; 2]; 2] = [[0.3, 0.3], [0.62, 0.8]];
const CLEAN: [f32; 2] = [0.42, 0.44];

fn settings(norm: Norm, epsilon: f64) -> DuelSettings {
    DuelSettings { norm, epsilon, sigma: [Some(SIGMA); 2], ..DuelSettings::default() }
}

fn run(models: [&dyn JointModel; 2], clean: &Picture, settings: &DuelSettings) -> Result<Duel> {
    let mut last = (0, 0);
    let found = duel(models, clean, settings, &Cancel::new(), &mut |step| {
        assert!(step.done <= step.total && step.done >= last.0, "{} of {}", step.done, step.total);
        last = (step.done, step.total);
    })?;
    assert!(found.picture.values().iter().all(|v| (0.0..=1.0).contains(v)));
    Ok(found)
}

fn clean() -> Picture {
    Picture::new(SHAPE, CLEAN.to_vec())
}

/// The largest divergence of the closed forms on a fine grid over the ball.
fn by_grid(norm: Norm, epsilon: f64) -> f64 {
    let steps = 400;
    let mut most = 0.0_f64;
    for i in 0..=steps {
        for j in 0..=steps {
            let [dx, dy] = [i, j].map(|k: i32| epsilon * (2.0 * f64::from(k) / f64::from(steps) - 1.0));
            // For L2 the square is bent into the disc, so that the boundary is on the grid.
            let (dx, dy) = match norm {
                Norm::Linf => (dx, dy),
                Norm::L2 => {
                    (dx * (1.0 - 0.5 * (dy / epsilon).powi(2)).sqrt(), dy * (1.0 - 0.5 * (dx / epsilon).powi(2)).sqrt())
                }
            };
            let y = [f64::from(CLEAN[0]) + dx, f64::from(CLEAN[1]) + dy];
            most = most.max(divergence(&bernoulli(odds(A, y)), &bernoulli(odds(B, y))));
        }
    }
    most
}

#[test]
fn the_widest_picture_is_the_one_of_the_closed_form() {
    let (a, b) = (two(A), two(B));
    for norm in Norm::ALL {
        for epsilon in [0.05, 0.2] {
            let found = run([&a, &b], &clean(), &settings(norm, epsilon)).unwrap();
            let most = by_grid(norm, epsilon);
            let reached = found.after.divergence;
            assert!((0.995 * most..=1.001 * most).contains(&reached), "{norm} {epsilon}: {reached} of {most}");
            assert!(found.achieved.in_norm(norm) <= epsilon + 1e-6 && found.after.divergence > found.before.divergence);
            // What it says is what the closed forms say of that picture.
            let y = [0, 1].map(|i: usize| f64::from(found.picture.values()[i]));
            let exact = divergence(&bernoulli(odds(A, y)), &bernoulli(odds(B, y)));
            assert!((exact - reached).abs() < 1e-6, "{exact} {reached}");
        }
    }
}

#[test]
fn the_gradient_is_that_of_the_closed_form() {
    // B's classes in another order, so that its cotangents have to be reordered.
    let turned = GaussianMixture::new(SHAPE, 2).named(&["dog", "cat"]).with(0, 1.0, B[1].to_vec(), VARIANCE).with(
        1,
        1.0,
        B[0].to_vec(),
        VARIANCE,
    );
    let a = two(A);
    let models: [&dyn JointModel; 2] = [&a, &turned];
    let (picture, cancel) = (clean(), Cancel::new());
    let pairing = Pairing::of(models).unwrap();
    let mut asked = Asked { models, pairing, sigma: [SIGMA; 2], clean: &picture, cancel: &cancel, queries: 0 };
    let yields = |p: [[f64; 2]; 2], side: usize, class: usize| (1.0 - p[side][class]).ln() + p[1 - side][class].ln();
    let value = |objective: Objective, y: [f64; 2]| {
        let p = [bernoulli(odds(A, y)), bernoulli(odds(B, y))];
        match objective {
            Objective::Divergence => divergence(&p[0], &p[1]),
            Objective::Yields { side, class } => yields(p, side, class),
        }
    };
    for objective in
        [Objective::Divergence, Objective::Yields { side: 0, class: 0 }, Objective::Yields { side: 1, class: 0 }]
    {
        let y = CLEAN.map(f64::from);
        let slope = [0, 1].map(|i: usize| {
            let at = |h: f64| {
                let mut moved = y;
                moved[i] += h;
                value(objective, moved)
            };
            (at(1e-6) - at(-1e-6)) / 2e-6
        });
        let (_, found, gradient) = asked.climb(&CLEAN, objective).unwrap();
        assert!((found - value(objective, y)).abs() < 1e-6);
        // Known up to a positive factor.
        let length = |v: [f64; 2]| v[0].hypot(v[1]);
        let gradient = [f64::from(gradient[0]), f64::from(gradient[1])];
        let cosine = (slope[0] * gradient[0] + slope[1] * gradient[1]) / (length(slope) * length(gradient));
        assert!(cosine > 1.0 - 1e-8, "{objective:?}: {slope:?} {gradient:?}");
    }
}

#[test]
fn the_nearest_picture_lies_on_the_nearer_of_the_two_borders() {
    let (a, b) = (two(A), two(B));
    let y = CLEAN.map(f64::from);
    for norm in Norm::ALL {
        // The distance to a plane: log-odds over the dual norm of the slope.
        let distance = |means: [[f64; 2]; 2]| {
            let scale = VARIANCE + f64::from(SIGMA).powi(2);
            let slope = [0, 1].map(|i: usize| (means[1][i] - means[0][i]) / scale);
            let dual = match norm {
                Norm::L2 => slope[0].hypot(slope[1]),
                Norm::Linf => slope[0].abs() + slope[1].abs(),
            };
            odds(means, y).abs() / dual
        };
        let nearest = distance(A).min(distance(B));
        for start in [0.01, 0.3] {
            let asked = DuelSettings { aim: Aim::Nearest, ..settings(norm, start) };
            let found = run([&a, &b], &clean(), &asked).unwrap();
            assert!(found.found && found.after.disagree());
            let reached = found.achieved.in_norm(norm);
            assert!((0.999 * nearest..1.02 * nearest).contains(&reached), "{norm} {start}: {reached} of {nearest}");
        }
    }
}

#[test]
fn models_that_are_certain_are_led_apart_all_the_same() {
    // Log-odds of −160 and −144: the divergence and its gradient are 0 in double precision.
    let sharp = |means: [[f64; 2]; 2]| {
        let empty = GaussianMixture::new(SHAPE, 2).named(&["cat", "dog"]);
        means.into_iter().enumerate().fold(empty, |m, (class, mean)| m.with(class, 1.0, mean.to_vec(), 1e-4))
    };
    let (a, b) = (sharp([[0.3, 0.5], [0.7, 0.5]]), sharp([[0.5, 0.28], [0.5, 0.68]]));
    let asked = DuelSettings { sigma: [Some(0.01); 2], ..settings(Norm::L2, 0.15) };
    let picture = Picture::new(SHAPE, vec![0.42, 0.41]);
    let found = run([&a, &b], &picture, &asked).unwrap();
    assert!(found.before.divergence < 1e-12 && found.after.divergence > 0.999, "{:?}", found.after);
}

#[test]
fn models_that_agree_everywhere_find_nothing_and_ones_that_differ_already_need_nothing() {
    let a = two(A);
    let asked = DuelSettings { aim: Aim::Nearest, steps: 5, ..settings(Norm::Linf, 0.1) };
    let found = run([&a, &a], &clean(), &asked).unwrap();
    assert!(!found.found && !found.after.disagree() && found.after.divergence < 1e-9);
    let mirrored = two([A[1], A[0]]);
    let found = run([&a, &mirrored], &clean(), &asked).unwrap();
    assert!(found.found && found.achieved.l2 == 0.0 && found.before.disagree());
}

#[test]
fn the_seed_alone_decides_and_a_raised_flag_ends_it() {
    let (a, b) = (two(A), two(B));
    let asked = settings(Norm::L2, 0.1);
    let once = run([&a, &b], &clean(), &asked).unwrap();
    assert_eq!(once, run([&a, &b], &clean(), &asked).unwrap());
    assert_eq!(once.queries, 3 * (asked.steps + 1) + 2, "the clean picture, the runs, the result");
    let cancel = Cancel::new();
    cancel.raise();
    assert!(matches!(duel([&a, &b], &clean(), &asked, &cancel, &mut |_| ()), Err(Error::Cancelled)));
}

#[test]
fn what_cannot_be_set_against_each_other_is_refused_with_its_option() {
    let a = two(A);
    let refusal = |b: &dyn JointModel, settings: &DuelSettings| {
        duel([&a, b], &clean(), settings, &Cancel::new(), &mut |_| ()).unwrap_err().to_string()
    };
    let usual = settings(Norm::L2, 0.1);
    let other = refusal(&GaussianMixture::new(SHAPE, 3), &usual);
    assert!(other.starts_with("--with: has other classes"), "{other}");
    assert!(refusal(&GaussianMixture::new(SHAPE, 1), &usual).starts_with("--with: a duel needs classes"));
    assert!(refusal(&GaussianMixture::new(Shape::new(1, 2, 2), 2), &usual).starts_with("--with: takes 1×2×2"));
    for (wrong, option) in [
        (DuelSettings { epsilon: f64::NAN, ..usual }, "--epsilon"),
        (DuelSettings { epsilon: -1.0, ..usual }, "--epsilon"),
        (DuelSettings { steps: 0, ..usual }, "--steps"),
        (DuelSettings { sigma: [None, Some(-0.1)], ..usual }, "--sigma"),
    ] {
        let words = refusal(&a, &wrong);
        assert!(words.starts_with(option), "{words}");
    }
}

#[test]
fn what_is_said_is_counted_in_a_order() {
    let said = Said::of(&[vec![0.9_f64.ln(), 0.1_f64.ln()], vec![0.2_f64.ln(), 0.8_f64.ln()]]);
    assert_eq!((said.predicted, said.disagree()), ([0, 1], true));
    assert!((said.divergence - divergence(&[0.9, 0.1], &[0.2, 0.8])).abs() < 1e-12);
}
