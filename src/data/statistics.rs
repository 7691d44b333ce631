//! What training takes from its pictures as a whole: moments for the normalisation, and a digest to know them by.

use sha2::{Digest, Sha256};

use super::{DataSet, Loader};
use crate::Result;

/// The mean of each channel and the standard deviations about it, on the [0, 1] scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// One mean a channel.
    pub mean: Vec<f32>,
    /// One standard deviation a channel.
    pub deviation: Vec<f32>,
}

impl Statistics {
    /// One standard deviation for all channels: the root mean square of the channels' own.
    #[must_use]
    pub fn pooled_deviation(&self) -> f32 {
        let square: f32 = self.deviation.iter().map(|d| d * d).sum();
        (square / self.deviation.len() as f32).sqrt()
    }
}

/// Pictures between two looks at the cancel flag.
const PART: usize = 4096;

impl DataSet {
    /// The moments of the first `counted` pictures, and the SHA-256, in hexadecimal, of the labels and bytes of the first
    /// `known`, in one pass over them.
    ///
    /// # Errors
    /// As for [`DataSet::bytes`], and [`crate::Error::Cancelled`].
    pub fn survey(&self, counted: usize, known: usize, loader: &mut Loader<'_>) -> Result<(Statistics, String)> {
        let plane = self.shape.height * self.shape.width;
        // Integer sums are exact: 2^64 holds the squares of 2^48 bytes.
        let mut sums = vec![(0_u64, 0_u64); self.shape.channels];
        let (mut hash, mut buffer) = (Sha256::new(), Vec::new());
        let count = counted.max(known);
        for index in 0..count {
            if index % PART == PART - 1 {
                loader.cancel.check()?;
                (loader.observe)(index, count);
            }
            let bytes = self.bytes(index, &mut buffer)?;
            if index < known {
                hash.update(self.labels[index].to_le_bytes());
                hash.update(bytes);
            }
            if index < counted {
                for (sum, bytes) in sums.iter_mut().zip(bytes.chunks_exact(plane)) {
                    for &byte in bytes {
                        sum.0 += u64::from(byte);
                        sum.1 += u64::from(byte) * u64::from(byte);
                    }
                }
            }
        }
        let values = (counted.max(1) * plane) as f64;
        let mean = |s: u64| s as f64 / values;
        let statistics = Statistics {
            mean: sums.iter().map(|s| (mean(s.0) / 255.0) as f32).collect(),
            deviation: sums.iter().map(|s| ((mean(s.1) - mean(s.0).powi(2)).max(0.0).sqrt() / 255.0) as f32).collect(),
        };
        Ok((statistics, format!("{:x}", hash.finalize())))
    }
}
