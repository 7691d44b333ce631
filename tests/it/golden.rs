//! The golden files of the reference (`tests/reference/README.md` tells their layout).

use std::path::PathBuf;

use denoscope::network::Checkpoint;
use safetensors::tensor::{Dtype, SafeTensors};

/// Where a golden file lies.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/goldens").join(format!("{name}.safetensors"))
}

/// One of the tiny networks.
pub fn checkpoint(network: &str) -> Checkpoint {
    Checkpoint::read(path(network)).unwrap()
}

/// The bytes of a golden file.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// A golden tensor's shape and values, whichever numbers it is stored in.
pub fn tensor(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let fours = || view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let values = match view.dtype() {
        Dtype::F32 => fours().map(|b| f64::from(f32::from_le_bytes(b))).collect(),
        Dtype::I32 => fours().map(|b| f64::from(i32::from_le_bytes(b))).collect(),
        Dtype::F64 => view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect(),
        other => panic!("{name} is {other:?}"),
    };
    (view.shape().to_vec(), values)
}

/// The values rounded to f32, which changes none that was stored so.
pub fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}
