//! Which pictures are trained on and which are kept aside: a seeded choice in each class.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Catalogue;
use crate::{Error, Result};

/// Pictures that are kept aside if nothing is said, and the most of a set that they are then: one in so many.
const HOLDOUT: usize = 1000;
const ONE_IN: usize = 10;

/// The first stream of the choice, one a class; streams of training begin at `0x0100_0000`.
const STREAM: u64 = 0x0200_0000;

/// What is chosen, as a person asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// The seed of the choice.
    pub seed: u64,
    /// How many pictures are kept aside; if not said, 1000, and at most a tenth of the set.
    pub holdout: Option<usize>,
    /// How many of the others are trained on; all if not said.
    pub limit: Option<usize>,
}

/// The chosen pictures, as ascending indices into a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Those to train on.
    pub train: Vec<u32>,
    /// Those to measure on.
    pub held_out: Vec<u32>,
}

/// What a run remembers of its split, so that it goes on with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRecord {
    /// The seed of the choice.
    pub seed: u64,
    /// How many pictures were chosen to train on.
    pub train: usize,
    /// How many were kept aside.
    pub held_out: usize,
    /// SHA-256 of the list of both, by label and by the place in the set or the path in the folder.
    pub list: String,
}

impl Split {
    /// Chooses from what there is to train on. Each class gives its share of the pictures kept aside and of those trained
    /// on (by largest remainders), and keeps at least one to train on. A validation part is what is kept aside, where there
    /// is one. The pictures kept aside do not depend on `limit`.
    ///
    /// # Errors
    /// [`Error::Option`] if nothing, or nothing of some class, would be left to train on.
    pub fn choose(catalogue: &Catalogue, choice: Choice) -> Result<Self> {
        let all = shuffled(catalogue, catalogue.main(), choice.seed);
        let counts: Vec<usize> = all.iter().map(Vec::len).collect();
        let total: usize = counts.iter().sum();
        let validation = shuffled(catalogue, catalogue.validation(), choice.seed);
        let own: Vec<usize> = validation.iter().map(Vec::len).collect();
        let (aside, kept): (Vec<usize>, Vec<u32>) = if own.iter().any(|&count| count > 0) {
            let count = choice.holdout.unwrap_or(HOLDOUT).min(own.iter().sum());
            (vec![0; counts.len()], first(&validation, &apportion(&own, count, 0, &own)))
        } else {
            let count = choice.holdout.unwrap_or(HOLDOUT.min(total / ONE_IN));
            let most: Vec<usize> = counts.iter().map(|count| count.saturating_sub(1)).collect();
            let room: usize = most.iter().sum();
            if count > room {
                let reason =
                    format!("keeps {count} of {total} pictures aside, which leaves a class nothing to train on");
                return Err(Error::option("--holdout", format!("{reason}; at most {room} can be")));
            }
            let aside = apportion(&counts, count, 0, &most);
            let kept = first(&all, &aside);
            (aside, kept)
        };
        let rest: Vec<Vec<u32>> = all.into_iter().zip(&aside).map(|(all, &aside)| all[aside..].to_vec()).collect();
        let counts: Vec<usize> = rest.iter().map(Vec::len).collect();
        let total: usize = counts.iter().sum();
        let limit = choice.limit.unwrap_or(total).min(total);
        if limit == 0 {
            let option = if choice.limit == Some(0) { "--limit" } else { "--data" };
            return Err(Error::option(option, "there is no picture to train on"));
        }
        // Where there are pictures enough, every class is trained.
        let least = usize::from(limit >= counts.iter().filter(|&&count| count > 0).count());
        Ok(Self { train: first(&rest, &apportion(&counts, limit, least, &counts)), held_out: kept })
    }

    /// What a run remembers of it.
    #[must_use]
    pub fn record(&self, catalogue: &Catalogue, seed: u64) -> SplitRecord {
        let mut hash = Sha256::new();
        for part in [&self.train, &self.held_out] {
            hash.update((part.len() as u64).to_le_bytes());
            for &index in part {
                hash.update(catalogue.labels[index as usize].to_le_bytes());
                hash.update(catalogue.identity(index as usize));
                hash.update([0]);
            }
        }
        let list = format!("{:x}", hash.finalize());
        SplitRecord { seed, train: self.train.len(), held_out: self.held_out.len(), list }
    }
}

/// The pictures of a range by class, each class in a random order of its own.
fn shuffled(catalogue: &Catalogue, range: std::ops::Range<usize>, seed: u64) -> Vec<Vec<u32>> {
    let mut classes = vec![Vec::new(); catalogue.classes.len()];
    for index in range {
        classes[catalogue.labels[index] as usize].push(index as u32);
    }
    for (class, members) in classes.iter_mut().enumerate() {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(STREAM + class as u64);
        // Fisher–Yates.
        for last in (1..members.len()).rev() {
            let other = (u64::from(generator.next_u32()) * (last as u64 + 1)) >> 32;
            members.swap(last, other as usize);
        }
    }
    classes
}

/// The first so many of each class, in ascending order of all.
fn first(classes: &[Vec<u32>], shares: &[usize]) -> Vec<u32> {
    let mut chosen: Vec<u32> =
        classes.iter().zip(shares).flat_map(|(members, &share)| members[..share].iter().copied()).collect();
    chosen.sort_unstable();
    chosen
}

/// Shares `total` out in proportion to `counts` by largest remainders (Hamilton's method), no share below `least` where its
/// count is not 0, none above its `most`. `total` has to lie between the sums of both.
fn apportion(counts: &[usize], total: usize, least: usize, most: &[usize]) -> Vec<usize> {
    let sum = counts.iter().sum::<usize>().max(1) as i128;
    let floor = |count: usize| (total as i128 * count as i128 / sum) as usize;
    let least: Vec<usize> = most.iter().map(|&most| least.min(most)).collect();
    let mut shares: Vec<usize> = counts
        .iter()
        .zip(least.iter().zip(most))
        .map(|(&count, (&least, &most))| floor(count).clamp(least, most))
        .collect();
    // How much more than it has a class should have, times the sum: exact.
    let lack = |class: usize, share: usize| total as i128 * counts[class] as i128 - share as i128 * sum;
    loop {
        let given: usize = shares.iter().sum();
        if given == total {
            return shares;
        }
        let more = given < total;
        let open = (0..counts.len()).filter(|&c| if more { shares[c] < most[c] } else { shares[c] > least[c] });
        // Of equals the first class.
        let next = open.max_by(|&a, &b| {
            let order = lack(a, shares[a]).cmp(&lack(b, shares[b]));
            (if more { order } else { order.reverse() }).then(b.cmp(&a))
        });
        let Some(class) = next else { return shares };
        if more {
            shares[class] += 1;
        } else {
            shares[class] -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
