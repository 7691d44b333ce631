//! Several candidates for each picture, weighed on the way from level to level, of which one is kept: a sequential Monte Carlo sampler.
//!
//! Del Moral, Doucet & Jasra, *Sequential Monte Carlo samplers* (2006): a step y → y' by K, from the density π of one level to π' of
//! the next, multiplies a weight by `π'(y')L(y | y')/π(y)K(y' | y)`, whatever the kernel L. L adds the noise that K takes away; so a
//! step that undoes noise exactly weighs nothing, and what is left is how probable the next level finds what was measured. Where
//! the effective number `(Σw)²/Σw²` falls below half, candidates are drawn anew in proportion to their weights.

use super::{Corrector, Recorder, Seen};

/// The candidates of some pictures, as many of each, one picture's after the other's.
#[derive(Debug, Clone)]
pub(in crate::study::lab) struct Candidates {
    each: usize,
    /// log w, up to a constant of the picture.
    log: Vec<f64>,
}

impl Candidates {
    /// `each` of so many rows in all, with equal weights.
    pub fn new(rows: usize, each: usize) -> Self {
        Self { each, log: vec![0.0; rows] }
    }

    /// Multiplies the weights by these, given as logarithms. What is no number weighs nothing.
    pub fn weigh(&mut self, gains: impl Iterator<Item = f64>) {
        for (log, gain) in self.log.iter_mut().zip(gains) {
            *log = if gain.is_nan() { f64::NEG_INFINITY } else { *log + gain };
        }
    }

    /// Weights that add up to 1, of each picture; equal ones where all are nothing.
    fn shares(&self) -> impl Iterator<Item = Vec<f64>> {
        self.log.chunks_exact(self.each).map(|log| {
            let most = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let one = |log: &f64| if most.is_finite() { (log - most).exp() } else { 1.0 };
            let all: Vec<f64> = log.iter().map(one).collect();
            let sum: f64 = all.iter().sum();
            all.into_iter().map(|w| w / sum).collect()
        })
    }

    /// Which row goes on in place of each, drawn by one number between 0 and 1 a row, if any is to be drawn anew.
    pub fn select(&mut self, draws: &[f64]) -> Option<Vec<usize>> {
        let mut from: Vec<usize> = (0..self.log.len()).collect();
        let mut moved = false;
        let shares: Vec<Vec<f64>> = self.shares().collect();
        for (group, shares) in shares.into_iter().enumerate() {
            let effective = 1.0 / shares.iter().map(|w| w * w).sum::<f64>();
            if effective >= 0.5 * self.each as f64 {
                continue;
            }
            let first = group * self.each;
            for (index, chosen) in systematic(&shares, self.each, draws[first]).into_iter().enumerate() {
                from[first + index] = first + chosen;
                self.log[first + index] = 0.0;
            }
            moved = true;
        }
        moved.then_some(from)
    }

    /// The row of every picture's heaviest candidate.
    pub fn heaviest(&self) -> Vec<usize> {
        let best = |log: &[f64]| (0..log.len()).max_by(|a, b| log[*a].total_cmp(&log[*b])).unwrap_or(0);
        self.log.chunks_exact(self.each).enumerate().map(|(group, log)| group * self.each + best(log)).collect()
    }

    /// One row of every picture, drawn in proportion to the weights.
    pub fn choose(&self, draws: &[f64]) -> Vec<usize> {
        let one = |(group, shares): (usize, Vec<f64>)| {
            let first = group * self.each;
            first + systematic(&shares, 1, draws[first])[0]
        };
        self.shares().enumerate().map(one).collect()
    }
}

/// So many draws in proportion to shares that add up to 1, evenly spaced from `draw` on (Kitagawa 1996): each comes as often as its
/// share says, up to one.
fn systematic(shares: &[f64], count: usize, draw: f64) -> Vec<usize> {
    let (mut at, mut sum) = (0, shares[0]);
    (0..count)
        .map(|index| {
            let place = (index as f64 + draw) / count as f64;
            while place > sum && at + 1 < shares.len() {
                at += 1;
                sum += shares[at];
            }
            at
        })
        .collect()
}

/// Rows of so many values in the place of others.
pub(in crate::study::lab) fn rows(values: &[f64], size: usize, from: &[usize]) -> Vec<f64> {
    from.iter().flat_map(|row| values[row * size..(row + 1) * size].iter().copied()).collect()
}

impl Seen {
    /// The same of other rows.
    pub fn rows(&self, size: usize, from: &[usize]) -> Self {
        Self {
            denoised: rows(&self.denoised, size, from),
            posteriors: from.iter().filter_map(|row| self.posteriors.get(*row).cloned()).collect(),
            log: from.iter().map(|row| self.log[*row]).collect(),
            sigmas: from.iter().map(|row| self.sigmas[*row]).collect(),
        }
    }
}

impl Corrector {
    /// Goes on with other rows.
    pub fn follow(&mut self, from: &[usize]) {
        self.lengths = from.iter().map(|row| self.lengths[*row]).collect();
    }
}

/// Records of other rows.
pub(in crate::study::lab) fn records(recorders: &[Recorder], from: &[usize]) -> Vec<Recorder> {
    from.iter().map(|row| recorders[*row].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_drawn_anew_as_often_as_they_weigh_and_only_where_few_count() {
        let mut all = Candidates::new(8, 4);
        let weights = [0.05, 0.05, 0.8, 0.1, 0.3, 0.2, 0.2, 0.3];
        all.weigh(weights.iter().map(|w: &f64| w.ln() + 700.0));
        assert_eq!(all.heaviest(), [2, 7]);
        let mut chosen = [0; 8];
        for step in 0..1000 {
            let draw = (f64::from(step) + 0.5) / 1000.0;
            all.choose(&[draw; 8]).into_iter().for_each(|row| chosen[row] += 1);
            // Systematic: 3.2 of four places for the third, 0.4 for the fourth.
            let from = all.clone().select(&[draw; 8]).unwrap();
            assert_eq!(from[4..], [4, 5, 6, 7], "1/Σw² is 3.8 of the second's four");
            let third = from[..4].iter().filter(|row| **row == 2).count();
            assert!((3..=4).contains(&third), "{from:?}");
        }
        assert_eq!(chosen, [50, 50, 800, 100, 300, 200, 200, 300]);
        let mut after = all.clone();
        after.select(&[0.5; 8]).unwrap();
        assert_eq!(after.select(&[0.5; 8]), None, "their weights are equal again");
        assert_eq!(after.log[4..], all.log[4..]);
    }

    #[test]
    fn what_is_no_number_weighs_nothing_and_none_at_all_weigh_the_same() {
        let mut all = Candidates::new(2, 2);
        all.weigh([f64::NAN, -3.0].into_iter());
        assert_eq!(all.select(&[0.9; 2]), None, "one of two is half");
        assert_eq!(all.choose(&[1e-9; 2]), [1]);
        all.weigh([1.0, f64::NAN].into_iter());
        assert_eq!((all.choose(&[0.2; 2]), all.choose(&[0.8; 2])), (vec![0], vec![1]));
    }
}
