//! The network and the gradient of its training loss against the golden numbers of the reference.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use denoscope::joint::{Forward, JointModel, Linear, log_density};
use denoscope::network::{DeviceChoice, Graph, Network, Place};
use denoscope::picture::{Batch, Shape};
use safetensors::tensor::SafeTensors;

use super::golden::{bytes, checkpoint, singles, tensor};

const NETWORKS: [&str; 5] = ["compact-rgb", "compact-grey", "gradresnet-rgb", "pooled-rgb", "pooled-grey"];
const CASES: [&str; 3] = ["square", "wide", "clamped"];

/// The largest difference over the largest value, in each picture by itself: they differ in scale with sigma.
fn error(found: &[f64], golden: &[f64], pictures: usize) -> f64 {
    assert_eq!(found.len(), golden.len());
    let row = golden.len() / pictures;
    let of_row = |(f, g): (&[f64], &[f64])| {
        let difference = f.iter().zip(g).map(|(f, g)| (f - g).abs()).fold(0.0, f64::max);
        difference / g.iter().map(|g| g.abs()).fold(f64::MIN_POSITIVE, f64::max)
    };
    found.chunks_exact(row).zip(golden.chunks_exact(row)).map(of_row).fold(0.0, f64::max)
}

/// Holds everything that is read off the network against the golden file: log-probabilities to `logs`, pictures to
/// `pictures`, relative.
fn compare(model: &Network, network: &str, logs: f64, pictures: f64) {
    let bytes = bytes(&format!("{network}.cases"));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for case in CASES {
        let golden = |name: &str| tensor(&file, &format!("{case}.{name}"));
        let (shape, noisy) = golden("noisy");
        let (count, shape) = (shape[0], Shape::new(shape[1], shape[2], shape[3]));
        let noisy = Batch::new(shape, singles(&noisy));
        let forward = model.forward(&noisy, &singles(&golden("sigma").1)).unwrap();
        let check = |name: &str, found: &[f64], tolerance: f64| {
            let error = error(found, &golden(name).1, count);
            assert!(error <= tolerance, "{network}, {case}: {name} is off by {error:.1e} (allowed {tolerance:.0e})");
        };
        let doubles = |batch: &Batch| batch.values().iter().map(|&v| f64::from(v)).collect::<Vec<_>>();

        let classes: Vec<usize> = (0..model.classes().len()).collect();
        check("log_joint", forward.log_joint(), logs);
        let densities: Vec<f64> = forward.log_joint().chunks(classes.len()).map(log_density).collect();
        check("log_density", &densities, logs);
        check("logits", &centred_like(&golden("logits").1, &*forward), 10.0 * logs);

        let readings: Vec<_> = classes.iter().map(|&c| Linear::ScoreAs(c)).collect();
        check("scores_as", &doubles(&forward.gradients(&readings).unwrap()), pictures);
        check("denoised_as", &doubles(&forward.denoised_as(&classes).unwrap()), pictures);
        check("denoised", &doubles(&forward.denoised().unwrap()), pictures);
    }
}

/// The log-joint with each picture's mean over the classes replaced by that of the golden logits: the classes'
/// differences alone are compared, which the large common density would hide.
fn centred_like(logits: &[f64], forward: &dyn Forward) -> Vec<f64> {
    let classes = logits.len() / forward.noisy().len();
    let mean = |row: &[f64]| row.iter().sum::<f64>() / classes as f64;
    let rows = forward.log_joint().chunks_exact(classes).zip(logits.chunks_exact(classes));
    rows.flat_map(|(found, golden)| {
        let shift = mean(golden) - mean(found);
        found.iter().map(move |f| f + shift)
    })
    .collect()
}

#[test]
fn the_network_is_the_reference() {
    for network in NETWORKS {
        let model = Network::load(&checkpoint(network), &DeviceChoice::Cpu).unwrap();
        compare(&model, network, 1e-4, 1e-4);
    }
}

#[test]
fn in_double_precision_nothing_but_rounding_is_left() {
    for network in NETWORKS {
        let model = Network::load_double(&checkpoint(network)).unwrap();
        compare(&model, network, 1e-9, 1e-6);
    }
}

/// Cross-entropy and denoising loss of the golden batch, whose sum (ten times the second) is differentiated through the
/// adjoint pass, and of each weight w with gradient g the pair ⟨g, w⟩, ‖g‖.
fn compare_loss(network: &str, dtype: DType, tolerance: f64) {
    let checkpoint = checkpoint(network);
    let bytes = bytes(&format!("{network}.loss"));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let input = |name: &str| -> candle_core::Result<Tensor> {
        let (shape, values) = tensor(&file, name);
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
    };
    let check = |name: &str, found: &[f64]| {
        let error = error(found, &tensor(&file, name).1, 1);
        assert!(error <= tolerance, "{network} in {dtype:?}: {name} is off by {error:.1e} (allowed {tolerance:.0e})");
    };
    let number = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.to_scalar::<f64>();
    let run = || -> candle_core::Result<()> {
        let mut weights = BTreeMap::new();
        for (name, stored) in &checkpoint.tensors {
            let tensor = Tensor::from_slice(&stored.values, stored.shape.as_slice(), &Device::Cpu)?;
            weights.insert(name.clone(), Var::from_tensor(&tensor.to_dtype(dtype)?)?);
        }
        let program = checkpoint.description.program();
        let place = Place { device: Device::Cpu, dtype };
        let graph = Graph::new(&program, &place, |id| Ok(weights[&program.tensors[id].name].as_tensor().clone()))?;
        let (clean, noise, sigma) = (input("clean")?, input("noise")?, input("sigma")?);
        let count = clean.dim(0)?;
        let scale = sigma.reshape((count, 1, 1, 1))?;
        let pass = graph.forward(&(clean + noise.broadcast_mul(&scale)?)?, &sigma)?;
        let labels = input("labels")?.to_dtype(DType::U32)?;
        let cross_entropy = candle_nn::loss::cross_entropy(&pass.logits, &labels)?;
        let posterior = candle_nn::ops::softmax(&pass.logits, 1)?.unsqueeze(1)?;
        let score = pass.pullback(&Tensor::ones((count, 1), dtype, &Device::Cpu)?, &posterior)?.squeeze(1)?;
        let denoising = (score.broadcast_mul(&scale)? + noise)?.sqr()?.mean_all()?;
        check("cross_entropy", &[number(&cross_entropy)?]);
        check("denoising", &[number(&denoising)?]);
        let gradients = (cross_entropy + (denoising * 10.0)?)?.backward()?;
        for (name, weight) in &weights {
            let gradient = gradients.get(weight).unwrap_or_else(|| panic!("{name} has no gradient"));
            let along = number(&(gradient * weight.as_tensor())?.sum_all()?)?;
            check(&format!("gradient.{name}"), &[along, number(&gradient.sqr()?.sum_all()?.sqrt()?)?]);
        }
        Ok(())
    };
    run().unwrap();
}

#[test]
fn the_loss_has_the_gradient_of_the_reference() {
    for network in NETWORKS {
        compare_loss(network, DType::F32, 1e-3);
        compare_loss(network, DType::F64, 1e-8);
    }
}
