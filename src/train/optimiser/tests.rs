//! The optimiser against `PyTorch`'s numbers and against the mathematics.

use candle_core::{DType, Device};

use super::*;

fn settings() -> Settings {
    Settings { muon: Muon::default(), adamw: AdamW::default(), clip: 1.0 }
}

/// Three parameters, one a rule, with values that no symmetry relates.
fn parameters() -> BTreeMap<String, Var> {
    let values = |n: usize, k: f32| (0..n).map(|i| ((i as f32 + 1.0) * k).sin()).collect::<Vec<_>>();
    let var = |shape: &[usize], k| Var::from_vec(values(shape.iter().product(), k), shape, &Device::Cpu).unwrap();
    BTreeMap::from([
        ("head.linear.bias".to_owned(), var(&[3], 0.3)),
        ("head.linear.weight".to_owned(), var(&[3, 4], 0.7)),
        ("stages.0.blocks.0.conv1.weight".to_owned(), var(&[2, 1, 2, 2], 1.1)),
        ("stages.0.blocks.0.conv2.weight".to_owned(), var(&[2, 1, 2, 2], 1.9)),
        ("stages.0.readout.p.weight".to_owned(), var(&[4, 2], 1.3)),
    ])
}

/// The gradients of Σ sin(k·p) over all parameters: they change as the parameters do.
fn gradients(parameters: &BTreeMap<String, Var>) -> BTreeMap<String, Tensor> {
    let parts = parameters.values().map(|v| v.affine(2.0, 0.0).unwrap().sin().unwrap().sum_all().unwrap());
    let sum = parts.reduce(|a, b| (a + b).unwrap()).unwrap();
    let all = sum.backward().unwrap();
    parameters.iter().map(|(name, var)| (name.clone(), all.get(var).unwrap().detach())).collect()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn each_parameter_has_its_rule() {
    let rule = |name, shape: &[usize]| Rule::of(name, shape);
    assert_eq!(rule("stem.weight", &[48, 3, 4, 4]), Rule::AdamW);
    assert_eq!(rule("stages.1.down.weight", &[96, 48, 3, 3]), Rule::Muon);
    assert_eq!(rule("stages.0.blocks.1.conv2.weight", &[48, 48, 3, 3]), Rule::Muon);
    assert_eq!(rule("stages.0.readout.q.weight", &[48, 48]), Rule::Muon);
    assert_eq!(rule("stages.0.readout.gamma.weight", &[48, 64]), Rule::AdamW);
    assert_eq!(rule("head.linear.weight", &[10, 192]), Rule::AdamW);
    assert_eq!(rule("head.linear.bias", &[10]), Rule::Plain);
}

#[test]
fn five_steps_agree_with_pytorch() {
    let parameters = parameters();
    let mut optimiser = Optimiser::new(&parameters, settings()).unwrap();
    for step in 0..5 {
        let gradients = gradients(&parameters);
        optimiser.step(&gradients, 1.0 - 0.1 * f64::from(step), 0.9).unwrap();
    }
    let average = optimiser.average().unwrap();
    for (name, weights, averages) in GOLDEN {
        for (kind, ours, theirs) in
            [("weights", flat(&parameters[*name]), weights), ("average", flat(&average[*name]), averages)]
        {
            for (a, b) in ours.iter().zip(*theirs) {
                assert!((a - b).abs() < 2e-6, "{kind} of {name}: {ours:?} against {theirs:?}");
            }
        }
    }
}

#[test]
fn orthogonalising_levels_the_singular_values() {
    // A diagonal matrix keeps its singular vectors, so its image's diagonal is the image of its singular values.
    for (rows, columns) in [(3, 5), (5, 3)] {
        let mut values = vec![0.0_f32; rows * columns];
        for (i, s) in [3.0, 1.0, 0.2].into_iter().enumerate() {
            values[i * columns + i] = s;
        }
        let x = Tensor::from_vec(values, (1, rows, columns), &Device::Cpu).unwrap();
        let y = flat(&orthogonalise(&x).unwrap());
        for (i, v) in y.iter().enumerate() {
            let diagonal = i / columns == i % columns;
            assert!(if diagonal { (0.6..1.3).contains(v) } else { v.abs() < 1e-5 }, "{rows}×{columns}: {y:?}");
        }
    }
    let zero = Tensor::zeros((2, 3, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(flat(&orthogonalise(&zero).unwrap()).iter().all(|&v| v == 0.0));
}

#[test]
fn a_long_gradient_is_clipped_and_its_length_told() {
    let parameters = parameters();
    let mut optimiser = Optimiser::new(&parameters, settings()).unwrap();
    let gradients = gradients(&parameters);
    let expected: f32 = gradients.values().flat_map(flat).map(|g| g * g).sum();
    let norm = optimiser.step(&gradients, 1.0, 0.0).unwrap().to_scalar::<f32>().unwrap();
    assert!((norm - expected.sqrt()).abs() < 1e-5);
    // A clipped gradient's first moment is (1 − β₁)·g/‖g‖.
    let first = flat(&optimiser.state().unwrap()["first/head.linear.bias"]);
    let gradient = flat(&gradients["head.linear.bias"]);
    for (m, g) in first.iter().zip(&gradient) {
        assert!((m - 0.1 * g / norm).abs() < 1e-6);
    }
}

#[test]
fn a_restored_optimiser_goes_on_bit_for_bit() {
    let (one, two) = (parameters(), parameters());
    let mut straight = Optimiser::new(&one, settings()).unwrap();
    let mut first = Optimiser::new(&two, settings()).unwrap();
    for _ in 0..3 {
        straight.step(&gradients(&one), 1.0, 0.9).unwrap();
        first.step(&gradients(&two), 1.0, 0.9).unwrap();
    }
    let fresh = parameters();
    let mut second = Optimiser::new(&fresh, settings()).unwrap();
    second.restore(&first.state().unwrap(), first.step_count()).unwrap();
    for _ in 0..3 {
        straight.step(&gradients(&one), 1.0, 0.9).unwrap();
        second.step(&gradients(&fresh), 1.0, 0.9).unwrap();
    }
    let (a, b) = (straight.state().unwrap(), second.state().unwrap());
    assert!(a.keys().eq(b.keys()) && a.len() == 17);
    for (name, tensor) in &a {
        let bits = |t: &Tensor| flat(t).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(tensor), bits(&b[name]), "{name}");
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name() {
    let parameters = parameters();
    let mut optimiser = Optimiser::new(&parameters, settings()).unwrap();
    let mut state = optimiser.state().unwrap();
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
