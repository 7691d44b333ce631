//! What a model must satisfy if it is a density, and how far it may be off.

/// One property of every density, as a residual that is 0 where it holds.
#[derive(Debug)]
pub struct Residual {
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What is 0.
    pub formula: &'static str,
    /// What it means if it is not.
    pub about: &'static str,
    /// What is still taken for rounding or for a small fault of training, this program's choice.
    pub limit: f64,
}

/// D against the mean of the classes' denoisers.
pub static MIXTURE: Residual = Residual {
    id: "mixture",
    title: "D = Σ p(c | y) D_c",
    formula: "‖D − Σ p(c | y) D_c‖ / ‖D − y‖",
    about: "the denoiser is not the mean of its classes' denoisers",
    limit: 1e-3,
};

/// Products with J against differences of D.
pub static DERIVATIVE: Residual = Residual {
    id: "derivative",
    title: "J = ∂D/∂y",
    formula: "‖J r − (D(y + hr) − D(y − hr))/2h‖ / ‖J r‖",
    about: "the products with the Jacobian are not those of the denoiser",
    limit: 2e-2,
};

/// J against its transpose.
pub static SYMMETRY: Residual = Residual {
    id: "symmetry",
    title: "J is symmetric",
    formula: "|⟨u, J v⟩ − ⟨v, J u⟩| / ‖u‖‖J v‖",
    about: "the denoiser is no gradient, so it belongs to no density",
    limit: 2e-2,
};

/// J's smallest eigenvalue.
pub static COVARIANCE: Residual = Residual {
    id: "covariance",
    title: "J ≥ 0",
    formula: "max(0, −λ_min(J))",
    about: "σ²J is no covariance, so the denoiser is not the mean of any posterior",
    limit: 1e-2,
};

/// The heat equation of log p.
pub static FOKKER_PLANCK: Residual = Residual {
    id: "fokker_planck",
    title: "Fokker–Planck",
    formula: "sd(∂log p/∂t − ½[(tr J − d)/t + ‖∇log p‖²]) / sd(∂log p/∂t), t = σ²",
    about: "the densities at different noise levels are not those of one clean picture's distribution",
    limit: 0.1,
};

/// Stein's estimate of the error against the error.
pub static SURE: Residual = Residual {
    id: "sure",
    title: "SURE",
    formula: "|mean(‖y − D‖² + 2σ² tr J − σ²d − ‖x − D‖²)| / mean ‖x − D‖²",
    about: "the error that the model's Jacobian promises is not the error that it makes",
    limit: 0.1,
};

/// The two roads to the posterior: how the classifier's log-odds change with the noise, and what the denoisers' errors say of it.
pub static ROADS: Residual = Residual {
    id: "roads",
    title: "Two roads",
    formula: "|mean(∂E/∂log σ + (‖x − D_b‖² − ‖x − D_a‖²)/σ²)| / (1 bit + |mean ∂E/∂log σ|), E = log p(a | y)/p(b | y)",
    about: "what the classifier says is not what its denoisers' errors say",
    limit: 0.1,
};

/// Every residual, in the order of reports.
pub static RESIDUALS: [&Residual; 7] = [&MIXTURE, &DERIVATIVE, &SYMMETRY, &COVARIANCE, &FOKKER_PLANCK, &SURE, &ROADS];

/// A residual of one noise level.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Which.
    pub residual: &'static Residual,
    /// Its value.
    pub value: f64,
    /// Its standard error, where it has one.
    pub standard_error: f64,
}

impl Measured {
    /// How many times its limit it is, less two standard errors: above 1, something is wrong.
    #[must_use]
    pub fn severity(&self) -> f64 {
        let sure = (self.value - 2.0 * self.standard_error).max(0.0);
        // What is no number is no property of a density either.
        if sure.is_finite() { sure / self.residual.limit } else { f64::MAX }
    }
}
