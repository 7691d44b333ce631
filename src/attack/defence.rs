//! Defences to compare, each attacked by one that knows it: gradients are taken through the defence, as the mean over
//! its noise (expectation over transformation; Athalye et al. 2018).

use std::fmt;
use std::str::FromStr;

use super::classifier::{Classifier, Direct, Noisy};
use super::purify::Purified;
use super::vote::{AT_ONCE, Average, Voter};
use crate::joint::JointModel;
use crate::picture::Noise;
use crate::{Error, Result, limits};

/// How many draws a gradient is the mean over, at most.
const MOST_DRAWS: usize = 4096;
/// How many draws decide, at most.
const MOST_VOTES: usize = 1_000_000;
/// How often noise is added and taken off, at most.
const MOST_ROUNDS: usize = 64;

/// What stands between the attacked picture and the posterior.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Defence {
    /// Nothing: p(c | x).
    #[default]
    None,
    /// One fixed noise of the classifier's σ on each picture: p(c | x + σε). No defence against one who knows the
    /// noise, but the posterior of the noisy picture that a person looks at. Picture number 0 gets the noise that
    /// [`Noise::apply`] gives.
    FixedNoise {
        /// The noise's seed.
        seed: u64,
    },
    /// The smoothed classifier (Cohen et al. 2019): the class that p(c | x + σε) says most often over the noise ε. The
    /// attack raises its loss on the mean of p(c | x + σε) (Salman et al. 2019).
    Vote {
        /// How many draws a gradient is the mean over.
        draws: usize,
        /// How many draws decide.
        votes: usize,
        /// Whether the noise is drawn once and for all, and known: gradients are over the first of the draws that decide. What a
        /// defence owes to its noise being unknown is gone then.
        #[serde(default, skip_serializing_if = "is_off")]
        fixed: bool,
    },
    /// Add noise, denoise (D), again for some rounds, then classify (Nie et al. 2022 with one denoiser step); a vote
    /// over the noise decides.
    Purification {
        /// Standard deviation of the added noise, on the [0, 1] scale.
        sigma: f32,
        /// How often noise is added and taken off.
        rounds: usize,
        /// How the attack's gradient passes the denoiser.
        through: Through,
        /// How many draws a gradient is the mean over.
        draws: usize,
        /// How many draws decide.
        votes: usize,
        /// As of [`Self::Vote`].
        #[serde(default, skip_serializing_if = "is_off")]
        fixed: bool,
    },
}

/// So that what was kept before it could be set is the same as what is kept now.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_off(flag: &bool) -> bool {
    !flag
}

/// How a gradient passes the denoiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// By the denoiser's Jacobian `I + σ²∇² log p`, which is symmetric: its transpose times v is the change of D along
    /// v, taken by central differences. Two more adjoint passes a round.
    #[default]
    Jacobian,
    /// As if the denoiser were the identity (backward-pass differentiable approximation). Cheap, and not the gradient:
    /// what survives it is not shown to be robust.
    Straight,
}

impl Defence {
    /// A vote with eight draws a gradient, decided by a hundred.
    pub const VOTE: Self = Self::Vote { draws: 8, votes: 100, fixed: false };

    /// One round of purification at `sigma`, with four draws a gradient, decided by 32.
    #[must_use]
    pub const fn purification(sigma: f32) -> Self {
        Self::Purification { sigma, rounds: 1, through: Through::Jacobian, draws: 4, votes: 32, fixed: false }
    }

    /// Whether the attack's gradient is an approximation that may mislead it.
    pub(super) fn is_approximate(self) -> bool {
        matches!(self, Self::Purification { through: Through::Straight, .. })
    }

    /// Whether two questions about one picture may have two answers.
    pub(super) fn is_random(self) -> bool {
        matches!(self, Self::Vote { fixed: false, .. } | Self::Purification { fixed: false, .. })
    }

    /// Checks what it takes, over pictures of `values` numbers.
    ///
    /// # Errors
    /// [`Error::Option`] for a number that is out of range.
    pub(super) fn check(self, values: usize) -> Result<()> {
        let (sigma, draws, votes, rounds) = match self {
            Self::None | Self::FixedNoise { .. } => return Ok(()),
            Self::Vote { draws, votes, .. } => (1.0, draws, votes, 1),
            Self::Purification { sigma, rounds, draws, votes, .. } => (sigma, draws, votes, rounds),
        };
        for (name, count, most) in
            [("draws", draws, MOST_DRAWS), ("votes", votes, MOST_VOTES), ("rounds", rounds, MOST_ROUNDS)]
        {
            if !(1..=most).contains(&count) {
                let reason = format!("takes {name} from 1 to {most}, not {count}");
                return Err(Error::option("--defence", reason));
            }
        }
        limits::positive_sigma("--defence", sigma)?;
        limits::memory("--defence", self.rows(), values)
    }

    /// How many noise pictures it holds at once for one picture that is attacked.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::None | Self::FixedNoise { .. } => 1,
            Self::Vote { draws, .. } => draws.max(AT_ONCE),
            Self::Purification { draws, rounds, .. } => draws.max(AT_ONCE).saturating_mul(rounds),
        }
    }

    /// The classifier that results from it.
    pub(super) fn classifier<'a>(self, model: &'a dyn JointModel, sigma: f32, seed: u64) -> Box<dyn Classifier + 'a> {
        match self {
            Self::None => Box::new(Direct { model, sigma }),
            Self::FixedNoise { seed } => Box::new(Noisy { model, noise: Noise::gaussian(sigma, seed) }),
            Self::Vote { draws, votes, fixed } => {
                Box::new(Average { voter: Voter::Noisy { model, sigma }, draws, votes, seed, fixed })
            }
            Self::Purification { sigma: purification, rounds, through, draws, votes, fixed } => {
                let purified = Purified { model, sigma: purification, rounds, through, classifier_sigma: sigma };
                Box::new(Average { voter: Voter::Purified(purified), draws, votes, seed, fixed })
            }
        }
    }
}

impl FromStr for Defence {
    type Err = Error;

    /// Reads `none`, `noise`, `vote` or `purify`, and after a colon what differs from the usual, for example
    /// `purify:sigma=0.1,rounds=2,through=straight`.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut defence = match kind {
            "none" => Self::None,
            "noise" => Self::FixedNoise { seed: 0 },
            "vote" => Self::VOTE,
            "purify" => Self::purification(0.1),
            _ => return Err(Error::option("--defence", format!("takes none, noise, vote or purify, not '{kind}'"))),
        };
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let read = part.split_once('=').and_then(|(name, value)| defence.set(name.trim(), value.trim()));
            read.ok_or_else(|| Error::option("--defence", format!("'{part}' is nothing that {kind} takes")))?;
        }
        defence.check(1)?;
        Ok(defence)
    }
}

impl Defence {
    /// Itself as [`FromStr`] reads it back, to the last digit.
    #[must_use]
    pub fn argument(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::FixedNoise { seed } => format!("noise:seed={seed}"),
            Self::Vote { draws, votes, fixed } => format!("vote:draws={draws},votes={votes}{}", told(fixed)),
            Self::Purification { sigma, rounds, through, draws, votes, fixed } => {
                let through = match through {
                    Through::Jacobian => "jacobian",
                    Through::Straight => "straight",
                };
                let fixed = told(fixed);
                format!("purify:sigma={sigma},rounds={rounds},through={through},draws={draws},votes={votes}{fixed}")
            }
        }
    }

    /// Sets one of its numbers by name; none if it has no such number or the value is none.
    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match (self, name) {
            (Self::FixedNoise { seed }, "seed") => *seed = value.parse().ok()?,
            (Self::Vote { draws, .. } | Self::Purification { draws, .. }, "draws") => *draws = value.parse().ok()?,
            (Self::Vote { votes, .. } | Self::Purification { votes, .. }, "votes") => *votes = value.parse().ok()?,
            (Self::Vote { fixed, .. } | Self::Purification { fixed, .. }, "fixed") => {
                *fixed = match value {
                    "1" => true,
                    "0" => false,
                    _ => return None,
                }
            }
            (Self::Purification { sigma, .. }, "sigma") => *sigma = value.parse().ok()?,
            (Self::Purification { rounds, .. }, "rounds") => *rounds = value.parse().ok()?,
            (Self::Purification { through, .. }, "through") => {
                *through = match value {
                    "jacobian" => Through::Jacobian,
                    "straight" => Through::Straight,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }
}

fn told(fixed: bool) -> &'static str {
    if fixed { ",fixed=1" } else { "" }
}

fn known(fixed: bool) -> &'static str {
    if fixed { ", fixed noise" } else { "" }
}

impl fmt::Display for Defence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::FixedNoise { seed } => write!(f, "fixed noise of seed {seed}"),
            Self::Vote { draws, votes, fixed } => {
                write!(f, "smoothed vote of {votes} ({draws} draws a gradient{})", known(*fixed))
            }
            Self::Purification { sigma, rounds, through, draws, votes, fixed } => {
                let how = match through {
                    Through::Jacobian => "through its Jacobian",
                    Through::Straight => "straight through it",
                };
                let times = if *rounds == 1 { String::new() } else { format!(" {rounds} times") };
                write!(
                    f,
                    "purification at {sigma}{times}, vote of {votes} ({draws} draws a gradient, {how}{})",
                    known(*fixed)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defences_are_read_as_typed() {
        assert_eq!("vote".parse::<Defence>().unwrap(), Defence::VOTE);
        assert_eq!("vote:votes=7".parse::<Defence>().unwrap(), Defence::Vote { draws: 8, votes: 7, fixed: false });
        let expected = Defence::Purification {
            sigma: 0.2,
            rounds: 3,
            through: Through::Straight,
            draws: 2,
            votes: 32,
            fixed: true,
        };
        assert_eq!("purify:sigma=0.2,rounds=3,through=straight,draws=2,fixed=1".parse::<Defence>().unwrap(), expected);
        let others = [
            Defence::None,
            Defence::FixedNoise { seed: 9 },
            Defence::Vote { draws: 3, votes: 5, fixed: true },
            expected,
        ];
        assert!(others.iter().all(|defence| defence.argument().parse::<Defence>().unwrap() == *defence));
        for wrong in
            ["wall", "vote:rounds=2", "purify:sigma=-1", "vote:votes=0", "vote:fixed=2", "noise:seed", "none:votes=1"]
        {
            assert!(wrong.parse::<Defence>().unwrap_err().to_string().contains("--defence"), "{wrong}");
        }
    }
}
