//! The loss against its closed form and its gradient against finite differences.

use super::*;
use crate::network::Architecture;
use crate::picture::normals;

const SHAPE: Shape = Shape::new(1, 8, 8);

/// A tiny network; `random` moves every weight away from its start, so that no part of it is switched off.
fn network(random: bool) -> Trainable {
    let architecture = Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let description =
        Description { mean: vec![0.4], deviation: 0.3, ..Description::new("t", classes, SHAPE, architecture) };
    let network = Trainable::new(Checkpoint::untrained(description, 5).unwrap(), &Device::Cpu).unwrap();
    for (index, var) in network.parameters().values().enumerate() {
        let mut values = vec![0.0; var.elem_count()];
        normals::fill(9, index as u64, 0, &mut values);
        let change = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap().affine(0.1, 0.0).unwrap();
        if random {
            var.set(&(var.as_tensor() + change).unwrap().detach()).unwrap();
        }
    }
    network
}

fn batch(rows: &[usize], classes: &[Option<u32>]) -> TrainingBatch {
    let size = SHAPE.len();
    let mut noise = vec![0.0; rows.len() * size];
    let mut noisy = noise.clone();
    for (place, &row) in rows.iter().enumerate() {
        normals::fill(1, row as u64, 0, &mut noise[place * size..][..size]);
        normals::fill(2, row as u64, 0, &mut noisy[place * size..][..size]);
    }
    let sigmas = rows.iter().map(|&row| [0.1, 0.5, 0.02][row]).collect();
    let labels = rows.iter().map(|&row| [2, 0, 1][row]).collect();
    TrainingBatch { noisy, noise, sigmas, labels, classes: classes.to_vec() }
}

fn on_device(batch: TrainingBatch) -> DeviceBatch {
    DeviceBatch::new(batch, SHAPE, 3, &Device::Cpu).unwrap()
}

fn number(tensor: &Tensor) -> f64 {
    f64::from(tensor.to_scalar::<f32>().unwrap())
}

#[test]
fn without_logits_the_untrained_loss_is_that_of_a_gaussian() {
    let network = network(false);
    let head = &network.parameters()["head.linear.weight"];
    head.set(&head.zeros_like().unwrap()).unwrap();
    let batch = batch(&[0, 1, 2], &[None; 3]);
    let mut sum = 0.0;
    for (index, (y, e)) in batch.noisy.iter().zip(&batch.noise).enumerate() {
        let sigma = f64::from(batch.sigmas[index / SHAPE.len()]);
        sum += (f64::from(*e) - sigma * (f64::from(*y) - 0.4) / (0.09 + sigma * sigma)).powi(2);
    }
    let expected = sum / batch.noisy.len() as f64;
    let loss = network.loss(&on_device(batch), Objective::Joint, 10.0).unwrap();
    assert!((number(&loss.cross_entropy) - 3_f64.ln()).abs() < 1e-6);
    assert!((number(&loss.score_error) - expected).abs() < 1e-4 * expected, "{} {expected}", number(&loss.score_error));
    assert!((number(&loss.total) - 3_f64.ln() - 10.0 * expected).abs() < 1e-3 * expected);
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let network = network(true);
    for objective in [Objective::Joint, Objective::Classify, Objective::Denoise] {
        let batch = on_device(batch(&[0, 1, 2], &[Some(1), None, None]));
        let total = || network.loss(&batch, objective, 1.0).unwrap().total;
        let gradients = total().backward().unwrap();
        for (name, var) in network.parameters() {
            let Some(gradient) = gradients.get(var) else {
                // u has no part in the classes.
                assert!(objective == Objective::Classify && name.contains("readout"), "{name} has no gradient");
                continue;
            };
            // Along the gradient itself the slope is its norm.
            let norm = number(&gradient.sqr().unwrap().sum_all().unwrap().sqrt().unwrap());
            let start = var.as_tensor().copy().unwrap().detach();
            let step = 0.02_f64;
            let at = |t: f64| {
                let change = gradient.affine(t / norm.max(1e-12), 0.0).unwrap();
                var.set(&(&start + change).unwrap()).unwrap();
                number(&total())
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            at(0.0);
            assert!((slope - norm).abs() < 0.02 * norm + 2e-3, "{objective} {name}: {slope} against {norm}");
        }
    }
}

#[test]
fn conditional_rows_train_their_class() {
    let network = network(true);
    let error = |rows: &[usize], conditional: &[Option<u32>]| {
        number(&network.loss(&on_device(batch(rows, conditional)), Objective::Denoise, 1.0).unwrap().score_error)
    };
    let both = error(&[0, 1], &[Some(2), None]);
    assert!((both - 0.5 * (error(&[0], &[Some(2)]) + error(&[1], &[None]))).abs() < 1e-5);
    assert!((error(&[0], &[Some(2)]) - error(&[0], &[None])).abs() > 1e-4);
    // Row by row, from the score of p(y, c) itself.
    let graph = graph(&network.description, &Device::Cpu, |name| Some(network.parameters[name].as_detached_tensor()));
    let on = on_device(batch(&[0], &[Some(2)]));
    let (graph, density) = (graph.unwrap(), Tensor::ones((1, 1), DType::F32, &Device::Cpu).unwrap());
    let class = Tensor::new(&[[[0.0_f32, 0.0, 1.0]]], &Device::Cpu).unwrap();
    let score = graph.forward(&on.noisy, &on.sigmas).unwrap().pullback(&density, &class).unwrap().squeeze(1).unwrap();
    let expected = (score.affine(0.1, 0.0).unwrap() + &on.noise).unwrap().sqr().unwrap().mean_all().unwrap();
    assert!((number(&expected) - error(&[0], &[Some(2)])).abs() < 1e-5);
}

#[test]
fn objectives_leave_out_what_they_do_not_train() {
    let network = network(true);
    let loss = |objective| network.loss(&on_device(batch(&[0, 1], &[None; 2])), objective, 10.0).unwrap();
    let (joint, classify, denoise) = (loss(Objective::Joint), loss(Objective::Classify), loss(Objective::Denoise));
    assert!((number(&classify.total) - number(&joint.cross_entropy)).abs() < 1e-6);
    assert!((number(&denoise.total) - 10.0 * number(&joint.score_error)).abs() < 1e-4);
    for name in ["joint", "classify", "denoise"] {
        assert_eq!(name.parse::<Objective>().unwrap().to_string(), name);
    }
    assert!("both".parse::<Objective>().unwrap_err().to_string().contains("--objective"));
}

#[test]
fn the_processor_and_automatic_differentiation_give_the_same_loss_and_gradients() {
    let mut network = network(true);
    for objective in [Objective::Joint, Objective::Classify, Objective::Denoise] {
        let rows = || batch(&[0, 1, 2], &[Some(1), None, None]);
        let loss = network.loss(&on_device(rows()), objective, 3.0).unwrap();
        let all = loss.total.backward().unwrap();
        let (found, gradients) = network.gradients(rows(), objective, 3.0).unwrap();
        for (a, b) in [
            (&found.total, &loss.total),
            (&found.cross_entropy, &loss.cross_entropy),
            (&found.score_error, &loss.score_error),
        ] {
            assert!((number(a) - number(b)).abs() < 1e-4 * (1.0 + number(b).abs()), "{objective}");
        }
        for (name, var) in network.parameters() {
            let truth = all.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
            let found = gradients.get(name).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
            let norm = |t: &Tensor| number(&t.sqr().unwrap().sum_all().unwrap().sqrt().unwrap());
            let difference = norm(&(&truth - &found).unwrap());
            assert!(difference < 1e-4 * norm(&truth) + 1e-6, "{objective} {name}: {difference} of {}", norm(&truth));
        }
    }
}
