//! The audit finds nothing wrong with the oracle, and each fault that is put into it.

use super::*;
use crate::joint::altered::{Altered, Change};
use crate::joint::{Forward, GaussianMixture, SigmaRange};
use crate::picture::{Batch, Picture, Shape, normals};
use crate::task::Cancel;
use crate::{Error, Result};

const SHAPE: Shape = Shape::new(1, 4, 6);

/// What is wrong with a model.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// D alone is moved, not the classes' denoisers.
    Mixture,
    /// Its second derivatives are too large.
    Lie,
    /// Its denoiser turns what it sees.
    Turn,
    /// Its denoiser overshoots: a little more brightness in makes less of it out.
    Overshoot,
    /// Its densities at different noise levels do not belong together.
    Time,
    /// It is less sure of its classes than its denoisers.
    Unsure,
}

/// How strong the overshoot is, in units of the noise that is seen.
const OVERSHOOT: f32 = 0.9;

impl Change for Fault {
    fn sigma_range(&self, _: SigmaRange) -> SigmaRange {
        SigmaRange { min: 0.01, max: 1.0 }
    }
    fn log_joint(&self, own: &dyn Forward) -> Vec<f64> {
        let mut log_joint = own.log_joint().to_vec();
        if *self == Self::Time {
            for (index, row) in log_joint.chunks_exact_mut(2).enumerate() {
                let sum: f32 = own.noisy().row(index).iter().sum();
                for l in row {
                    *l += 60.0 * f64::from(own.sigmas()[index] * sum);
                }
            }
        }
        if *self == Self::Unsure {
            for row in log_joint.chunks_exact_mut(2) {
                let (density, odds) = (crate::joint::log_density(row), row[0] - row[1]);
                // The log-odds are a tenth of what they were, the density is the same.
                let tempered = [0.1 * odds, 0.0];
                let too_much = crate::joint::log_density(&tempered) - density;
                row.copy_from_slice(&tempered.map(|l| l - too_much));
            }
        }
        log_joint
    }
    fn pullback(&self, own: &dyn Forward, cotangents: &[f32]) -> Result<Batch> {
        let mut found = own.pullback(cotangents)?;
        let each = found.len() / own.noisy().len();
        for (row, weights) in cotangents.chunks_exact(2).enumerate() {
            let (y, sigma) = (own.noisy().row(row / each), own.sigmas()[row / each]);
            let density: f32 = weights.iter().sum();
            for (i, out) in found.row_mut(row).iter_mut().enumerate() {
                *out += match self {
                    Self::Mixture if weights.iter().all(|w| *w != 0.0) => 0.05 / sigma,
                    Self::Turn if i % 2 == 0 => 0.5 * density * y[i + 1] / (sigma * sigma),
                    Self::Turn => -0.5 * density * y[i - 1] / (sigma * sigma),
                    Self::Overshoot => -OVERSHOOT * density * (y[i] - 0.5) / (sigma * sigma),
                    _ => 0.0,
                };
            }
        }
        Ok(found)
    }
    fn curvature(&self, own: &dyn Forward, asked: (&[f32], bool), directions: &Batch) -> Result<Option<Batch>> {
        let Some(mut found) = own.curvature(asked.0, asked.1, directions)? else { return Ok(None) };
        match self {
            Self::Lie => found.values_mut().iter_mut().for_each(|v| *v *= 0.4),
            // It leaves these to differences.
            Self::Turn | Self::Overshoot => return Ok(None),
            Self::None | Self::Mixture | Self::Time | Self::Unsure => {}
        }
        Ok(Some(found))
    }
}

fn picture(stream: u64) -> Picture {
    let mut values = vec![0.0; SHAPE.len()];
    normals::fill(17, stream, 0, &mut values);
    Picture::new(SHAPE, values.into_iter().map(|v| 0.5 + 0.2 * v).collect())
}

fn model(fault: Fault) -> Altered<Fault> {
    let mean = |stream| picture(stream).values().iter().map(|v| f64::from(*v)).collect();
    let oracle = GaussianMixture::new(SHAPE, 2).with(0, 0.3, mean(1), 0.02).with(0, 0.2, mean(2), 0.05).with(
        1,
        0.5,
        mean(3),
        0.03,
    );
    Altered(oracle, fault)
}

fn request() -> AuditRequest {
    let pictures = (10..13).map(picture).collect();
    AuditRequest { sigmas: vec![0.1, 0.4], draws: 8, probes: 128, ..AuditRequest::of(pictures) }
}

fn audited(fault: Fault) -> Audit {
    audit(&model(fault), &request(), &Cancel::new(), &mut |_, _| ()).unwrap()
}

#[test]
fn the_oracle_is_a_density_at_every_level() {
    let mut shares = Vec::new();
    let found = audit(&model(Fault::None), &request(), &Cancel::new(), &mut |share, _| shares.push(share)).unwrap();
    for level in &found.levels {
        assert!(level.health() <= 0.5 && level.samples == 24 && level.is_exact, "{level:?}");
        assert!(level.smallest_eigenvalue > 0.0 && level.trace > 1.0 && level.trace < 24.0);
        let stein = level.residuals.iter().find(|m| m.residual.id == "sure").unwrap();
        let roads = level.residuals.last().unwrap();
        assert!(roads.standard_error < 0.2 && roads.value < 3.0 * roads.standard_error + 0.01, "{roads:?}");
        assert!(stein.value < 3.0 * stein.standard_error + 0.02 && stein.standard_error < 0.5, "{stein:?}");
    }
    assert!(shares.is_sorted() && shares.last() == Some(&1.0));
    let report = serde_json::to_value(AuditReport::of(&found, 3)).unwrap();
    assert_eq!(report["levels"].as_array().unwrap().len(), 2);
    assert_eq!(report["levels"][0]["residuals"].as_object().unwrap().len(), RESIDUALS.len());
}

#[test]
fn each_fault_lights_up_its_residual() {
    let faults = [
        (Fault::Mixture, "mixture"),
        (Fault::Lie, "derivative"),
        (Fault::Lie, "sure"),
        (Fault::Turn, "symmetry"),
        (Fault::Overshoot, "covariance"),
        (Fault::Time, "fokker_planck"),
        (Fault::Unsure, "roads"),
    ];
    for (fault, id) in faults {
        let found = audited(fault);
        for level in &found.levels {
            let one = level.residuals.iter().find(|m| m.residual.id == id).unwrap();
            assert!(one.severity() > 1.5 && level.health() > 1.5, "{fault:?} at {}: {one:?}", level.sigma);
        }
    }
    let all = RESIDUALS.iter().map(|residual| residual.id);
    assert!(all.clone().all(|id| faults.iter().any(|fault| fault.1 == id)), "a fault for every residual");
}

#[test]
fn what_is_no_audit_is_refused_and_a_level_beyond_the_range_is_moved_into_it() {
    let ask = |change: &dyn Fn(&mut AuditRequest)| {
        let mut request = AuditRequest { draws: 2, probes: 2, sigmas: vec![0.1], ..request() };
        change(&mut request);
        audit(&model(Fault::None), &request, &Cancel::new(), &mut |_, _| ())
    };
    let refused = |option: &str, change: &dyn Fn(&mut AuditRequest)| {
        let message = ask(change).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--draws", &|r| r.draws = 0);
    refused("--probes", &|r| r.probes = 1);
    refused("--sigmas", &|r| r.sigmas = vec![]);
    refused("--sigmas", &|r| r.sigmas = vec![0.0]);
    refused("--draws", &|r| {
        r.draws = 1;
        r.pictures.truncate(1);
    });
    let level = ask(&|r| r.sigmas = vec![5.0]).unwrap().levels.remove(0);
    assert!(level.sigma > 4.9 && level.sigma_used < 1.0 && level.sigma_used > 0.95);
    let cancel = Cancel::new();
    cancel.raise();
    assert!(matches!(audit(&model(Fault::None), &request(), &cancel, &mut |_, _| ()), Err(Error::Cancelled)));
}
