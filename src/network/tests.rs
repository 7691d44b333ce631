//! The whole network: its gradients against finite differences, and the identities.

use super::model::density_weight;
use super::{Architecture, Checkpoint, Description, Network, Stem};
use crate::joint::{JointModel, Linear as Reading, mixture};
use crate::picture::{Batch, Shape, normals};

/// Seeded normals of a shape, each with a stream of its own.
pub(super) struct Draw(pub u64);

impl Draw {
    pub fn values(&mut self, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        normals::fill(7, self.0, 0, &mut values);
        self.0 += 1;
        values
    }
}

/// A small network whose every weight is random, so that every path matters.
pub(super) fn random_checkpoint(stem: Stem, channels: usize) -> Checkpoint {
    let architecture = Architecture {
        stem,
        widths: vec![8, 16],
        blocks: vec![1, 2],
        strides: vec![1, 2],
        group: 8,
        sigma_frequencies: 3,
        sigma_width: 6,
        ..Architecture::compact()
    };
    let classes = ["cat", "dog", "eel"].map(str::to_owned).to_vec();
    let mut description = Description::new("random", classes, Shape::new(channels, 8, 8), architecture);
    description.mean = (0..channels).map(|c| 0.4 + 0.1 * c as f32).collect();
    let mut checkpoint = Checkpoint::untrained(description, 3).unwrap();
    let mut draw = Draw(500);
    for tensor in checkpoint.tensors.values_mut() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let values = draw.values(tensor.values.len());
        tensor.values = values.iter().map(|v| v / (inputs as f32).sqrt()).collect();
    }
    checkpoint
}

pub(super) const STEMS: [Stem; 2] = [Stem { kernel: 4, stride: 2 }, Stem { kernel: 3, stride: 1 }];

#[test]
fn every_gradient_is_the_derivative_of_the_log_joint() {
    for (stem, channels, height, width) in [(STEMS[0], 3, 8, 8), (STEMS[1], 1, 5, 7), (STEMS[0], 1, 7, 4)] {
        let network = Network::load_double(&random_checkpoint(stem, channels)).unwrap();
        let shape = Shape::new(channels, height, width);
        // Multiples of 2⁻¹⁰, so that a step of 2⁻¹⁰ is exact in single precision.
        let exact = |v: &f32| (v * 100.0).round() / 1024.0;
        let values: Vec<f32> = Draw(900).values(2 * shape.len()).iter().map(exact).collect();
        let sigmas = [0.05, 0.7];
        let joint = |values: &[f32]| {
            let forward = network.forward(&Batch::new(shape, values.to_vec()), &sigmas).unwrap();
            forward.log_joint().to_vec()
        };
        let forward = network.forward(&Batch::new(shape, values.clone()), &sigmas).unwrap();
        let readings = [Reading::ScoreAs(0), Reading::ScoreAs(1), Reading::ScoreAs(2), Reading::Score];
        let gradients = forward.gradients(&readings).unwrap();
        let direction: Vec<f32> = Draw(901).values(shape.len()).iter().map(|v| v.signum() / 1024.0).collect();
        for picture in 0..2 {
            let moved = |sign: f32| {
                let mut values = values.clone();
                let row = &mut values[picture * shape.len()..][..shape.len()];
                row.iter_mut().zip(&direction).for_each(|(v, d)| *v += sign * d);
                joint(&values)
            };
            let (plus, minus) = (moved(1.0), moved(-1.0));
            for class in 0..3 {
                let expected = (plus[picture * 3 + class] - minus[picture * 3 + class]) / 2.0;
                let gradient = gradients.row(picture * 4 + class);
                let found: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
                assert!((found - expected).abs() < 2e-4 * expected.abs().max(0.01), "{found} {expected}");
            }
            let density = |joint: &[f64]| crate::joint::log_density(&joint[picture * 3..][..3]);
            let expected = (density(&plus) - density(&minus)) / 2.0;
            let score = gradients.row(picture * 4 + 3);
            let found: f64 = score.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
            assert!((found - expected).abs() < 2e-4 * expected.abs().max(0.01), "score {found} {expected}");
        }
    }
}

#[test]
fn the_denoiser_is_the_mean_of_the_conditional_denoisers() {
    let network = Network::load(&random_checkpoint(STEMS[0], 3), &super::DeviceChoice::Cpu).unwrap();
    let shape = Shape::new(3, 9, 6);
    let noisy = Batch::new(shape, Draw(950).values(2 * shape.len()));
    let forward = network.forward(&noisy, &[0.1, 5.0]).unwrap();
    assert_eq!(forward.sigmas(), [0.1, 1.0], "beyond the trained range, its end is computed with");
    let denoised = forward.denoised().unwrap();
    let conditional = forward.denoised_as(&[0, 1, 2]).unwrap();
    for index in 0..2 {
        let posterior = forward.posterior_of(index);
        assert!((posterior.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let parts: Vec<_> = (0..3).map(|c| conditional.picture(3 * index + c)).collect();
        let mean = mixture(&posterior, &parts);
        for (a, b) in mean.values().iter().zip(denoised.row(index)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}

#[test]
fn what_rounding_leaves_of_a_sum_does_not_weigh_the_density() {
    let mut draw = Draw(1500);
    for count in [2, 10, 1000] {
        let log_joint: Vec<f64> = draw.values(count).iter().map(|v| f64::from(*v) * 4.0).collect();
        let weight = |reading: Reading| density_weight(&reading.cotangent(&log_joint));
        for class in 0..count.min(20) {
            assert_eq!(weight(Reading::ClassGradient(class)).to_bits(), 0.0_f32.to_bits(), "{count} classes");
            assert_eq!(weight(Reading::ScoreAs(class)).to_bits(), 1.0_f32.to_bits());
        }
        assert!((weight(Reading::Score) - 1.0).abs() < 1e-6);
    }
    assert!((density_weight(&[1.0, -0.999_99]) - 1e-5).abs() < 1e-7, "a small sum is still one");
    assert!((density_weight(&[0.0, 1e-30, 0.0]) - 1e-30).abs() < 1e-36);
}
