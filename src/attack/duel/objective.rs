//! What a duel raises: functions of two models' log-probabilities, with their gradients.

/// The Jensen–Shannon divergence of two distributions over the same classes, in bits: from 0 to 1.
///
/// # Panics
/// If they are over different numbers of classes.
#[must_use]
pub fn divergence(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len(), "distributions over the same classes");
    let half = |p: f64, m: f64| if p > 0.0 { 0.5 * p * (p / m).log2() } else { 0.0 };
    let sum: f64 = p.iter().zip(q).map(|(&p, &q)| half(p, 0.5 * (p + q)) + half(q, 0.5 * (p + q))).sum();
    sum.clamp(0.0, 1.0)
}

/// A function of `log p_A(c | x)` and `log p_B(c | x)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objective {
    /// The divergence itself. Its gradient is nothing where both are certain of one class, so it is climbed from where
    /// one of the others led.
    Divergence,
    /// `log(1 − p_s(c)) + log p_o(c)`: this side is to hold the class impossible, the other to stay with it. It is 0 at most,
    /// and has a gradient wherever it is below.
    Yields {
        /// 0 for A, 1 for B.
        side: usize,
        /// The class.
        class: usize,
    },
}

impl Objective {
    /// Its value, and its gradient over the log-joints of A and of B, `[K]` each, whose values sum to zero.
    pub(super) fn evaluate(self, logs: &[Vec<f64>; 2]) -> (f64, [Vec<f64>; 2]) {
        let p = logs.each_ref().map(|logs| logs.iter().map(|l| l.exp()).collect::<Vec<f64>>());
        match self {
            Self::Divergence => {
                let value = divergence(&p[0], &p[1]);
                // ∂JS/∂p_c = ½ log₂(p_c/m_c), through the softmax.
                let weights = [0, 1].map(|side: usize| {
                    let slope: Vec<f64> =
                        (0..p[side].len())
                            .map(|c| {
                                if p[side][c] > 0.0 {
                                    0.5 * (2.0 * p[side][c] / (p[0][c] + p[1][c])).log2()
                                } else {
                                    0.0
                                }
                            })
                            .collect();
                    let mean: f64 = slope.iter().zip(&p[side]).map(|(s, p)| s * p).sum();
                    slope.iter().zip(&p[side]).map(|(s, p)| p * (s - mean)).collect()
                });
                (value, weights)
            }
            Self::Yields { side, class } => {
                let others = |logs: &[f64]| {
                    let most = logs.iter().enumerate().filter(|(c, _)| *c != class).map(|(_, l)| *l);
                    let most = most.fold(f64::NEG_INFINITY, f64::max);
                    let rest = logs.iter().enumerate().filter(|(c, _)| *c != class);
                    most + rest.map(|(_, l)| (l - most).exp()).sum::<f64>().ln()
                };
                let outside = others(&logs[side]);
                // p(c | x, not the class) − p(c | x): the class's own is −p, not p − 1, which would round to nothing.
                let yields: Vec<f64> = (0..p[side].len())
                    .map(|c| if c == class { -p[side][c] } else { (logs[side][c] - outside).exp() - p[side][c] })
                    .collect();
                let other = 1 - side;
                let mut stays: Vec<f64> = p[other].iter().map(|p| -p).collect();
                stays[class] = stays.iter().enumerate().filter(|(c, _)| *c != class).map(|(_, w)| -w).sum();
                let value = outside + logs[other][class];
                (value, if side == 0 { [yields, stays] } else { [stays, yields] })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::{log_softmax, posterior};

    #[test]
    fn the_divergence_is_known_where_it_can_be_had_by_hand() {
        assert!(divergence(&[0.3, 0.7], &[0.3, 0.7]).abs() < 1e-15);
        assert!((divergence(&[1.0, 0.0], &[0.0, 1.0]) - 1.0).abs() < 1e-15);
        // m = (¾, ¼): ½·log₂(4/3) + ½(½·log₂(2/3) + ½·log₂ 2).
        let by_hand = 0.5 * (4.0_f64 / 3.0).log2() + 0.25 * (2.0_f64 / 3.0).log2() + 0.25;
        assert!((divergence(&[1.0, 0.0], &[0.5, 0.5]) - by_hand).abs() < 1e-12);
        // As scipy.spatial.distance.jensenshannon([.2, .5, .3], [.6, .1, .3], 2)**2 of SciPy 1.17.1 has it.
        let found = divergence(&[0.2, 0.5, 0.3], &[0.6, 0.1, 0.3]);
        assert!((found - SCIPY).abs() < 1e-12, "{found}");
        assert!((found - divergence(&[0.6, 0.1, 0.3], &[0.2, 0.5, 0.3])).abs() < 1e-15);
    }

    const SCIPY: f64 = 0.180_482_023_721_840_58;

    #[test]
    fn gradients_agree_with_finite_differences_and_sum_to_zero() {
        let joint = [vec![0.3, -1.2, 2.0, 0.9], vec![-0.4, 1.1, 0.2, -2.0]];
        let objectives = [
            Objective::Divergence,
            Objective::Yields { side: 0, class: 2 },
            Objective::Yields { side: 1, class: 1 },
            Objective::Yields { side: 1, class: 3 },
        ];
        for objective in objectives {
            let value = |joint: &[Vec<f64>; 2]| objective.evaluate(&joint.each_ref().map(|j| log_softmax(j))).0;
            let (_, weights) = objective.evaluate(&joint.each_ref().map(|j| log_softmax(j)));
            for side in 0..2 {
                assert!(weights[side].iter().sum::<f64>().abs() < 1e-12, "{objective:?}");
                for class in 0..4 {
                    let at = |h: f64| {
                        let mut moved = joint.clone();
                        moved[side][class] += h;
                        value(&moved)
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let found = weights[side][class];
                    assert!((slope - found).abs() < 1e-8, "{objective:?} {side} {class}: {slope} {found}");
                }
            }
        }
    }

    #[test]
    fn certainty_hides_the_divergences_gradient_but_not_that_of_yielding() {
        let sure = [80.0, 0.0, -3.0];
        let logs = [log_softmax(&sure), log_softmax(&sure)];
        let length = |objective: Objective| objective.evaluate(&logs).1.iter().flatten().map(|w| w.abs()).sum::<f64>();
        assert!(length(Objective::Divergence) < 1e-12);
        assert!(length(Objective::Yields { side: 0, class: 0 }) > 1.0);
        assert!((posterior(&sure)[0] - 1.0).abs() < 1e-12);
    }
}
