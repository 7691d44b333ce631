//! What a network is trained for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::LossWeights;
use crate::{Error, Result};

/// What is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The classes and the score together.
    #[default]
    Joint,
    /// The classes alone: λ = 0, no adjoint pass.
    Classify,
    /// The score alone.
    Denoise,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Joint => "joint",
            Self::Classify => "classify",
            Self::Denoise => "denoise",
        })
    }
}

impl FromStr for Objective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Joint, Self::Classify, Self::Denoise];
        let reason = || Error::option("--objective", format!("{text} is none of joint, classify, denoise"));
        all.into_iter().find(|o| o.to_string() == text).ok_or_else(reason)
    }
}

impl Objective {
    /// What it makes the parts of the loss weigh.
    #[must_use]
    pub fn weights(self, lambda: f64) -> LossWeights {
        LossWeights {
            cross_entropy: if self == Self::Denoise { 0.0 } else { 1.0 },
            score: if self == Self::Classify { 0.0 } else { lambda as f32 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_have_their_names_and_leave_out_what_they_do_not_train() {
        for (name, cross_entropy, score) in [("joint", 1.0, 10.0), ("classify", 1.0, 0.0), ("denoise", 0.0, 10.0)] {
            let objective = name.parse::<Objective>().unwrap();
            assert_eq!(objective.to_string(), name);
            assert_eq!(objective.weights(10.0), LossWeights { cross_entropy, score });
        }
        assert!("both".parse::<Objective>().unwrap_err().to_string().contains("--objective"));
    }
}
