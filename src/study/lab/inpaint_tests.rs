//! Fills against conditional distributions that are known in closed form.

use super::*;
use crate::joint::GaussianMixture;

const SHAPE: Shape = Shape::new(1, 2, 4);
/// One hole of four values.
const HOLE: Region = Region { x: 1, y: 0, width: 2, height: 2 };

/// An autoregression along the values, row after row.
fn covariance(variance: f64, correlation: f64) -> Vec<f64> {
    let n = SHAPE.len();
    let entry = |i: usize, j: usize| variance * correlation.powi(i.abs_diff(j) as i32);
    (0..n).flat_map(|i| (0..n).map(move |j| entry(i, j))).collect()
}

fn request(measurement: Measurement, picture: Picture, count: usize, way: FillWay) -> InpaintRequest {
    let (guidance, levels) = (None, (2.0, 0.004));
    InpaintRequest { picture, measurement, has_truth: true, count, guidance, levels, way, frames: 0, seed: 11 }
}

const ANNEALED: FillWay = FillWay::Annealed { steps: 40, corrections: 4, candidates: 1 };

fn filled(model: &dyn JointModel, request: &InpaintRequest) -> Fills {
    inpaint(model, request, &Cancel::new(), &mut |_, _| ()).unwrap()
}

fn picture() -> Picture {
    Picture::new(SHAPE, vec![0.9, 0.1, 0.4, 0.2, 0.7, 0.6, 0.3, 0.8])
}

/// The inverse of a symmetric positive definite matrix, by Gauss and Jordan.
fn inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let unit = |i: usize| (0..n).map(move |j| f64::from(u8::from(i == j)));
    let mut rows: Vec<Vec<f64>> =
        matrix.iter().enumerate().map(|(i, row)| row.iter().copied().chain(unit(i)).collect()).collect();
    for pivot in 0..n {
        let by = rows[pivot][pivot];
        rows[pivot].iter_mut().for_each(|v| *v /= by);
        let used = rows[pivot].clone();
        for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != pivot) {
            let _ = index;
            let by = row[pivot];
            row.iter_mut().zip(&used).for_each(|(v, u)| *v -= by * u);
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}

/// Mean and covariance of `x` under N(mean, S) given `Ax = b`, for the rows of A.
fn conditional(mean: f64, covariance: &[f64], a: &[Vec<f64>], b: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = SHAPE.len();
    let s = |i: usize, j: usize| covariance[i * n + j];
    let sa: Vec<Vec<f64>> = (0..n).map(|i| a.iter().map(|a| (0..n).map(|j| s(i, j) * a[j]).sum()).collect()).collect();
    let asa: Vec<Vec<f64>> =
        a.iter().map(|row| (0..a.len()).map(|k| (0..n).map(|j| row[j] * sa[j][k]).sum()).collect()).collect();
    let solve = inverse(&asa);
    let off: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - mean * a.iter().sum::<f64>()).collect();
    let gain = |i: usize, k: usize| (0..a.len()).map(|l| sa[i][l] * solve[l][k]).sum::<f64>();
    let centre = (0..n).map(|i| mean + (0..a.len()).map(|k| gain(i, k) * off[k]).sum::<f64>()).collect();
    let spread = (0..n)
        .map(|i| (0..n).map(|j| s(i, j) - (0..a.len()).map(|k| gain(i, k) * sa[j][k]).sum::<f64>()).collect())
        .collect();
    (centre, spread)
}

/// Sample means and covariances against the truth, in their own standard errors and a bias.
fn assert_conditional(found: &Fills, (mean, spread): &(Vec<f64>, Vec<Vec<f64>>), bias: f64) {
    let count = found.list.len() as f64;
    let values: Vec<Vec<f64>> =
        found.list.iter().map(|f| f.picture.values().iter().map(|v| f64::from(*v)).collect()).collect();
    let centre = |i: usize| values.iter().map(|v| v[i]).sum::<f64>() / count;
    for i in 0..mean.len() {
        let error = (spread[i][i].max(0.0) / count).sqrt();
        assert!((centre(i) - mean[i]).abs() < 4.0 * error + bias, "mean {i}: {} not {}", centre(i), mean[i]);
        for j in 0..=i {
            let found = values.iter().map(|v| (v[i] - centre(i)) * (v[j] - centre(j))).sum::<f64>() / (count - 1.0);
            let error = ((spread[i][i] * spread[j][j] + spread[i][j].powi(2)).max(0.0) / count).sqrt();
            let slack = 4.0 * error + 0.1 * spread[i][j].abs() + bias * bias;
            assert!((found - spread[i][j]).abs() < slack, "{i}, {j}: {found} not {} ± {error}", spread[i][j]);
        }
    }
}

#[test]
fn a_hole_in_a_gaussian_is_filled_with_its_exact_conditional_mean_and_covariance() {
    let s = covariance(0.05, 0.8);
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.45; SHAPE.len()], s.clone());
    let measurement = Measurement::around("", SHAPE, HOLE).unwrap();
    let known = [0, 3, 4, 7];
    let unit = |at: usize| (0..SHAPE.len()).map(|i| f64::from(u8::from(i == at))).collect::<Vec<_>>();
    let a: Vec<Vec<f64>> = known.map(unit).to_vec();
    let b: Vec<f64> = known.iter().map(|at| f64::from(picture().values()[*at])).collect();
    let truth = conditional(0.45, &s, &a, &b);
    let found = filled(&model, &request(measurement.clone(), picture(), 600, ANNEALED));
    assert_conditional(&found, &truth, 0.01);
    let acceptance = found.acceptance.unwrap();
    assert!((0.4..0.8).contains(&acceptance), "{acceptance}");
    // Without corrections what was measured pulls on the rest too late.
    let hasty = filled(
        &model,
        &request(measurement, picture(), 600, FillWay::Annealed { steps: 40, corrections: 0, candidates: 1 }),
    );
    let value = |found: &Fills, at: usize| {
        found.list.iter().map(|f| f64::from(f.picture.values()[at])).sum::<f64>() / found.list.len() as f64
    };
    let worst = [1, 2, 5, 6].into_iter().map(|at| (value(&hasty, at) - truth.0[at]).abs()).fold(0.0, f64::max);
    assert!(worst > 0.03, "a test needs power: {worst}");
}

#[test]
fn block_means_of_a_gaussian_leave_its_exact_conditional_mean_and_covariance() {
    let s = covariance(0.04, 0.7);
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.5; SHAPE.len()], s.clone());
    let measurement = Measurement::of_blocks("", SHAPE, 2).unwrap();
    let block = |first: usize| {
        (0..SHAPE.len()).map(|i| if [0, 1, 4, 5].contains(&(i.wrapping_sub(first))) { 0.25 } else { 0.0 }).collect()
    };
    let a: Vec<Vec<f64>> = vec![block(0), block(2)];
    let b: Vec<f64> =
        a.iter().map(|a| a.iter().zip(picture().values()).map(|(a, v)| a * f64::from(*v)).sum()).collect();
    let found = filled(&model, &request(measurement, picture(), 600, ANNEALED));
    assert_conditional(&found, &conditional(0.5, &s, &a, &b), 0.01);
    for fill in &found.list {
        for (a, b) in a.iter().zip(&b) {
            let mean: f64 = a.iter().zip(fill.picture.values()).map(|(a, v)| a * f64::from(*v)).sum();
            assert!((mean - b).abs() < 1e-6, "{mean} not {b}");
        }
    }
}

#[test]
fn fills_come_in_classes_as_often_as_what_was_measured_says() {
    let shift = |s: f64| (0..SHAPE.len()).map(|i| 0.5 + s * if i % 2 == 0 { 1.0 } else { -1.0 }).collect::<Vec<_>>();
    let (variance, near) = (0.01, 0.05);
    let model = GaussianMixture::new(SHAPE, 2).with(0, 0.3, shift(0.2), variance).with(1, 0.7, shift(-0.2), variance);
    // What is known leans to class 0, against the prior.
    let values = (0..SHAPE.len()).map(|i| 0.5 + if i % 2 == 0 { near / 3.0 } else { -near / 3.0 }).collect();
    let given: Picture = Picture::new(SHAPE, values);
    let hole: Vec<bool> = (0..SHAPE.len()).map(|i| i >= 2).collect();
    let measurement = Measurement::without("", SHAPE, &hole).unwrap();
    let log = |class: usize, weight: f64| {
        let mean = shift(if class == 0 { 0.2 } else { -0.2 });
        let off = |i: usize| (f64::from(given.values()[i]) - mean[i]).powi(2);
        weight.ln() - (off(0) + off(1)) / (2.0 * variance)
    };
    let odds = (log(0, 0.3) - log(1, 0.7)).exp();
    let share = odds / (1.0 + odds);
    assert!((0.3..0.7).contains(&share), "a test needs doubt: {share}");
    let way = |candidates| FillWay::Annealed { steps: 40, corrections: 3, candidates };
    let all = request(measurement, given, 400, way(16));
    let hits = |request: &InpaintRequest| {
        filled(&model, request).list.iter().filter(|fill| fill.posterior[0] > 0.5).count() as f64
    };
    let (found, error) = (hits(&all), (400.0 * share * (1.0 - share)).sqrt());
    assert!((found - 400.0 * share).abs() < 3.0 * error, "{found} of 400, not {}", 400.0 * share);
    // Where each goes its way alone the classes stay as they parted under noise.
    let alone = hits(&InpaintRequest { way: way(1), ..all.clone() });
    assert!((alone - 400.0 * share).abs() > 5.0 * error, "a test needs power: {alone}");
    let class = |class| InpaintRequest { guidance: Some(Guidance { class, weight: 1.0 }), count: 40, ..all.clone() };
    for wanted in 0..2 {
        let found = filled(&model, &class(wanted));
        assert!(found.list.iter().all(|fill| fill.posterior[wanted] > 0.5), "as class {wanted}");
    }
}

#[test]
fn the_ascent_fills_what_follows_from_what_was_measured() {
    // All values are one and the same: what is known says what is not.
    let s: Vec<f64> = (0..64).map(|i| 0.09 + if i % 9 == 0 { 1e-6 } else { 0.0 }).collect();
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.5; SHAPE.len()], s);
    let measurement = Measurement::around("", SHAPE, HOLE).unwrap();
    let given = Picture::filled(SHAPE, 0.83);
    for beta in [0.5, 0.1] {
        let found = filled(&model, &request(measurement.clone(), given.clone(), 12, FillWay::Ascent { beta }));
        for fill in &found.list {
            assert!(fill.picture.values().iter().all(|v| (v - 0.83).abs() < 0.02), "{beta}: {:?}", fill.picture);
        }
    }
}

#[test]
fn what_was_measured_is_kept_and_fills_are_ranked_by_their_density() {
    let s = covariance(0.05, 0.8);
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.45; SHAPE.len()], s);
    let measurement = Measurement::of_random("", SHAPE, 0.5, 3).unwrap();
    let hole = measurement.hole().unwrap();
    let mut seen = 0;
    let all = InpaintRequest { frames: 5, ..request(measurement, picture(), 20, ANNEALED) };
    let found = inpaint(&model, &all, &Cancel::new(), &mut |sketch, done| {
        seen += done.len();
        for picture in sketch.pictures() {
            let known = picture.values().iter().zip(all.picture.values()).zip(&hole).filter(|(_, hole)| !**hole);
            known.for_each(|((found, given), _)| assert!((found - given).abs() < 1e-6));
        }
    })
    .unwrap();
    assert_eq!(seen, 20);
    for fill in &found.list {
        let pairs = fill.picture.values().iter().zip(picture().values().to_vec());
        let kept = pairs.zip(&hole).filter(|(_, hole)| !**hole).all(|((a, b), _)| a.to_bits() == b.to_bits());
        assert!(kept && fill.frames.len() == 5 && fill.fidelity.is_some());
        assert!(fill.frames.windows(2).all(|pair| pair[1].sigma < pair[0].sigma));
    }
    let logs: Vec<f64> = found.ranked().iter().map(|fill| fill.log_density.unwrap()).collect();
    assert!(logs.windows(2).all(|pair| pair[0] >= pair[1]));
    let (mean, deviation) = found.moments();
    for (at, hole) in hole.iter().enumerate() {
        assert_eq!(deviation.values()[at] > 1e-3, *hole, "{at}");
        assert!(*hole || (mean.values()[at] - picture().values()[at]).abs() < 1e-6);
        assert!((found.known.values()[at] - if *hole { 0.0 } else { picture().values()[at] }).abs() < 1e-6);
    }
    for candidates in [1, 3] {
        let way = FillWay::Annealed { steps: 12, corrections: 1, candidates };
        let many = InpaintRequest { way, ..all.clone() };
        let few = filled(&model, &InpaintRequest { count: 3, ..many.clone() });
        let same = "the same seed gives the same fills whatever goes together";
        assert_eq!(few.list[..], filled(&model, &many).list[..3], "{same}");
    }
}

#[test]
fn what_is_no_request_is_refused_and_it_stops_when_it_is_told() {
    let model = GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![0.5; SHAPE.len()], 0.05);
    let measurement = Measurement::around("", SHAPE, HOLE).unwrap();
    let refused = |option: &str, change: &dyn Fn(&mut InpaintRequest)| {
        let mut request = request(measurement.clone(), picture(), 2, ANNEALED);
        change(&mut request);
        let message = inpaint(&model, &request, &Cancel::new(), &mut |_, _| ()).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--count", &|r| r.count = 0);
    refused("--steps", &|r| r.way = FillWay::Annealed { steps: 1, corrections: 0, candidates: 1 });
    refused("--corrections", &|r| r.way = FillWay::Annealed { steps: 2, corrections: 1000, candidates: 1 });
    refused("--candidates", &|r| r.way = FillWay::Annealed { steps: 2, corrections: 1, candidates: 0 });
    refused("--beta", &|r| r.way = FillWay::Ascent { beta: 0.0 });
    refused("--frames", &|r| r.frames = 1000);
    refused("--as", &|r| r.guidance = Some(Guidance { class: 1, weight: 1.0 }));
    refused("--to", &|r| r.levels = (0.1, 0.1));
    let cancel = Cancel::new();
    cancel.raise();
    let request = request(measurement, picture(), 2, ANNEALED);
    assert!(matches!(inpaint(&model, &request, &cancel, &mut |_, _| ()), Err(Error::Cancelled)));
}
