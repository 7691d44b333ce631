//! A joint model of one's own: two kinds of flat pictures, one dark and one bright, each a Gaussian around its grey.
//!
//! A model says its log-joint and, for any weights over the classes, the weighted sum of its gradients; denoisers, attacks and
//! certificates follow from that. `cargo run --release --example own_model`

use denoscope::{
    Batch, Error, Forward, JointModel, Noise, Picture, Request, Result, Shape, SigmaRange, Smoothing, analyze, certify,
};

/// The greys' standard deviation around their means.
const DEVIATION: f32 = 0.05;
const MEANS: [f32; 2] = [0.3, 0.7];

struct Greys {
    names: Vec<String>,
}

/// `log p_σ(y, c) = −‖y − m_c‖² / 2(s² + σ²)`, up to a constant.
struct Passed {
    noisy: Batch,
    sigmas: Vec<f32>,
    log_joint: Vec<f64>,
}

fn variance(sigma: f32) -> f32 {
    DEVIATION * DEVIATION + sigma * sigma
}

impl JointModel for Greys {
    fn name(&self) -> &'static str {
        "greys"
    }

    fn device(&self) -> String {
        "cpu".to_owned()
    }

    /// What tells this model from every other; a stopped evaluation goes on only with the same. A hash would do it for weights.
    fn digest(&self) -> String {
        format!("greys {MEANS:?} {DEVIATION}")
    }

    fn classes(&self) -> &[String] {
        &self.names
    }

    fn shape(&self) -> Shape {
        Shape::new(1, 16, 16)
    }

    fn sigma_range(&self) -> SigmaRange {
        SigmaRange { min: 0.01, max: 1.0 }
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        if noisy.shape() != self.shape() || sigmas.len() != noisy.len() {
            return Err(Error::Compute("one sigma a picture of 1×16×16, please".to_owned()));
        }
        let sigmas: Vec<f32> = sigmas.iter().map(|&sigma| self.sigma_range().clamp(sigma)).collect();
        let mut log_joint = Vec::new();
        for (index, &sigma) in sigmas.iter().enumerate() {
            for mean in MEANS {
                let distance: f64 = noisy.row(index).iter().map(|y| f64::from(y - mean).powi(2)).sum();
                log_joint.push(-0.5 * distance / f64::from(variance(sigma)));
            }
        }
        Ok(Box::new(Passed { noisy: noisy.clone(), sigmas, log_joint }))
    }
}

impl Forward for Passed {
    fn noisy(&self) -> &Batch {
        &self.noisy
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn log_joint(&self) -> &[f64] {
        &self.log_joint
    }

    /// `[N, M, K]` weights in, `[N, M]` pictures out: `Σ_c w_c (m_c − y) / (s² + σ²)`.
    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let each = cotangents.len() / MEANS.len() / self.noisy.len();
        let mut values = Vec::new();
        for (row, weights) in cotangents.chunks_exact(MEANS.len()).enumerate() {
            let picture = row / each;
            for y in self.noisy.row(picture) {
                let sum: f32 = weights.iter().zip(MEANS).map(|(w, mean)| w * (mean - y)).sum();
                values.push(sum / variance(self.sigmas[picture]));
            }
        }
        Ok(Batch::new(self.noisy.shape(), values))
    }
}

fn main() -> Result<()> {
    let model = Greys { names: ["dark", "bright"].map(str::to_owned).to_vec() };
    let clean = Picture::filled(model.shape(), 0.34);
    let study = analyze(&model, &Request::clean(clean.clone(), Noise::gaussian(0.5, 1)))?;
    let predicted = study.predicted();
    println!("{}: {:.1} %", study.model.classes[predicted], 100.0 * study.posterior[predicted]);
    println!("D = Σ p(c | y) D_c to {:.0e}", study.identity_error.unwrap_or(f64::NAN));
    let certificate = certify(&model, &clean, &Smoothing { samples: 500, ..Smoothing::new(0.5) })?;
    println!("certified within L2 {:.2}", certificate.radius().unwrap_or_default());
    Ok(())
}
