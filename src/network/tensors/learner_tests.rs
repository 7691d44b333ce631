//! The loss against its closed form and its gradient against finite differences.

use candle_core::Tensor;

use super::{Place, TensorLearner};
use crate::engine::{LossWeights, RowParts, TrainingRows};
use crate::network::{Architecture, Checkpoint, Description};
use crate::picture::{Shape, normals};
use crate::program::Trunk;

const SHAPE: Shape = Shape::new(1, 8, 8);
const JOINT: LossWeights = LossWeights { cross_entropy: 1.0, score: 10.0 };
const CLASSIFY: LossWeights = LossWeights { cross_entropy: 1.0, score: 0.0 };
const DENOISE: LossWeights = LossWeights { cross_entropy: 0.0, score: 10.0 };

/// A tiny network; `random` moves every weight away from its start, so that no part of it is switched off.
fn network(random: bool) -> TensorLearner {
    let architecture = Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let description =
        Description { mean: vec![0.4], deviation: 0.3, ..Description::new("t", classes, SHAPE, architecture) };
    let mut checkpoint = Checkpoint::untrained(description, 5).unwrap();
    for (index, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let mut change = vec![0.0; tensor.values.len()];
        normals::fill(9, index as u64, 0, &mut change);
        if random {
            tensor.values.iter_mut().zip(change).for_each(|(v, change)| *v += 0.1 * change);
        }
    }
    let program = checkpoint.description.program();
    TensorLearner::new(&program, &checkpoint.weights(&program).unwrap(), &Place::double()).unwrap()
}

/// Pictures, their noise, levels and labels.
struct Batch {
    noisy: Vec<f32>,
    noise: Vec<f32>,
    sigmas: Vec<f32>,
    labels: Vec<u32>,
    classes: Vec<Option<u32>>,
}

impl Batch {
    fn rows(&self) -> TrainingRows<'_> {
        TrainingRows {
            noisy: &self.noisy,
            size: (SHAPE.height, SHAPE.width),
            noise: &self.noise,
            sigmas: &self.sigmas,
            labels: &self.labels,
            classes: &self.classes,
        }
    }
}

fn batch(rows: &[usize], classes: &[Option<u32>]) -> Batch {
    let size = SHAPE.len();
    let mut noise = vec![0.0; rows.len() * size];
    let mut noisy = noise.clone();
    for (place, &row) in rows.iter().enumerate() {
        normals::fill(1, row as u64, 0, &mut noise[place * size..][..size]);
        normals::fill(2, row as u64, 0, &mut noisy[place * size..][..size]);
    }
    let sigmas = rows.iter().map(|&row| [0.1, 0.5, 0.02][row]).collect();
    let labels = rows.iter().map(|&row| [2, 0, 1][row]).collect();
    Batch { noisy, noise, sigmas, labels, classes: classes.to_vec() }
}

fn number(tensor: &Tensor) -> f64 {
    tensor.to_scalar::<f64>().unwrap()
}

#[test]
fn without_logits_the_untrained_loss_is_that_of_a_gaussian() {
    let network = network(false);
    let Trunk::Stages(trunk) = &network.program().trunk else { panic!("stages") };
    let head = trunk.head.linear.weight;
    network.weights()[head].set(&network.weights()[head].zeros_like().unwrap()).unwrap();
    let batch = batch(&[0, 1, 2], &[None; 3]);
    let mut sum = 0.0;
    for (index, (y, e)) in batch.noisy.iter().zip(&batch.noise).enumerate() {
        let sigma = f64::from(batch.sigmas[index / SHAPE.len()]);
        sum += (f64::from(*e) - sigma * (f64::from(*y) - 0.4) / (0.09 + sigma * sigma)).powi(2);
    }
    let expected = sum / batch.noisy.len() as f64;
    let loss = network.loss(&batch.rows(), JOINT).unwrap();
    assert!((number(&loss.cross_entropy) - 3_f64.ln()).abs() < 1e-6);
    assert!((number(&loss.score_error) - expected).abs() < 1e-6 * expected, "{} {expected}", number(&loss.score_error));
    assert!((number(&loss.total) - 3_f64.ln() - 10.0 * expected).abs() < 1e-5 * expected);
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let network = network(true);
    for weights in [JOINT, CLASSIFY, DENOISE] {
        let batch = batch(&[0, 1, 2], &[Some(1), None, None]);
        let total = || network.loss(&batch.rows(), weights).unwrap().total;
        let (_, gradients) = network.gradients(&batch.rows(), weights).unwrap();
        for ((spec, var), gradient) in network.program().tensors.iter().zip(network.weights()).zip(gradients) {
            let Some(gradient) = gradient else {
                // u has no part in the classes.
                assert!(weights.score == 0.0 && spec.name.contains("readout"), "{} has no gradient", spec.name);
                continue;
            };
            // Along the gradient itself the slope is its norm.
            let norm = number(&gradient.sqr().unwrap().sum_all().unwrap().sqrt().unwrap());
            let start = var.as_tensor().copy().unwrap().detach();
            let step = 1e-4_f64;
            let at = |t: f64| {
                let change = gradient.affine(t / norm.max(1e-12), 0.0).unwrap();
                var.set(&(&start + change).unwrap()).unwrap();
                number(&total())
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            at(0.0);
            assert!((slope - norm).abs() < 1e-4 * norm + 1e-6, "{weights:?} {}: {slope} against {norm}", spec.name);
        }
    }
}

#[test]
fn conditional_rows_train_their_class() {
    let network = network(true);
    let error = |rows: &[usize], conditional: &[Option<u32>]| {
        number(&network.loss(&batch(rows, conditional).rows(), DENOISE).unwrap().score_error)
    };
    let both = error(&[0, 1], &[Some(2), None]);
    assert!((both - 0.5 * (error(&[0], &[Some(2)]) + error(&[1], &[None]))).abs() < 1e-9);
    assert!((error(&[0], &[Some(2)]) - error(&[0], &[None])).abs() > 1e-4);
    // Row by row, from the score of p(y, c) itself.
    let one = batch(&[0], &[Some(2)]);
    let place = Place::double();
    let tensor = |values: &[f32], shape: &[usize]| place.tensor(values, shape).unwrap();
    let pass = network.graph.forward(&tensor(&one.noisy, &[1, 1, 8, 8]), &tensor(&one.sigmas, &[1])).unwrap();
    let score =
        pass.pullback(&tensor(&[1.0], &[1, 1]), &tensor(&[0.0, 0.0, 1.0], &[1, 1, 3])).unwrap().squeeze(1).unwrap();
    let noise = tensor(&one.noise, &[1, 1, 8, 8]);
    let expected = (score.affine(f64::from(0.1_f32), 0.0).unwrap() + noise).unwrap().sqr().unwrap().mean_all().unwrap();
    assert!((number(&expected) - error(&[0], &[Some(2)])).abs() < 1e-9);
}

#[test]
fn a_part_that_weighs_nothing_is_left_out() {
    let network = network(true);
    let loss = |weights| network.loss(&batch(&[0, 1], &[None; 2]).rows(), weights).unwrap();
    let (joint, classify, denoise) = (loss(JOINT), loss(CLASSIFY), loss(DENOISE));
    assert!((number(&classify.total) - number(&joint.cross_entropy)).abs() < 1e-9);
    assert!((number(&denoise.total) - 10.0 * number(&joint.score_error)).abs() < 1e-9);
    assert!((number(&joint.total) - number(&classify.total) - number(&denoise.total)).abs() < 1e-9);
}

#[test]
fn the_loss_of_parts_is_the_weighed_sum_of_rows_by_themselves() {
    let network = network(true);
    let classes = [Some(1), None, None];
    let parts = [
        RowParts { cross_entropy: 0.5, score: 2.0, other: 1, share: 0.3 },
        RowParts { cross_entropy: 0.0, score: 1.5, other: 0, share: 0.0 },
        RowParts { cross_entropy: 3.0, score: 0.0, other: 2, share: 0.5 },
    ];
    let all = batch(&[0, 1, 2], &classes);
    let (found, lost) = network.loss_of_parts(&all.rows(), &parts, JOINT).unwrap();
    let mut expected = 0.0;
    for (n, part) in parts.iter().enumerate() {
        let mut one = batch(&[n], &classes[n..=n]);
        let own = network.loss(&one.rows(), JOINT).unwrap();
        one.labels = vec![part.other];
        let other = number(&network.loss(&one.rows(), JOINT).unwrap().cross_entropy);
        let share = f64::from(part.share);
        let classified = (1.0 - share) * number(&own.cross_entropy) + share * other;
        let scored = number(&own.score_error);
        let row: [f64; 2] = lost.each_ref().map(|lost| lost.get(n).unwrap().to_scalar::<f64>().unwrap());
        assert!((row[0] - classified).abs() < 1e-9 && (row[1] - scored).abs() < 1e-9, "row {n}");
        expected += (f64::from(part.cross_entropy) * classified + 10.0 * f64::from(part.score) * scored) / 3.0;
    }
    assert!((number(&found.total) - expected).abs() < 1e-9, "{} {expected}", number(&found.total));
}
