//! The network against the golden numbers of the reference (`tests/reference/README.md` tells their layout).

use std::path::PathBuf;

use denoscope::joint::{Forward, JointModel, Linear, log_density};
use denoscope::network::{Checkpoint, DeviceChoice, Network};
use denoscope::picture::{Batch, Shape};
use safetensors::tensor::{Dtype, SafeTensors};

const NETWORKS: [&str; 3] = ["compact-rgb", "compact-grey", "gradresnet-rgb"];
const CASES: [&str; 3] = ["square", "wide", "clamped"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/goldens").join(name)
}

fn checkpoint(network: &str) -> Checkpoint {
    Checkpoint::read(path(&format!("{network}.safetensors"))).unwrap()
}

/// A golden tensor's shape and values, whichever float it is stored in.
fn tensor(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let bytes = view.data();
    let values = match view.dtype() {
        Dtype::F32 => {
            bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().expect("4 bytes")))).collect()
        }
        Dtype::F64 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect(),
        other => panic!("{name} is {other:?}"),
    };
    (view.shape().to_vec(), values)
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

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
    let bytes = std::fs::read(path(&format!("{network}.cases.safetensors"))).unwrap();
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
        let model = Network::load(&checkpoint(network), DeviceChoice::Cpu).unwrap();
        compare(&model, network, 1e-5, 1e-4);
    }
}

#[test]
fn in_double_precision_nothing_but_rounding_is_left() {
    for network in NETWORKS {
        let model = Network::load_double(&checkpoint(network)).unwrap();
        compare(&model, network, 1e-9, 1e-6);
    }
}
