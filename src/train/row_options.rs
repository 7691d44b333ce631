//! Options about which part of the loss each row of a batch trains, at which noise, and on which pictures.

use serde::{Deserialize, Serialize};

use super::adversarial::Adversarial;
use super::noise_levels::NoiseLevels;
use crate::{Error, Result, limits};

/// The largest parameter of mixup's law, beyond which every mixture is half and half.
const LARGEST_MIXUP: f64 = 100.0;

/// Rows that are not like the others. By default there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct RowOptions {
    /// The share of each batch that trains the classes alone, 0 to 1: without the adjoint passes, which are most of the work
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    #[serde(default)]
    pub classify_share: f32,
    /// The share of each batch that trains the score alone, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    #[serde(default)]
    pub denoise_share: f32,
    /// The law of the noise levels of the rows that train the classes alone (default: that of the others)
    #[arg(long, value_name = "LAW")]
    #[serde(default)]
    pub classify_sigma_distribution: Option<NoiseLevels>,
    /// Make each row that trains the classes alone a mixture of two pictures, of shares drawn from Beta(A, A); 0: none
    #[arg(long, default_value_t = 0.0, value_name = "A")]
    #[serde(default)]
    pub mixup: f64,
    /// Attack a share of the pictures on the network as it is, and train the classes on what comes of it: n-fgsm:EPSILON or
    /// pgd:EPSILON:STEPS, in L∞. Measured on held-out pictures by PGD, and stopped if that suddenly fails
    #[arg(long, value_name = "ATTACK", value_parser = attack)]
    #[serde(default)]
    pub adversarial: Option<Adversarial>,
    /// The share of each batch that they are
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    #[serde(default)]
    pub adversarial_share: f32,
    /// Learn what the parts of the loss weigh at each noise level, so that none outweighs the others (as EDM2 does)
    #[arg(long)]
    #[serde(default)]
    pub learned_weights: bool,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            classify_share: 0.0,
            denoise_share: 0.0,
            classify_sigma_distribution: None,
            mixup: 0.0,
            adversarial: None,
            adversarial_share: 0.5,
            learned_weights: false,
        }
    }
}

impl RowOptions {
    /// Says which option has a value that it cannot have, beside rows of the shares `others` of a batch.
    ///
    /// # Errors
    /// [`Error::Option`] naming it.
    pub fn check(&self, others: f32) -> Result<()> {
        let shares = [
            ("--classify-share", self.classify_share),
            ("--denoise-share", self.denoise_share),
            ("--adversarial-share", self.adversarial_share),
        ];
        for (option, share) in shares {
            limits::number(option, f64::from(share), 0.0, 1.0)?;
        }
        limits::number("--mixup", self.mixup, 0.0, LARGEST_MIXUP)?;
        let all = others + self.classify_share + self.denoise_share + self.adversarial();
        // A share is what a person typed: three times 0.3 and 0.1 are a whole.
        if all > 1.0 + 1e-5 {
            let reason = format!("with the other shares of the batch it makes {all}, which is more than the whole");
            return Err(Error::option("--classify-share", reason));
        }
        for (option, is_set) in [
            ("--mixup", self.mixup > 0.0),
            ("--classify-sigma-distribution", self.classify_sigma_distribution.is_some()),
        ] {
            if is_set && self.classify_share == 0.0 {
                return Err(Error::option(option, "is of the rows of --classify-share, of which there are none"));
            }
        }
        Ok(())
    }

    /// The share of the rows that are attacked.
    #[must_use]
    pub fn adversarial(&self) -> f32 {
        if self.adversarial.is_some() { self.adversarial_share } else { 0.0 }
    }

    /// Whether any row differs from the others in what it trains or weighs.
    #[must_use]
    pub fn weigh(&self) -> bool {
        let shares = [self.classify_share, self.denoise_share, self.adversarial()];
        shares.iter().any(|share| *share > 0.0) || self.learned_weights
    }
}

/// Parses an attack for clap, which names the option itself.
fn attack(text: &str) -> Result<Adversarial, String> {
    text.parse().map_err(|error| match error {
        Error::Option { reason, .. } => reason,
        other => other.to_string(),
    })
}
