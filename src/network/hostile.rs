//! Checkpoints that are not whole, not right or not ours: each ends in an error that names what is wrong.

use super::tests::random_checkpoint;
use super::{Checkpoint, DeviceChoice, Network, Stem, Storage};
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};

/// A tensor of a forged file: name, number format, shape, bytes.
type Tensor<'a> = (&'a str, safetensors::Dtype, Vec<usize>, Vec<u8>);

fn whole() -> (Checkpoint, Vec<u8>) {
    let checkpoint = random_checkpoint(Stem { kernel: 4, stride: 2 }, 1);
    let bytes = checkpoint.to_bytes(Storage::Single).unwrap();
    (checkpoint, bytes)
}

/// The file of other tensors and metadata than a checkpoint would write.
fn forged(tensors: &[Tensor<'_>], json: Option<String>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let metadata = json.map(|json| std::collections::HashMap::from([("denoscope".to_owned(), json)]));
    safetensors::serialize(views, metadata).unwrap()
}

fn error(bytes: &[u8]) -> String {
    let error = Checkpoint::from_bytes("m.safetensors", bytes).unwrap_err().to_string();
    assert!(error.starts_with("m.safetensors: ") && !error.contains('\n'), "{error}");
    error
}

#[test]
fn a_checkpoint_comes_back_as_it_was_written() {
    let (checkpoint, bytes) = whole();
    assert_eq!(Checkpoint::from_bytes("m", &bytes).unwrap(), checkpoint);
    let half = Checkpoint::from_bytes("m", &checkpoint.to_bytes(Storage::Half).unwrap()).unwrap();
    for (name, tensor) in &checkpoint.tensors {
        for (a, b) in tensor.values.iter().zip(&half.tensors[name].values) {
            assert!((a - b).abs() <= a.abs() / 2048.0 + 1e-7, "{name}: {a} {b}");
        }
    }
}

#[test]
fn missing_extra_misshapen_and_infinite_tensors_are_named() {
    let (checkpoint, _) = whole();
    let json = serde_json::to_string(&checkpoint.description).unwrap();
    let file = |change: &dyn Fn(&mut Vec<Tensor<'_>>)| {
        let pack = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut tensors: Vec<_> = checkpoint
            .tensors
            .iter()
            .map(|(n, t)| (n.as_str(), safetensors::Dtype::F32, t.shape.clone(), pack(&t.values)))
            .collect();
        change(&mut tensors);
        error(&forged(&tensors, Some(json.clone())))
    };
    let place = |tensors: &[Tensor<'_>]| tensors.iter().position(|t| t.0 == "head.linear.bias").unwrap();
    let missing = file(&|t| drop(t.remove(place(t))));
    assert!(missing.contains("tensor head.linear.bias is missing"), "{missing}");
    let extra = file(&|t| t.push(("spare", safetensors::Dtype::F32, vec![1], vec![0; 4])));
    assert!(extra.contains("tensor spare is none of this network"), "{extra}");
    let misshapen = file(&|t| {
        let i = place(t);
        t[i] = ("head.linear.bias", safetensors::Dtype::F32, vec![1, 3], vec![0; 12]);
    });
    assert!(misshapen.contains("tensor head.linear.bias is [1, 3]"), "{misshapen}");
    let nan = file(&|t| {
        let i = place(t);
        t[i].3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(nan.contains("tensor head.linear.bias holds values that are not finite"), "{nan}");
    let whole_numbers = file(&|t| {
        let i = place(t);
        t[i].1 = safetensors::Dtype::I32;
    });
    assert!(whole_numbers.contains("I32"), "{whole_numbers}");
}

#[test]
fn files_that_are_cut_empty_or_not_ours_are_refused() {
    let (_, bytes) = whole();
    for end in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(error(&bytes[..end]).contains("no whole safetensors file"));
    }
    // A header that says it is 8 GB long must not be believed.
    let mut long = bytes.clone();
    long[..8].copy_from_slice(&(8_u64 << 30).to_le_bytes());
    assert!(error(&long).contains("no whole safetensors file"));
    assert!(error(b"\x80\x04\x95 a pickle, never executed").contains("no whole safetensors file"));
    assert!(error(&forged(&[], None)).contains("no Denoscope description"));
    assert!(error(&forged(&[], Some("{\"format\": 1}".to_owned()))).contains("description cannot be read"));
}

#[test]
fn descriptions_that_would_fill_the_memory_are_refused() {
    let (checkpoint, _) = whole();
    let refuse = |change: &dyn Fn(&mut super::Description), part: &str| {
        let mut description = checkpoint.description.clone();
        change(&mut description);
        let message = error(&forged(&[], Some(serde_json::to_string(&description).unwrap())));
        assert!(message.contains(part), "{message}");
    };
    refuse(&|d| d.architecture.widths = vec![1 << 40, 8], "widths");
    refuse(&|d| d.architecture.blocks = vec![1 << 40, 1], "blocks");
    refuse(&|d| d.architecture.strides = vec![1, 0], "strides");
    refuse(&|d| d.architecture.group = 0, "widths");
    refuse(&|d| d.format = 9, "format 9");
    refuse(&|d| d.classes.clear(), "classes");
    refuse(&|d| d.mean.push(0.0), "channels");
    refuse(&|d| d.deviation = 0.0, "deviation");
    refuse(&|d| d.sigma_range.min = 2.0, "sigma range");
    refuse(&|d| d.image.height = 0, "height");
    refuse(&|d| d.architecture.stem.kernel = 7, "stem");
}

#[test]
fn a_file_that_is_there_survives_a_failed_write() {
    let (mut checkpoint, bytes) = whole();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    checkpoint.write(&path, Storage::Single).unwrap();
    checkpoint.tensors.get_mut("stem.weight").unwrap().values[0] = f32::INFINITY;
    assert!(checkpoint.write(&path, Storage::Single).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying about");
}

/// Every number of a JSON value replaced by each of some that cannot be, one at a time: the place and the new text.
pub(crate) fn hostile(value: &serde_json::Value) -> Vec<(String, String)> {
    const NUMBERS: [&str; 12] = [
        "0",
        "-0",
        "-1",
        "1e-30",
        "1e30",
        "1e20",
        "1e308",
        "-1e30",
        "0.5",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
    ];
    fn walk(value: &serde_json::Value, place: String, places: &mut Vec<String>) {
        match value {
            serde_json::Value::Number(_) => places.push(place),
            serde_json::Value::Array(values) => {
                values.iter().enumerate().for_each(|(i, value)| walk(value, format!("{place}/{i}"), places));
            }
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, format!("{place}/{name}"), places));
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(value, String::new(), &mut places);
    let mut all = Vec::new();
    for place in places {
        for number in NUMBERS {
            let mut changed = value.clone();
            // A mark that is a string first, so that numbers no JSON library holds can stand in its place.
            *changed.pointer_mut(&place).expect("a place") = serde_json::Value::from("the mark");
            all.push((format!("{place} = {number}"), changed.to_string().replace("\"the mark\"", number)));
        }
    }
    all
}

#[test]
fn no_number_in_a_description_does_harm() {
    let (checkpoint, _) = whole();
    let pack = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensors: Vec<Tensor<'_>> = checkpoint
        .tensors
        .iter()
        .map(|(n, t)| (n.as_str(), safetensors::Dtype::F32, t.shape.clone(), pack(&t.values)))
        .collect();
    let shape = checkpoint.description.image;
    let noisy = Batch::of([&Picture::filled(shape, 0.4)]);
    let (mut refused, mut taken) = (0, 0);
    for (change, json) in hostile(&serde_json::to_value(&checkpoint.description).unwrap()) {
        match Checkpoint::from_bytes("m.safetensors", &forged(&tensors, Some(json))) {
            Err(error) => {
                assert!(!error.to_string().contains('\n'), "{change}: {error}");
                refused += 1;
            }
            Ok(checkpoint) => {
                // What is read answers, or says in a line that it cannot.
                let network = Network::load(&checkpoint, &DeviceChoice::Cpu).unwrap();
                let answer = network.forward(&noisy, &[0.1]).and_then(|forward| forward.denoised());
                assert!(answer.is_ok_and(|denoised| denoised.values().iter().all(|v| v.is_finite())), "{change}");
                taken += 1;
            }
        }
    }
    assert!(refused > 100 && taken > 4, "{refused} refused, {taken} taken");
}
