//! The optimiser against `PyTorch`'s numbers and against the mathematics.

use super::device::DeviceOptimiser;
use super::*;
use crate::program::Start;
use candle_core::{Device, Tensor, Var};

fn settings() -> Settings {
    Settings { muon: Muon::default(), adamw: AdamW::default(), clip: 1.0 }
}

/// Five parameters of all rules.
fn tensors() -> Vec<TensorSpec> {
    let tensor = |name: &str, shape: &[usize], rule| TensorSpec {
        name: name.to_owned(),
        shape: shape.to_vec(),
        start: Start::Zero,
        rule,
    };
    vec![
        tensor("stages.0.blocks.0.conv1.weight", &[2, 1, 2, 2], Rule::Muon),
        tensor("stages.0.blocks.0.conv2.weight", &[2, 1, 2, 2], Rule::Muon),
        tensor("stages.0.readout.p.weight", &[4, 2], Rule::Muon),
        tensor("head.linear.weight", &[3, 4], Rule::AdamW),
        tensor("head.linear.bias", &[3], Rule::Plain),
    ]
}

/// Their values, which no symmetry relates.
fn values() -> Vec<Vec<f32>> {
    let factors = [1.1, 1.9, 1.3, 0.7, 0.3];
    let value = |(tensor, k): (&TensorSpec, f32)| (0..tensor.len()).map(|i| ((i as f32 + 1.0) * k).sin()).collect();
    tensors().iter().zip(factors).map(value).collect()
}

fn optimiser() -> Optimiser {
    let values = values();
    Optimiser::new(tensors(), &values.iter().map(Vec::as_slice).collect::<Vec<_>>(), settings())
}

/// The gradients of Σ sin(2p) over all parameters, less rounding: they change as the parameters do.
fn gradients(weights: &[&[f32]]) -> Gradients {
    let slope = |p: &f32| (2.0 * (2.0 * f64::from(*p)).cos()) as f32;
    weights.iter().map(|values| values.iter().map(slope).collect()).collect()
}

fn steps(optimiser: &mut Optimiser, count: usize) {
    for _ in 0..count {
        let gradients = gradients(&optimiser.weights());
        optimiser.step(&gradients, 1.0, 0.9);
    }
}

#[test]
fn five_steps_agree_with_pytorch() {
    let mut optimiser = optimiser();
    for step in 0..5 {
        let gradients = gradients(&optimiser.weights());
        optimiser.step(&gradients, 1.0 - 0.1 * f64::from(step), 0.9);
    }
    let (state, average) = (optimiser.state(), optimiser.averages());
    for (name, weights, averages) in GOLDEN {
        let ours = &state[&format!("weights/{name}")].1;
        for (kind, ours, theirs) in [("weights", ours, weights), ("average", &average[*name].1, averages)] {
            for (a, b) in ours.iter().zip(*theirs) {
                assert!((a - b).abs() < 2e-6, "{kind} of {name}: {ours:?} against {theirs:?}");
            }
        }
    }
}

#[test]
fn a_device_takes_the_same_steps_and_either_goes_on_from_the_others_state() {
    let mut host = optimiser();
    let vars: Vec<Var> = tensors()
        .iter()
        .zip(values())
        .map(|(tensor, values)| Var::from_vec(values, tensor.shape.as_slice(), &Device::Cpu).unwrap())
        .collect();
    let mut device = DeviceOptimiser::new(tensors(), &vars, settings()).unwrap();
    let near = |host: &Optimiser, device: &DeviceOptimiser| {
        let (a, b) = (host.state(), device.state().unwrap());
        assert!(a.keys().eq(b.keys()));
        for (name, (shape, values)) in &a {
            assert_eq!(*shape, b[name].0);
            assert!(values.iter().zip(&b[name].1).all(|(a, b)| (a - b).abs() < 2e-6), "{name}");
        }
        assert_eq!(host.step_count(), device.step_count());
    };
    for round in 0..3 {
        let gradients = gradients(&host.weights());
        let tensor = |(values, var): (&Vec<f32>, &Var)| Tensor::from_slice(values, var.shape(), &Device::Cpu).unwrap();
        let on_device: Vec<_> = gradients.iter().zip(&vars).map(|pair| Some(tensor(pair))).collect();
        let norm = host.step(&gradients, 1.0, 0.9);
        let theirs = device.step(&on_device, 1.0, 0.9).unwrap().to_scalar::<f32>().unwrap();
        assert!((norm - theirs).abs() < 1e-5 * norm);
        near(&host, &device);
        if round == 1 {
            let (one, other) = (host.state(), device.state().unwrap());
            host.restore(&other, 2).unwrap();
            device.restore(&one, 2).unwrap();
            near(&host, &device);
            let published = &vars[0].flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(*published, one["weights/stages.0.blocks.0.conv1.weight"].1);
        }
    }
    assert!(device.averages().unwrap().keys().eq(host.averages().keys()));
}

#[test]
fn orthogonalising_levels_the_singular_values() {
    // A diagonal matrix keeps its singular vectors, so its image's diagonal is the image of its singular values.
    for (rows, columns) in [(3, 5), (5, 3)] {
        let mut values = vec![0.0_f32; rows * columns];
        for (i, s) in [3.0, 1.0, 0.2].into_iter().enumerate() {
            values[i * columns + i] = s;
        }
        let y = orthogonalise(&values, [rows, columns]);
        for (i, v) in y.iter().enumerate() {
            let diagonal = i / columns == i % columns;
            assert!(if diagonal { (0.6..1.3).contains(v) } else { v.abs() < 1e-5 }, "{rows}×{columns}: {y:?}");
        }
    }
    assert!(orthogonalise(&[0.0; 18], [3, 3]).iter().all(|&v| v == 0.0));
}

#[test]
fn a_long_gradient_is_clipped_and_its_length_told() {
    let mut optimiser = optimiser();
    let gradients = gradients(&optimiser.weights());
    let expected: f32 = gradients.iter().flatten().map(|g| g * g).sum();
    let norm = optimiser.step(&gradients, 1.0, 0.0);
    assert!((norm - expected.sqrt()).abs() < 1e-5);
    // A clipped gradient's first moment is (1 − β₁)·g/‖g‖.
    for (m, g) in optimiser.state()["first/head.linear.bias"].1.iter().zip(&gradients[4]) {
        assert!((m - 0.1 * g / norm).abs() < 1e-6);
    }
}

#[test]
fn a_restored_optimiser_goes_on_bit_for_bit() {
    let (mut straight, mut first) = (optimiser(), optimiser());
    steps(&mut straight, 3);
    steps(&mut first, 3);
    let mut second = optimiser();
    second.restore(&first.state(), first.step_count()).unwrap();
    steps(&mut straight, 3);
    steps(&mut second, 3);
    let (a, b) = (straight.state(), second.state());
    assert_eq!(a.len(), 17);
    assert!(a == b);
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name() {
    let mut optimiser = optimiser();
    let mut state = optimiser.state();
    state.get_mut("second/head.linear.bias").unwrap().0 = vec![1, 3];
    let error = optimiser.restore(&state, 1).unwrap_err().to_string();
    assert!(error.contains("second/head.linear.bias has shape [1, 3], not [3]"), "{error}");
    state.remove("momentum/stages.0.readout.p.weight");
    let error = optimiser.restore(&state, 1).unwrap_err().to_string();
    assert!(error.contains("momentum/stages.0.readout.p.weight is missing"), "{error}");
    assert_eq!(optimiser.step_count(), 0);
}

#[allow(clippy::unreadable_literal, clippy::excessive_precision)] // They are pasted as they were printed.
/// Made by the lines of `PyTorch` in `tests/reference/optimiser.py`: name, weights and average after five steps.
const GOLDEN: &[(&str, &[f32], &[f32])] = &[
    ("head.linear.bias", &[0.2875217, 0.5566412, 0.7755224], &[0.2932628, 0.5623846, 0.7811179]),
    (
        "head.linear.weight",
        &[
            0.6361627, 0.9933723, 0.8711483, 0.3269628, -0.3587504, -0.8635225, -0.9743823, -0.6392063, 0.0088155,
            0.6489300, 0.9960906, 0.8625397,
        ],
        &[
            0.6419449, 0.9876854, 0.8654490, 0.3327232, -0.3530321, -0.8693015, -0.9801743, -0.6335082, 0.0145564,
            0.6547134, 0.9904038, 0.8568389,
        ],
    ),
    (
        "stages.0.blocks.0.conv1.weight",
        &[0.9035011, 0.7864979, -0.2198079, -0.9383345, -0.7114695, 0.2470162, 0.9913508, 0.5628672],
        &[0.8945957, 0.8020114, -0.1753040, -0.9479324, -0.7072090, 0.2931336, 0.9887539, 0.5787543],
    ),
    (
        "stages.0.blocks.0.conv2.weight",
        &[0.9489306, -0.6456678, -0.6193218, 0.9951853, -0.1241774, -0.9162525, 0.6362897, 0.4657201],
        &[0.9469639, -0.6214899, -0.5702154, 0.9754195, -0.0889700, -0.9185091, 0.6601864, 0.4805809],
    ),
    (
        "stages.0.readout.p.weight",
        &[0.9523677, 0.4153483, -0.6920490, -0.8573425, 0.1589737, 1.0219117, 0.2465390, -0.8702707],
        &[0.9607789, 0.4878448, -0.6889175, -0.8757772, 0.1993221, 1.0052872, 0.2987382, -0.8398510],
    ),
];
