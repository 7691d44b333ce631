//! An audit as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Audit, LevelAudit, Measured};

/// What `audit --json` prints.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AuditReport {
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// How many pictures it was audited on.
    pub pictures: usize,
    /// The seed of noise and probes.
    pub seed: u64,
    /// The noise levels, as they were asked for.
    pub levels: Vec<LevelReport>,
}

/// One noise level.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LevelReport {
    /// The noise level that was asked for, on the [0, 1] scale.
    pub sigma: f32,
    /// What was added and computed with, inside the trained range.
    pub sigma_used: f32,
    /// How many noisy pictures were measured.
    pub samples: usize,
    /// Whether products with the Jacobian are `exact` or `differences` of the denoiser.
    pub products: &'static str,
    /// How many times the worst residual is its limit, less two standard errors; up to 1 all is well.
    pub health: f64,
    /// Each residual by its name.
    pub residuals: ByResidual,
    /// The smallest eigenvalue of J that was met.
    pub smallest_eigenvalue: f64,
    /// The mean of `tr J`.
    pub trace: f64,
    /// The mean of `‖x − D‖²/d`.
    pub squared_error: f64,
    /// Stein's estimate of it, from the noisy pictures alone.
    pub estimated_squared_error: f64,
}

/// Residuals under their names, in the order of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct ByResidual(pub Vec<(&'static str, ResidualReport)>);

/// One residual.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ResidualReport {
    /// Its value, 0 for a density.
    pub value: f64,
    /// Its standard error; 0 where it has none.
    pub standard_error: f64,
    /// What is still taken for rounding or a small fault of training.
    pub limit: f64,
}

impl Serialize for ByResidual {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, report) in &self.0 {
            map.serialize_entry(id, report)?;
        }
        map.end()
    }
}

impl AuditReport {
    /// The report of an audit whose noise and probes had this seed.
    #[must_use]
    pub fn of(audit: &Audit, seed: u64) -> Self {
        Self {
            model: audit.model.name.clone(),
            device: audit.model.device.clone(),
            pictures: audit.pictures,
            seed,
            levels: audit.levels.iter().map(LevelReport::of).collect(),
        }
    }
}

impl LevelReport {
    fn of(level: &LevelAudit) -> Self {
        let one = |found: &Measured| {
            let Measured { residual, value, standard_error } = *found;
            (residual.id, ResidualReport { value, standard_error, limit: residual.limit })
        };
        Self {
            sigma: level.sigma,
            sigma_used: level.sigma_used,
            samples: level.samples,
            products: if level.is_exact { "exact" } else { "differences" },
            health: level.health(),
            residuals: ByResidual(level.residuals.iter().map(one).collect()),
            smallest_eigenvalue: level.smallest_eigenvalue,
            trace: level.trace,
            squared_error: level.error,
            estimated_squared_error: level.estimated_error,
        }
    }
}
