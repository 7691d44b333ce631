//! The checkpoint: one safetensors file with the description in its metadata, read strictly and written whole.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::Description;
use crate::program::Program;
use crate::{Error, Result, files};

/// The metadata key that holds the description.
const KEY: &str = "denoscope";

/// No network of this kind is larger; a file that is would only fill the memory.
const LARGEST: u64 = 2 << 30;

/// One tensor's shape and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// How values are stored in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// 32-bit floats: exactly the weights.
    #[default]
    Single,
    /// 16-bit floats: half the size, rounded to 11 bits.
    Half,
}

/// A network's description and weights, as they are in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What the network is.
    pub description: Description,
    /// Every tensor by name: exactly those of [`Description::parameters`].
    pub tensors: BTreeMap<String, Values>,
}

impl Checkpoint {
    /// An untrained network.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if no network can be built from the description.
    pub fn untrained(description: Description, seed: u64) -> Result<Self> {
        description.check().map_err(|reason| Error::checkpoint(&description.name, reason))?;
        let weights = description.initial_weights(seed).into_iter();
        let tensors = weights.map(|(name, shape, values)| (name, Values { shape, values })).collect();
        Ok(Self { description, tensors })
    }

    /// Reads a checkpoint file; all of it is checked before anything is returned.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is not exactly a checkpoint: names,
    /// shapes, number formats and finiteness are checked, and the message names the tensor at fault.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let size = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if size.is_dir() {
            return Err(Error::checkpoint(path, "is a folder; name a .safetensors file"));
        }
        if size.len() > LARGEST {
            return Err(Error::checkpoint(path, "is larger than 2 GiB, so it is no model of this kind"));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        Self::from_bytes(path, &bytes)
    }

    /// The checkpoint in `bytes`; `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], as for [`Self::read`].
    pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
        parse(bytes).map_err(|reason| Error::checkpoint(name, reason))
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the tensors are not those of the description, or not finite.
    pub fn to_bytes(&self, storage: Storage) -> Result<Vec<u8>> {
        let fail = |reason| Error::checkpoint(&self.description.name, reason);
        self.check().map_err(fail)?;
        let json = serde_json::to_string(&self.description).map_err(|e| fail(e.to_string()))?;
        let packed: Vec<(&str, &[usize], Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, v)| (name.as_str(), v.shape.as_slice(), pack(&v.values, storage)))
            .collect();
        let dtype = match storage {
            Storage::Single => Dtype::F32,
            Storage::Half => Dtype::F16,
        };
        let mut views = Vec::with_capacity(packed.len());
        for (name, shape, bytes) in &packed {
            views.push((*name, TensorView::new(dtype, shape.to_vec(), bytes).map_err(|e| fail(e.to_string()))?));
        }
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))
    }

    /// A hexadecimal SHA-256 of the description and of every tensor's name, shape and values.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        // A description is plain data, which is always JSON.
        hash.update(serde_json::to_vec(&self.description).unwrap_or_default());
        for (name, Values { shape, values }) in &self.tensors {
            hash.update(format!("{name} {shape:?}"));
            for some in values.chunks(1 << 12) {
                hash.update(some.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
            }
        }
        format!("{:x}", hash.finalize())
    }

    /// Writes the file whole or not at all, over one that is there.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written, else as [`Self::to_bytes`].
    pub fn write(&self, path: impl AsRef<Path>, storage: Storage) -> Result<()> {
        files::write_whole(path, &self.to_bytes(storage)?, true)
    }

    /// The weights in a program's order.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming a tensor that is missing or has another length.
    pub fn weights(&self, program: &Program) -> Result<Vec<&[f32]>> {
        let tensor = |name: &str| self.tensors.get(name).map(|t| t.values.as_slice());
        program.weights(tensor).map_err(|reason| Error::checkpoint(&self.description.name, reason))
    }

    /// Says which tensor is missing, misshapen, not finite, or not of this network.
    fn check(&self) -> Result<(), String> {
        let expected: BTreeMap<_, _> = self.description.parameters().into_iter().collect();
        for (name, shape) in &expected {
            let Some(tensor) = self.tensors.get(name) else {
                return Err(format!("tensor {name} is missing"));
            };
            if &tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
                return Err(format!("tensor {name} is {:?}, but the description makes it {shape:?}", tensor.shape));
            }
            if !tensor.values.iter().all(|v| v.is_finite()) {
                return Err(format!("tensor {name} holds values that are not finite"));
            }
        }
        match self.tensors.keys().find(|name| !expected.contains_key(*name)) {
            Some(name) => Err(format!("tensor {name} is none of this network")),
            None => Ok(()),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    let broken = |e: safetensors::SafeTensorError| format!("is no whole safetensors file ({e})");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or(
        "has no Denoscope description in its metadata; tests/reference/README.md tells how to convert PyTorch weights",
    )?;
    let description: Description =
        serde_json::from_str(json).map_err(|e| format!("its description cannot be read: {e}"))?;
    description.check()?;
    // Names and shapes are held against the description before the values are copied.
    let expected: BTreeMap<_, _> = description.parameters().into_iter().collect();
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let shape = expected.get(name).ok_or_else(|| format!("tensor {name} is none of this network"))?;
        if view.shape() != shape {
            return Err(format!("tensor {name} is {:?}, but the description makes it {shape:?}", view.shape()));
        }
        let values = unpack(view.data(), view.dtype())
            .ok_or_else(|| format!("tensor {name} holds {:?} values, not F32, F16 or BF16", view.dtype()))?;
        tensors.insert(name.to_owned(), Values { shape: shape.clone(), values });
    }
    let checkpoint = Checkpoint { description, tensors };
    checkpoint.check()?;
    Ok(checkpoint)
}

fn pack(values: &[f32], storage: Storage) -> Vec<u8> {
    match storage {
        Storage::Single => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Storage::Half => values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
    }
}

fn unpack(bytes: &[u8], dtype: Dtype) -> Option<Vec<f32>> {
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    Some(match dtype {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => pairs().map(|b| half::f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect(),
        _ => return None,
    })
}
