//! Fools a model with a small perturbation, then proves how large one must be to fool the smoothed model.
//!
//! `cargo run --release --example attack`

use denoscope::{JointModel, Method, Norm, Result, Settings, Smoothing, attack, certify, load, parameters, sample};

fn main() -> Result<()> {
    let model = load("digits")?;
    let clean = sample("digits/4", model.shape())?;
    let name = |class: usize| model.classes()[class].clone();

    // Twenty steps of PGD within 0.1 of every pixel, on the classifier p(c | x) at σ = 0.1.
    let settings = Settings::new(Method::Pgd, 0.1).within(Norm::Linf, 0.1).with(parameters::STEPS, 20.0)?;
    let attacked = attack(&model, clean.clone(), None, &settings)?;
    let outcome = &attacked.outcome;
    let verdict = if outcome.success { "fooled" } else { "held" };
    println!(
        "{verdict}: {} before, {} after, moved by L∞ {:.4} and L2 {:.3}",
        name(outcome.predicted_before),
        name(outcome.predicted_after),
        outcome.achieved.linf,
        outcome.achieved.l2,
    );

    let certificate = certify(&model, &clean, &Smoothing { samples: 1000, ..Smoothing::new(0.25) })?;
    match certificate.radius() {
        Some(radius) => println!("certified {} within L2 {radius:.3}", name(certificate.class)),
        None => println!("the smoothed classifier abstains"),
    }
    Ok(())
}
