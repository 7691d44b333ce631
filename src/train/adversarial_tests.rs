use super::*;
use crate::engine::{Gradients, LossParts, LossWeights};

/// A learner whose cross-entropy is linear in the picture: its gradient is the same everywhere.
#[derive(Debug)]
struct Linear {
    slope: Vec<f32>,
    /// What it was asked about.
    asked: Vec<Vec<f32>>,
}

impl Learner for Linear {
    fn device(&self) -> String {
        "linear".to_owned()
    }

    fn load(&mut self, _: &[&[f32]]) -> Result<()> {
        Ok(())
    }

    fn gradient(&mut self, _: &TrainingRows, _: LossWeights) -> Result<(LossParts, &Gradients)> {
        Err(Error::Compute("it does not learn".to_owned()))
    }

    fn attack_gradient(&mut self, rows: &TrainingRows) -> Result<Vec<f32>> {
        self.asked.push(rows.noisy.to_vec());
        Ok(rows.noisy.chunks(self.slope.len()).flat_map(|_| self.slope.clone()).collect())
    }
}

/// Four rows of four values, of which the last two are attacked.
struct Batch {
    clean: Vec<f32>,
    noise: Vec<f32>,
    noisy: Vec<f32>,
}

const SIGMAS: [f32; 4] = [0.5, 0.4, 0.02, 0.004];
const SLOPE: [f32; 4] = [2.0, -0.1, 0.0, 1e-6];

fn batch() -> Batch {
    let clean: Vec<f32> = (0..16).map(|i| [0.0, 0.3, 0.6, 1.0][i % 4]).collect();
    let noise: Vec<f32> = (0..16).map(|i| (i as f32 * 0.7).sin()).collect();
    let noisy = clean.iter().zip(&noise).enumerate().map(|(i, (x, e))| x + SIGMAS[i / 4] * e).collect();
    Batch { clean, noise, noisy }
}

fn attack(how: &str, first: u64) -> (Vec<f32>, Linear, Batch) {
    let batch = batch();
    let rows = TrainingRows {
        noisy: &batch.noisy,
        size: (2, 2),
        noise: &batch.noise,
        sigmas: &SIGMAS,
        labels: &[0; 4],
        classes: &[None; 4],
    };
    let mut learner = Linear { slope: SLOPE.to_vec(), asked: Vec::new() };
    let attacked = Attacked { rows: 2..4, how: how.parse().unwrap(), seed: 7, first };
    let noisy = attacked.pictures(&mut learner, &rows).unwrap();
    // Without the noise of the rows, which stays as it was.
    let pictures = noisy.iter().enumerate().map(|(i, y)| y - SIGMAS[2 + i / 4] * batch.noise[8 + i]).collect();
    (pictures, learner, batch)
}

#[test]
fn pgd_ends_in_the_corner_of_the_budget_that_the_slope_points_to() {
    let (found, learner, batch) = attack("pgd:0.1:4", 0);
    assert_eq!(learner.asked.len(), 4);
    for (i, x) in found.iter().enumerate() {
        let clean = batch.clean[8 + i];
        let corner = match i % 4 {
            0 => 0.1,
            1 => clean - 0.1,
            // Without a slope it stays where it began.
            2 => *x,
            // Nothing is brighter than white.
            _ => 1.0,
        };
        assert!((x - corner).abs() < 1e-6, "value {i}: {x}, not {corner}");
        assert!((x - clean).abs() <= 0.1 + 1e-6);
    }
}

#[test]
fn one_step_goes_on_from_noise_of_twice_the_budget_and_is_not_taken_back() {
    let (found, learner, batch) = attack("n-fgsm:0.1", 0);
    assert_eq!(learner.asked.len(), 1);
    let mut farthest = 0.0_f32;
    for (i, x) in found.iter().enumerate() {
        let start = learner.asked[0][i] - SIGMAS[2 + i / 4] * batch.noise[8 + i];
        let step = [0.1, -0.1, 0.0, 0.1][i % 4];
        assert!((x - (start + step).clamp(0.0, 1.0)).abs() < 1e-6, "value {i}");
        assert!((start - batch.clean[8 + i]).abs() <= 0.2 + 1e-6 && (0.0..=1.0).contains(&start));
        farthest = farthest.max((start - batch.clean[8 + i]).abs());
    }
    assert!(farthest > 0.1, "the noise reaches beyond the budget");
    assert_eq!(attack("n-fgsm:0.1", 0).0, found, "the same draw");
    assert_ne!(attack("n-fgsm:0.1", 4).0, found, "another draw");
}

#[test]
fn text_and_back() {
    for text in ["n-fgsm:0.25", "pgd:0.5:3"] {
        assert_eq!(text.parse::<Adversarial>().unwrap().to_string(), text);
    }
    let fraction: Adversarial = "n-fgsm:8/255".parse().unwrap();
    assert_eq!(fraction.to_string().parse::<Adversarial>().unwrap(), fraction);
    for wrong in [
        "",
        "fgsm:0.1",
        "n-fgsm",
        "n-fgsm:0.1:3",
        "pgd:0.1",
        "pgd:0.1:0",
        "pgd:0.1:x",
        "n-fgsm:0",
        "n-fgsm:NaN",
        "pgd:1/0:3",
    ] {
        let said = wrong.parse::<Adversarial>().unwrap_err().to_string();
        assert!(said.starts_with("--adversarial: "), "{said}");
    }
    assert!("n-fgsm:8".parse::<Adversarial>().unwrap_err().to_string().contains("did you mean 8/255?"));
}
